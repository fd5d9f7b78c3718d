"""The reader of `.wandb` files, against what the real client writes and later sends.

Nothing of pahcl_track takes part, so that tests of the wandb backend can rest on the reader.
"""

import json
import shutil
import struct
import subprocess
import sys
import zlib

import pytest

pytest.importorskip("wandb", reason="needs the wandb client")

from wandb.proto import wandb_internal_pb2 as protocol

from oracles.wandb_file import Metric, read_wandb_file
from support.wandb_clients import (
    FULL_CLIENT,
    NUM_ROWS,
    WEIGHTS,
    check_description,
    check_rows,
    run_client,
    wandb_file,
)
from support.wandb_server import WandbServer


@pytest.fixture(scope="module")
def offline(tmp_path_factory):
    """The environment of the full client after it ran offline, and what it left."""
    folder = tmp_path_factory.mktemp("offline")
    with WandbServer() as server:
        environment = server.environment(folder)
        client = run_client(FULL_CLIENT, environment | {"WANDB_MODE": "offline"}, folder)
        assert client.returncode == 0, client.stderr
        assert server.requests == []
    return environment, read_wandb_file(wandb_file(environment))


def test_file_describes_the_run(offline):
    check_description(offline[1])


def test_file_has_the_rows_in_order(offline):
    check_rows(offline[1].logged)


def test_file_has_the_metric_definitions(offline):
    assert offline[1].metrics == {
        "step": Metric("", False, frozenset()),
        "*": Metric("step", False, frozenset()),
        "val/auroc": Metric("step", False, frozenset({"max"})),
    }


def test_file_has_the_summary(offline):
    summary = offline[1].summary
    assert summary["best/auroc"] == 0.75
    assert summary["val/auroc"] == {"max": 0.75}
    assert summary["train/loss"] == 1 / NUM_ROWS
    assert "gone" not in summary


def test_file_names_files_artifacts_and_console(offline):
    _, run = offline
    assert {"report.html", run.logged[NUM_ROWS + 2]["cases"]["path"]} <= set(run.files)
    (model,) = [artifact for artifact in run.artifacts if artifact.type == "checkpoint"]
    assert (model.name, model.aliases) == ("model", {"best", "latest"})
    assert model.metadata == {"epoch": 3}
    assert {path: file.read_bytes() for path, file in model.files.items()} == {
        "weights.bin": WEIGHTS
    }
    assert run.console == "said aloud\n"
    assert not run.torn


def test_killed_run_is_read_up_to_the_tear(offline, tmp_path):
    environment, whole = offline
    content = wandb_file(environment).read_bytes()
    torn = tmp_path / "torn.wandb"
    # At the end of a block the long note has just been cut between two of its fragments.
    for size in (len(content) - 3, 32768, 98304):
        torn.write_bytes(content[:size])
        assert read_wandb_file(torn).torn
    # Anywhere: what is read is a beginning of what was written.
    for size in range(7, len(content), 997):
        torn.write_bytes(content[:size])
        run = read_wandb_file(torn)
        assert repr(run.history) == repr(whole.history[: len(run.history)])
        assert run.exit_code is None


def test_rest_of_a_block_too_short_for_a_fragment_is_skipped(tmp_path):
    """A log made by hand whose second record begins in the next block."""

    def printed(line):
        record = protocol.Record(output_raw=protocol.OutputRawRecord(line=line))
        content = record.SerializeToString()
        checksum = zlib.crc32(b"\x01" + content)  # 1: the whole record in one fragment
        return struct.pack("<IHB", checksum, len(content), 1) + content

    header = b":W&B\xe1\xbe\x00"
    first = next(
        fragment
        for length in range(32700, 32768)
        if len(header + (fragment := printed("x" * length))) == 32768 - 3
    )
    path = tmp_path / "made.wandb"
    path.write_bytes(header + first + bytes(3) + printed("y"))
    assert read_wandb_file(path).console.lstrip("x") == "y"


def test_damaged_file_is_refused(offline, tmp_path):
    content = bytearray(wandb_file(offline[0]).read_bytes())
    content[100] ^= 1
    damaged = tmp_path / "damaged.wandb"
    damaged.write_bytes(content)
    with pytest.raises(ValueError, match="wrong checksum of the fragment that ends at byte"):
        read_wandb_file(damaged)
    damaged.write_bytes(b"LOG!" + content)
    with pytest.raises(ValueError, match=r"damaged.wandb: begins with b'LOG!"):
        read_wandb_file(damaged)


def test_offline_run_sent_later_is_the_same_run(offline, tmp_path):
    _, local = offline
    folder = shutil.copytree(wandb_file(offline[0]).parent, tmp_path / "offline-run")
    with WandbServer() as server:
        sync = subprocess.run(
            [sys.executable, "-m", "wandb", "sync", str(folder)],
            env=server.environment(tmp_path),
            cwd=tmp_path,
            timeout=60,
            capture_output=True,
            text=True,
        )
        assert sync.returncode == 0, sync.stderr
    run = server.runs["run-1"]
    check_description(run)
    sent, written = (json.dumps(rows, sort_keys=True) for rows in (run.logged, local.logged))
    assert sent == written
    assert run.files["report.html"] == b"<p>report</p>"
    (model,) = [artifact for artifact in run.artifacts if artifact.type == "checkpoint"]
    assert model.files == {"weights.bin": WEIGHTS}
