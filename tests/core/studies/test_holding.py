"""A run's end is told when its probe is known, too."""

from pathlib import Path

import pytest

from pahcl_core.studies.holding import HeldOpen
from pahcl_track import Outcome, Run, Session
from support.histories import history
from support.trackers import Failing, Recorder


@pytest.fixture
def run(tmp_path):
    return Run(name="it", directory=tmp_path)


def test_a_completed_run_ends_with_what_came_after(run):
    recorder = Recorder()
    tracker = HeldOpen(recorder)
    tracker.start(run)
    tracker.log({"train/loss": 1.0}, step=3)
    tracker.save(Path("best_model.pt"), kind="checkpoint")
    tracker.finish(Outcome(status="completed", summary={"best/val/loss": 0.5}))
    assert recorder.calls == ["start", "log", "save"]

    with tracker.ending() as summary:
        summary["probe/it"] = 0.75

    assert recorder.calls == ["start", "log", "save", "finish"]
    assert recorder.outcome == Outcome(
        status="completed", summary={"best/val/loss": 0.5, "probe/it": 0.75}
    )
    assert (recorder.run, recorder.rows) == (run, [(3, {"train/loss": 1.0})])
    assert recorder.files == [(Path("best_model.pt"), "checkpoint")]


@pytest.mark.parametrize("status", ["failed", "interrupted"])
def test_one_that_was_not_completed_ends_at_once(run, status):
    recorder = Recorder()
    tracker = HeldOpen(recorder)
    tracker.start(run)

    tracker.finish(Outcome(status=status, error="why"))

    assert recorder.outcome == Outcome(status=status, error="why")


@pytest.mark.parametrize(
    ("error", "outcome"),
    [
        (KeyboardInterrupt(), Outcome(status="interrupted", summary={"a": 1})),
        (OSError("disk full"), Outcome(status="failed", error="disk full", summary={"a": 1})),
    ],
)
def test_what_goes_wrong_after_training_is_told(run, error, outcome):
    recorder = Recorder()
    tracker = HeldOpen(recorder)
    tracker.start(run)
    tracker.finish(Outcome(status="completed", summary={"a": 1}))

    with pytest.raises(type(error)), tracker.ending():
        raise error

    assert recorder.outcome == outcome


def test_a_tracker_that_fails_harms_nothing(run):
    tracker = HeldOpen(Failing(ConnectionError("down"), "start", "finish"))
    tracker.start(run)
    tracker.finish(Outcome(status="completed"))

    with tracker.ending():
        pass


def test_a_run_whose_end_was_not_told_is_gone_on_with(run):
    """From its last step, with nothing twice."""
    session = Session({})
    session.start(run)
    session.log({"train/loss": 1.0}, step=1)
    session.log({"train/loss": 0.5}, step=4)
    session.finish(Outcome(status="interrupted"))
    before = history(run.directory)
    recorder = Recorder()
    tracker = HeldOpen(Session({"recorder": recorder}))

    tracker.reopen(run)
    with tracker.ending() as summary:
        summary["probe/it"] = 0.75

    assert recorder.run.resumed_from_step == 4
    assert recorder.outcome == Outcome(status="completed", summary={"probe/it": 0.75})
    assert history(run.directory) == before


def test_without_a_journal_nothing_is_told(run):
    recorder = Recorder()
    tracker = HeldOpen(recorder)

    tracker.reopen(run)
    with tracker.ending():
        pass

    assert recorder.calls == []
