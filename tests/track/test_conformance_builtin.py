"""The conformance kit on the built-in trackers that need nothing else."""

import json
import math

from pahcl_track import NullTracker, installed_trackers, load_tracker
from pahcl_track.testing import Recorded, TrackerConformance

NON_FINITE = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}


class TestNull(TrackerConformance):
    def make_tracker(self, tmp_path):
        return NullTracker()


class TestConsole(TrackerConformance):
    def make_tracker(self, tmp_path):
        return load_tracker("console", {"every_s": "0"})


class TestJournal(TrackerConformance):
    """Read by a parser of its own; each line is one object, whose keys say what it is."""

    def make_tracker(self, tmp_path):
        return load_tracker("journal")

    def read_back(self, tmp_path):
        text = (tmp_path / "journal.jsonl").read_text(encoding="utf-8")
        lines = [json.loads(line) for line in text.removesuffix("\n").split("\n")]
        rows, resumed_from, files, outcome = [], None, {}, None
        for line in lines:
            if "resumed" in line:  # what was logged after that step is void
                resumed_from = line["resumed"]
                rows = [row for row in rows if row[0] <= resumed_from]
            for name, value in line.get("values", {}).items():
                if not isinstance(value, dict):
                    rows.append((line["step"], name, NON_FINITE.get(value, value)))
            if "save" in line:
                path = tmp_path / line["save"]
                files[path.name] = path.read_bytes() if path.exists() else None
            if "finish" in line:
                outcome = line["finish"]["status"]
        return Recorded(rows=rows, files=files, outcome=outcome)


def test_no_builtin_tracker_is_forgotten():
    """The classes above, and test_conformance_wandb."""
    ours = {found.name for found in installed_trackers() if found.distribution == "pahcl-track"}

    assert ours == {"null", "console", "journal", "wandb"}
