"""A clock that goes backwards, as one that is set right does: nothing depends on it."""

import itertools
import time

import pytest

from oracles.journal_reader import read_lines
from pahcl_track import Outcome, Session, read_history
from pahcl_track.replay import replay
from support.trackers import Recorder


@pytest.fixture
def backwards(monkeypatch):
    """Each look at the clock is an hour before the last, and some are before 1970."""
    moments = (20 * 3600.0 - 3600.0 * number for number in itertools.count())
    monkeypatch.setattr(time, "time", lambda: next(moments))


@pytest.mark.usefixtures("backwards")
def test_a_run_is_recorded_and_told_in_the_order_in_which_it_went(make_run, journal_path):
    tracker = Recorder()
    session = Session({"it": tracker})
    with session.running(make_run()):
        for step in range(50):
            session.log({"loss": 1 / (step + 1)}, step=step)
        session.save(journal_path.parent / "model.pt", kind="checkpoint")

    lines, broken = read_lines(journal_path)
    assert broken == 0
    assert [line["n"] for line in lines] == list(range(53))
    assert lines[-1]["t"] < lines[0]["t"]
    history = read_history(journal_path.parent)
    assert [row.step for row in history.rows] == list(range(50))
    assert history.outcome == Outcome(status="completed")
    assert tracker.steps == list(range(50))
    assert session.accounts()[0].sent == 51  # the file, too


@pytest.mark.usefixtures("backwards")
def test_a_run_goes_on_and_is_replayed_once(make_run, journal_path):
    """What comes after counts as after, whatever its time says."""
    for first, resumed in ((0, None), (3, 3)):
        with Session({}).running(make_run(resumed_from_step=resumed)) as session:
            for step in range(first, first + 4):
                session.log({"loss": float(step)}, step=step)

    history = read_history(journal_path.parent)
    assert [row.step for row in history.rows] == [0, 1, 2, 3, 4, 5, 6]
    tracker = Recorder()
    assert replay(journal_path.parent, tracker, name="it").sent == 7
    assert replay(journal_path.parent, tracker, name="it").sent == 0
