"""`torchrun -m pahcl_cli`: one run of several processes, which ends as a whole and goes on."""

import signal
import subprocess
import sys

import pytest

from support.cli_process import environment
from support.histories import history
from support.rank_process import start_ranks

EPOCHS = "8"  # so many that none is the last when the signal arrives


def torchrun(folder, *arguments):
    return subprocess.run(
        [
            sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2",
            "-m", "pahcl_cli", *map(str, arguments),
        ],
        cwd=folder, env=environment(folder), stdin=subprocess.DEVNULL,
        capture_output=True, text=True, timeout=180, check=False,
    )  # fmt: skip


@pytest.mark.slow
def test_a_killed_rank_ends_the_other_and_the_run_goes_on(circor, small_options, tmp_path):
    """The other says which it was and what to do; the end has the bits of a run left in peace."""
    options = ("--data-dir", circor, "--epochs", EPOCHS, *small_options, "--experiment-name", "run")
    whole = torchrun(tmp_path, "pretrain", *options, "--output-dir", "whole")
    assert whole.returncode == 0, whole.stderr
    assert whole.stdout.count("pretrained on") == 1

    first, second = start_ranks(
        2, "-m", "pahcl_cli", "pretrain", *options, "--output-dir", "cut", cwd=tmp_path
    )
    for line in first.stderr:
        if "best" in line:  # an epoch is over
            break
    second.send_signal(signal.SIGKILL)
    _, said = first.communicate(timeout=60)
    second.communicate()

    assert first.returncode == 1
    assert "rank 1 of 2 (counted from 0) no longer answers" in said
    assert "go on with --resume cut/run" in said

    resumed = torchrun(tmp_path, "pretrain", "--resume", "cut/run")

    assert resumed.returncode == 0, resumed.stderr
    for name in ("best_model.pt", "final_metrics.json", "splits.json"):
        assert (tmp_path / "cut/run" / name).read_bytes() == (
            tmp_path / "whole/run" / name
        ).read_bytes()
    assert history(tmp_path / "cut/run") == history(tmp_path / "whole/run")
    assert [path.name for path in (tmp_path / "cut").glob("run*")] == ["run"]


def test_a_mistake_of_one_rank_ends_all(circor, small_options, tmp_path):
    """The first has no place to write: it says so once, and the other waits for nothing."""
    (tmp_path / "file").touch()

    first, second = start_ranks(
        2, "-m", "pahcl_cli", "pretrain", "--data-dir", circor, *small_options,
        "--output-dir", "file/below", cwd=tmp_path,
    )  # fmt: skip
    _, said = first.communicate(timeout=60)
    _, said_by_other = second.communicate(timeout=60)

    assert first.returncode == 2
    assert "cannot write a run here" in said
    assert second.returncode == 1
    assert "Traceback" not in said_by_other
    assert "error" not in said_by_other
