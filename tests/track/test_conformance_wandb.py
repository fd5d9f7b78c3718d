"""The conformance kit on the wandb tracker, recording offline, read from the bytes on disk."""

import time
from pathlib import Path
from typing import ClassVar

import pytest

pytest.importorskip("wandb", reason="needs the wandb client")

from oracles.wandb_file import read_wandb_file
from pahcl_track import load_tracker
from pahcl_track.testing import Recorded, TrackerConformance

STEP = "global_step"


def finished_run(directory):
    """The offline run in a run's directory; the client may still be writing its last record."""
    for _ in range(200):
        (path,) = directory.glob("wandb/offline-run-*/run-*.wandb")
        run = read_wandb_file(path)
        if run.exit_code is not None:
            return path, run
        time.sleep(0.05)
    raise AssertionError(f"{path} never came to its end")


class TestWandbOffline(TrackerConformance):
    expected_failures: ClassVar = {
        "test_names_reserved_elsewhere_are_kept": "W&B counts rows in _step and times them in "
        "_runtime and _timestamp; global_step is the axis"
    }

    @pytest.fixture(autouse=True)
    def _own_folders(self, tmp_path, monkeypatch):
        for name in ("CACHE", "DATA", "CONFIG", "ARTIFACT"):
            monkeypatch.setenv(f"WANDB_{name}_DIR", str(tmp_path / "run" / "wandb" / name))

    def make_tracker(self, tmp_path):
        return load_tracker("wandb", {"mode": "offline", "system_metrics": "false"})

    def read_back(self, tmp_path):
        path, run = finished_run(tmp_path)
        rows = [
            (row[STEP], name, float(value))
            for row in run.history
            if STEP in row
            for name, value in row.items()
            if name != STEP and not isinstance(value, dict)
        ]
        files = {name: (path.parent / "files" / name).read_bytes() for name in run.files}
        for artifact in run.artifacts:
            files |= {name: Path(kept).read_bytes() for name, kept in artifact.files.items()}
        outcome = run.summary.get("status", "completed" if run.exit_code == 0 else "failed")
        return Recorded(rows=rows, files=files, outcome=outcome)
