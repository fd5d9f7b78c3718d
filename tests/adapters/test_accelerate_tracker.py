"""The Accelerate tracker, in the real Accelerator."""

import textwrap

import pytest

pytest.importorskip("accelerate", reason="needs Accelerate: make test-adapters")

import torch
from accelerate import Accelerator

from pahcl_track import Run, Session
from pahcl_track.adapters.accelerate import AccelerateTracker
from support.programs import lines_of_one_process
from support.trackers import Failing, Recorder


@pytest.fixture
def run(tmp_path):
    return Run(name="try 1", directory=tmp_path / "run", config={"seed": 1})


@pytest.fixture
def tracker():
    return Recorder()


@pytest.fixture
def accelerator(tracker, run):
    return Accelerator(cpu=True, log_with=AccelerateTracker(tracker, run))


def test_configuration_values_and_end_arrive(accelerator, tracker):
    accelerator.init_trackers("project", config={"lr": 0.5, "api_key": "k-1234"})
    accelerator.log({"train/loss": torch.tensor(0.5), "lr": 0.25}, step=3)
    accelerator.log({"val/auroc": 0.75}, step=1)
    accelerator.log({"bf16": torch.tensor([0.125], dtype=torch.bfloat16)}, step=3)
    accelerator.end_training()

    assert tracker.run.config == {"seed": 1, "lr": 0.5, "api_key": "[redacted]"}
    assert tracker.rows == [
        (3, {"train/loss": 0.5, "lr": 0.25}),
        (1, {"val/auroc": 0.75}),
        (3, {"bf16": 0.125}),
    ]
    assert tracker.outcome.status == "completed"
    assert tracker.calls == ["start", "log", "log", "log", "finish"]


def test_without_a_step_a_row_follows_the_last(accelerator, tracker):
    accelerator.init_trackers("project")
    for values, step in (
        ({"a": 0.0}, None),
        ({"a": 1.0}, None),
        ({"a": 2.0}, 10),
        ({"a": 3.0}, None),
    ):
        accelerator.log(values, step=step)
    accelerator.end_training()

    assert tracker.steps == [0, 1, 10, 11]


def test_texts_are_left_out_and_the_numbers_kept(accelerator, tracker):
    """Accelerate allows texts among the values."""
    accelerator.init_trackers("project")
    accelerator.log({"note": "warm-up", "loss": 0.5}, step=1)
    accelerator.end_training()

    assert tracker.rows == [(1, {"loss": 0.5})]


def test_a_run_without_values_is_a_run(accelerator, tracker):
    accelerator.init_trackers("project", config={"lr": 0.5})
    accelerator.end_training()

    assert tracker.calls == ["start", "finish"]
    assert tracker.run.config == {"seed": 1, "lr": 0.5}


def test_it_is_found_by_its_name(accelerator):
    accelerator.init_trackers("project")

    assert isinstance(accelerator.get_tracker("pahcl"), AccelerateTracker)
    assert isinstance(accelerator.get_tracker("pahcl", unwrap=True), Session)
    accelerator.end_training()


def test_a_session_is_used_as_it_is(run):
    session = Session({})

    assert AccelerateTracker(session, run).tracker is session


def test_a_tracker_that_fails_does_not_reach_the_program(run):
    broken = Failing(ConnectionError("gone"), "log", "save", "finish")
    accelerator = Accelerator(cpu=True, log_with=AccelerateTracker(broken, run))
    accelerator.init_trackers("project")
    accelerator.log({"loss": 0.5}, step=1)
    accelerator.end_training()

    assert broken.attempts == 2
    assert '"loss":0.5' in (run.directory / "journal.jsonl").read_text(encoding="utf-8")


PROGRAM = """
    import sys
    from pathlib import Path
    from accelerate import Accelerator
    from pahcl_track import Run
    from pahcl_track.adapters.accelerate import AccelerateTracker
    from support.trackers import StartedBy

    run = Run(name="it", directory=Path(sys.argv[1]))
    tracker = AccelerateTracker(StartedBy(), run)
    accelerator = Accelerator(cpu=True, log_with=tracker)
    accelerator.init_trackers("project", config={"processes": accelerator.num_processes})
    for step in range(3):
        accelerator.log({"rank": accelerator.process_index}, step=step)
    tracker.log({"rank": accelerator.process_index}, step=3)
    if sys.argv[2] == "end":
        tracker.finish()
        accelerator.end_training()
"""


def run_program(tmp_path, how, *launcher):
    """The lines of the journal that a program leaves."""
    script = tmp_path / "train.py"
    script.write_text(textwrap.dedent(PROGRAM), encoding="utf-8")
    return lines_of_one_process(tmp_path / "run", script, how, launcher=launcher)


def test_of_two_processes_one_reports(tmp_path):
    launcher = ("-m", "torch.distributed.run", "--nproc-per-node", "2", "--standalone")

    lines = run_program(tmp_path, "end", *launcher)

    assert lines[0]["run"]["config"] == {"processes": 2}
    assert [line["values"]["rank"] for line in lines if "values" in line] == [0] * 4
    assert [line["finish"]["status"] for line in lines if "finish" in line] == ["completed"]


def test_a_training_that_never_ends_is_recorded_as_failed(tmp_path):
    lines = run_program(tmp_path, "stop")

    assert lines[-1]["finish"]["status"] == "failed"
