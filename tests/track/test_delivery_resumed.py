"""What a tracker is given of a run that is gone on with."""

import pytest

from pahcl_track import Session
from support.tracked import counts, logged
from support.trackers import Positioned, Recorder, Waiting


def stretches(make_run, tracker, completed):
    """Two rows without the tracker, then a resumed run with it that logs two."""
    with Session({}).running(make_run()) as session:
        logged(session, [1, 2])
    session = Session({"mine": tracker})
    session.start(make_run(resumed_from_step=2))
    logged(session, [3, 4])
    session.finish(completed)
    return session


def test_a_tracker_is_given_what_it_lacks_of_a_resumed_run(make_run, completed):
    tracker = Positioned()
    session = stretches(make_run, tracker, completed)

    assert tracker.steps == [1, 2, 3, 4]
    assert counts(session) == (4, 0, 0)


def test_a_tracker_is_not_given_what_it_holds(make_run, completed):
    tracker = Positioned()
    tracker.rows = [(1, {"a": 1.0})]
    stretches(make_run, tracker, completed)

    assert tracker.steps == [1, 2, 3, 4]


def test_files_are_no_rows_when_rows_are_counted(make_run, completed, tmp_path):
    """Here between all rows that the tracker holds, and those that it lacks."""
    tracker = Positioned()
    with Session({}).running(make_run()) as session:
        for step in (1, 2, 3):
            session.log({"a": float(step)}, step=step)
            session.save(tmp_path / f"{step}.pt", kind="checkpoint")
    tracker.rows = [(1, {"a": 1.0}), (2, {"a": 2.0})]
    with Session({"mine": tracker}).running(make_run(resumed_from_step=3)):
        pass

    assert tracker.steps == [1, 2, 3]


@pytest.mark.parametrize("kind", [Recorder, Positioned])
def test_rows_that_are_left_out_are_not_counted(make_run, kind):
    """The second stretch logs steps 2 and 3 again, of which the tracker was given none."""
    tracker = kind()
    for resumed_from, steps in ((None, [1, 2, 3]), (1, [2, 3, 4]), (4, [5])):
        with Session({"mine": tracker}).running(
            make_run(resumed_from_step=resumed_from)
        ) as session:
            logged(session, steps)

    assert tracker.steps == [1, 2, 3, 4, 5]


def test_a_tracker_that_cannot_tell_at_this_moment_is_given_nothing_from_before(
    make_run, completed, told
):
    class Forgetful(Recorder):
        def __init__(self, error):
            super().__init__()
            self.error = error

        def position(self):
            if self.error:
                raise self.error
            return None

    for error in (None, ConnectionError("gone")):
        tracker = Forgetful(error)
        session = stretches(make_run, tracker, completed)
        assert tracker.steps == [3, 4]
        assert counts(session) == (2, 0, 0)
    assert told()[-1] == "mine failed (position): ConnectionError: gone; the run goes on"


def test_a_tracker_that_keeps_no_count_is_given_what_was_not_noted(make_run, completed):
    """Of a run that it was never given, everything."""
    tracker = Recorder()
    stretches(make_run, tracker, completed)

    assert tracker.steps == [1, 2, 3, 4]


def test_the_account_of_a_resumed_run_is_of_this_stretch(make_run, completed):
    stuck = Waiting("start")
    with Session({}).running(make_run()) as session:
        logged(session, range(10))
    session = Session({"mine": stuck}, start_timeout_s=0.0, finish_timeout_s=0.0)
    session.start(make_run(resumed_from_step=9))
    logged(session, [10, 11])
    session.finish(completed)
    stuck.let_go.set()

    assert counts(session) == (0, 0, 2)
