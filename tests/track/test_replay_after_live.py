"""A run sent again to a tracker that was given a part of it while it went on."""

import pytest

from pahcl_track import TrackerError
from pahcl_track import delivery as delivery_module
from pahcl_track.replay import replay
from support.trackers import (
    Failing,
    Positioned,
    Recorder,
    Stopping,
    StoppingPositioned,
    Waiting,
)


def test_what_the_tracker_did_not_get_during_the_run(record):
    """It hung after two rows; the rest is sent in the morning, and only that."""

    class Hanging(Waiting):
        def log(self, values, *, step):
            if step > 2:
                self._perhaps("log")
            Recorder.log(self, values, step=step)

    stuck = Hanging("log")
    directory = record(range(1, 6), trackers={"mine": stuck}, finish_s=0.0)
    given = list(stuck.steps)
    morning = Recorder()
    done = replay(directory, morning, name="mine")
    stuck.let_go.set()

    assert given == [1, 2]
    assert morning.steps == [3, 4, 5]
    assert (done.sent, done.held) == (3, 2)


def test_what_a_tracker_that_was_down_did_not_get(record, monkeypatch):
    """Of the rows it was given, one failed; the others were kept for later, and are sent."""
    monkeypatch.setattr(delivery_module, "PATIENCE", 2)
    down = Failing(ConnectionError("down"), "log")
    directory = record(range(1, 6), trackers={"mine": down})
    morning = Recorder()
    replay(directory, morning, name="mine")

    assert morning.steps == [2, 3, 4, 5]


def test_what_a_tracker_that_did_not_start_did_not_get(record):
    """Although it was sent an earlier run in this directory, or other rows of this one."""
    broken = Failing(TrackerError("no key"), "start")
    broken.broken = False
    record(range(1, 4), trackers={"mine": broken})
    broken.broken = True
    directory = record(range(11, 14), trackers={"mine": broken})
    record(range(14, 16), trackers={"mine": broken}, resumed_from=13)
    morning = Recorder()
    replay(directory, morning, name="mine")

    assert morning.steps == [11, 12, 13, 14, 15]


def test_a_run_that_was_set_aside_has_notes_of_its_own(record):
    tracker = Recorder()
    directory = record(range(1, 4), trackers={"mine": tracker})
    record(range(11, 14), trackers={"other": Recorder()})
    again, fresh = Recorder(), Recorder()
    kept = replay(directory / "journal.1.jsonl", again, name="mine")
    new = replay(directory, fresh, name="mine")

    assert (kept.sent, kept.held) == (0, 3)
    assert (new.sent, new.held) == (3, 0)
    assert fresh.steps == [11, 12, 13]
    assert tracker.steps == [1, 2, 3]


def test_notes_that_outlived_their_journal_are_forgotten(record):
    directory = record(range(1, 4), trackers={"mine": Recorder()})
    (directory / "journal.jsonl").unlink()
    broken = Failing(TrackerError("no key"), "start")
    record(range(11, 14), trackers={"mine": broken})
    morning = Recorder()
    replay(directory, morning, name="mine")

    assert morning.steps == [11, 12, 13]


@pytest.mark.parametrize("kind", [Recorder, Positioned])
def test_a_tracker_that_was_given_all_the_stretches_of_a_run_is_sent_nothing(record, kind):
    """It has what the first of them logged at steps 2 and 3; the history has the second's."""
    tracker = kind()
    directory = record([1, 2, 3], trackers={"mine": tracker})
    record([2, 3, 4], trackers={"mine": tracker}, resumed_from=1, value=10.0)
    done = replay(directory, tracker, name="mine")

    assert tracker.rows == [(1, {"a": 1}), (2, {"a": 2}), (3, {"a": 3}), (4, {"a": 40})]
    assert done.sent == 0


@pytest.mark.parametrize("kind", [Recorder, Positioned])
def test_a_tracker_that_missed_the_second_stretch_is_sent_what_is_new_of_it(record, kind):
    tracker = kind()
    directory = record([1, 2, 3], trackers={"mine": tracker})
    record([2, 4], resumed_from=1, value=10.0)
    replay(directory, tracker, name="mine")

    assert tracker.rows == [(1, {"a": 1}), (2, {"a": 2}), (3, {"a": 3}), (4, {"a": 40})]


@pytest.mark.parametrize("kind", [Recorder, Positioned])
def test_a_tracker_that_holds_nothing_is_sent_what_the_history_settled_on(record, kind):
    directory = record([1, 2, 3])
    record([2, 4], resumed_from=1, value=10.0)
    tracker = kind()
    replay(directory, tracker, name="mine")

    assert tracker.rows == [(1, {"a": 1}), (2, {"a": 20}), (4, {"a": 40})]


@pytest.mark.parametrize("kind", [Stopping, StoppingPositioned])
def test_an_interrupted_replay_of_a_resumed_run_stays_in_its_order(record, kind):
    directory = record([1, 2, 3])
    record([2, 4, 5], resumed_from=1, value=10.0)
    tracker = kind(2)
    with pytest.raises(ConnectionError):
        replay(directory, tracker, name="mine")
    tracker.left = 99
    replay(directory, tracker, name="mine")

    assert tracker.rows == [(1, {"a": 1}), (2, {"a": 20}), (4, {"a": 40}), (5, {"a": 50})]


def test_a_run_that_goes_on_after_it_was_replayed(record):
    """The tracker is given the new rows alone."""
    directory = record([1, 2])
    tracker = Recorder()
    replay(directory, tracker, name="mine")
    record([3, 4], trackers={"mine": tracker}, resumed_from=2)

    assert tracker.steps == [1, 2, 3, 4]


def test_a_resumed_run_that_goes_on_after_it_was_replayed(record):
    """Its history has fewer rows than were logged."""
    directory = record([1, 2, 3])
    record([2, 4], resumed_from=1, value=10.0)
    tracker = Recorder()
    replay(directory, tracker, name="mine")
    record([5], trackers={"mine": tracker}, resumed_from=4)

    assert tracker.rows == [(1, {"a": 1}), (2, {"a": 20}), (4, {"a": 40}), (5, {"a": 5})]
