"""`--resume`: a run that was killed goes on with one option."""

import signal
import tomllib

import pytest

from support.cli_process import start
from support.forked import run
from support.histories import history

EPOCHS = "12"  # so many that none is the last when the signal arrives


@pytest.mark.parametrize(
    "command", [("pretrain",), ("finetune", "circor_murmur")], ids=["pretrain", "finetune"]
)
def test_killed_and_resumed(circor, small_options, tmp_path, command):
    """The model has the bytes of one that was never killed, the history each value once."""
    options = ("--data-dir", circor, "--epochs", EPOCHS, *small_options, "--experiment-name", "run")
    whole = run(tmp_path, *command, *options, "--output-dir", "whole")
    assert whole.returncode == 0, whole.stderr

    process = start(tmp_path, *command, *options, "--output-dir", "cut")
    for line in process.stderr:
        if "best" in line:  # an epoch is over
            break
    process.send_signal(signal.SIGKILL)
    process.communicate()
    resumed = run(tmp_path, command[0], "--resume", "cut/run")

    assert resumed.returncode == 0, resumed.stderr
    for name in ("best_model.pt", "final_metrics.json", "splits.json"):
        assert (tmp_path / "cut/run" / name).read_bytes() == (
            tmp_path / "whole/run" / name
        ).read_bytes()
    assert history(tmp_path / "cut/run") == history(tmp_path / "whole/run")
    assert [path.name for path in (tmp_path / "cut").glob("run*")] == ["run"]


def test_what_an_interrupted_run_says_works(circor, small_options, tmp_path):
    """The line that Ctrl-C prints ends with the option to give."""
    process = start(
        tmp_path, "pretrain", "--data-dir", circor, "--epochs", EPOCHS, *small_options
    )  # fmt: skip
    for line in process.stderr:
        if "best" in line:
            break
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 130, said
    advice = next(line for line in said.splitlines() if "--resume" in line)

    resumed = run(tmp_path, "pretrain", *advice[advice.index("--resume") :].split())

    assert resumed.returncode == 0, resumed.stderr
    config = tomllib.loads((tmp_path / "outputs/pretrain/config.toml").read_text())
    assert config["training"]["epochs"] == int(EPOCHS)


@pytest.fixture(scope="module")
def complete(circor, small_options, tmp_path_factory):
    """A run's folder."""
    folder = tmp_path_factory.mktemp("complete")
    done = run(
        folder, "pretrain", "--data-dir", circor, "--epochs", "1", *small_options,
        "--experiment-name", "run",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return folder / "outputs/run"


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ((), "this run is complete; there is nothing to resume"),
        (("--epochs", "9"), "keeps its settings: leave out training.epochs, or begin another run"),
        (("--set", "seed=1"), "keeps its settings: leave out --set, or"),
        (("--epochs", "1"), "this run is complete"),
    ],
    ids=["complete", "epochs", "set", "same"],
)
def test_mistakes(complete, cli, options, complaint):
    done = cli("pretrain", "--resume", complete, *options)

    assert done.exit_code == 2
    assert complaint in done.output
    assert len(done.output.splitlines()) == 1


def test_a_folder_that_holds_no_run(cli, tmp_path):
    done = cli("pretrain", "--resume", tmp_path)

    assert done.exit_code == 2
    assert "there is no run to resume: it has no config.toml" in done.output
