"""A tracker that is sent a run by replays and by the run itself, in turn or at once."""

import threading

import pytest

from pahcl_track import Session, TrackerError
from pahcl_track.held import Held
from pahcl_track.replay import replay
from support.tracked import counts
from support.trackers import (
    PATIENCE_S,
    Positioned,
    Recorder,
    Stopping,
    StoppingPositioned,
    Waiting,
)


class Refusing(Recorder):
    """Refuses rows with these values."""

    def __init__(self, *refused):
        super().__init__()
        self.refused = refused

    def log(self, values, *, step):
        if values["a"] in self.refused:
            raise ValueError("cannot show")
        super().log(values, step=step)


class RefusingPositioned(Refusing, Positioned):
    pass


@pytest.mark.parametrize("kind", [Stopping, StoppingPositioned])
def test_a_run_that_goes_on_after_a_replay_that_stopped_brings_the_rest(record, kind):
    """And the file that the replay had not come to."""
    directory = record(range(1, 11))
    tracker = kind(4)
    with pytest.raises(ConnectionError):
        replay(directory, tracker, name="mine")
    tracker.left = 99
    record([11], trackers={"mine": tracker}, resumed_from=10)
    assert tracker.steps == list(range(1, 12))

    done = replay(directory, tracker, name="mine")
    assert tracker.steps == list(range(1, 12))
    assert (done.sent, done.held) == (0, 11)


@pytest.mark.parametrize("kind", [Stopping, StoppingPositioned])
def test_the_rest_counts_as_sent_and_has_the_files(make_run, kind, tmp_path):
    with Session({}).running(make_run()) as session:
        for step in (1, 2, 3):
            session.log({"a": 1.0}, step=step)
            session.save(tmp_path / f"{step}", kind="report")
    (tmp_path / "2").touch()
    tracker = kind(1)
    with pytest.raises(ConnectionError):
        replay(tmp_path / "run", tracker, name="mine")
    tracker.left = 99
    session = Session({"mine": tracker})
    with session.running(make_run(resumed_from_step=3)):
        session.log({"a": 1.0}, step=4)

    assert tracker.steps == [1, 2, 3, 4]
    assert tracker.files == [(tmp_path / "2", "report")]
    assert counts(session) == (4, 0, 0)


def test_a_replay_that_came_to_its_end_has_sent_the_files(make_run, tmp_path):
    with Session({}).running(make_run()) as session:
        session.log({"a": 1.0}, step=1)
        session.save(tmp_path / "it", kind="report")
    (tmp_path / "it").touch()
    tracker = Recorder()
    replay(tmp_path / "run", tracker, name="mine")
    with Session({"mine": tracker}).running(make_run(resumed_from_step=1)) as session:
        session.log({"a": 1.0}, step=2)

    assert tracker.steps == [1, 2]
    assert tracker.files == [(tmp_path / "it", "report")]


def replayed_history(record, tracker):
    """Of 1 to 5, and 6 to 8 after 2, it has five, which the tracker is sent."""
    directory = record([1, 2, 3, 4, 5])
    record([6, 7, 8], resumed_from=2)
    replay(directory, tracker, name="mine")
    assert tracker.steps == [1, 2, 6, 7, 8]
    return directory, tracker


@pytest.mark.parametrize("kind", [Recorder, Positioned])
def test_the_history_has_other_rows_than_were_logged(record, kind):
    """Those and what comes then, nothing twice."""
    directory, tracker = replayed_history(record, kind())

    record([9, 10], trackers={"mine": tracker}, resumed_from=8)
    record([11], trackers={"mine": tracker}, resumed_from=10)
    done = replay(directory, tracker, name="mine")

    assert tracker.steps == [1, 2, 6, 7, 8, 9, 10, 11]
    assert done.sent == 0


@pytest.mark.parametrize("kind", [Recorder, Positioned])
def test_a_stretch_that_it_missed_after_that_is_sent(record, kind):
    directory, tracker = replayed_history(record, kind())

    record([9, 10], trackers={"mine": tracker}, resumed_from=8)
    record([11], resumed_from=10)
    replay(directory, tracker, name="mine")

    assert tracker.steps == [1, 2, 6, 7, 8, 9, 10, 11]


@pytest.mark.parametrize("kind", [Refusing, RefusingPositioned])
@pytest.mark.parametrize("refused", [(2,), (1,), (5,), (1, 2, 4), (1, 2, 3, 4, 5)])
def test_what_was_refused_shifts_nothing(record, kind, refused):
    tracker = kind(*refused)
    directory = record(range(1, 6), trackers={"mine": tracker})
    expected = [step for step in range(1, 6) if step not in refused]
    if expected or kind is Refusing:  # one that holds nothing at all is sent everything
        record([6], trackers={"mine": tracker}, resumed_from=5)
        record([7], resumed_from=6)
        done = replay(directory, tracker, name="mine")

        assert tracker.steps == [*expected, 6, 7]
        assert (done.sent, done.held) == (1, 6)


def test_what_a_server_lost_before_or_after_what_it_refused(record):
    """It had 1, 3, 4, 5 and 7, of which it may have kept the first alone.

    What it refused after the last that it kept is tried again: it may have been gone.
    """
    for kept in range(1, 6):
        tracker = RefusingPositioned(2, 6)
        directory = record(range(1, 8), trackers={"mine": tracker})
        del tracker.rows[kept:]
        tracker.refused = ()
        replay(directory, tracker, name="mine")

        again = {1: [2, 3, 4, 5, 6, 7], 2: [4, 5, 6, 7], 3: [5, 6, 7], 4: [6, 7], 5: []}[kept]
        assert tracker.steps == [1, 3, 4, 5, 7][:kept] + again
        record([8, 9], trackers={"mine": tracker}, resumed_from=7)
        assert tracker.steps[-2:] == [8, 9]
        assert tracker.steps[:-2] == [1, 3, 4, 5, 7][:kept] + again


def test_all_that_a_server_refused_when_it_was_gone_is_sent_when_it_is_back(record):
    """And nothing twice by the replay after that."""
    tracker = RefusingPositioned(4, 5, 6)
    directory = record(range(1, 7), trackers={"mine": tracker})
    assert tracker.steps == [1, 2, 3]
    tracker.refused = ()
    replays = [replay(directory, tracker, name="mine") for _ in range(2)]

    assert tracker.steps == [1, 2, 3, 4, 5, 6]
    assert [(one.sent, one.held) for one in replays] == [(3, 3), (0, 6)]
    record([7, 8], trackers={"mine": tracker}, resumed_from=6)
    assert tracker.steps == [1, 2, 3, 4, 5, 6, 7, 8]


def test_a_tracker_that_lost_everything_is_sent_everything(record):
    tracker = RefusingPositioned(1, 3)
    directory = record(range(1, 5), trackers={"mine": tracker})
    fresh = Positioned()
    replay(directory, fresh, name="mine")

    assert fresh.steps == [1, 2, 3, 4]


def test_of_two_replays_at_once_one_is_refused(record):
    """To the same tracker; another is another matter."""
    directory = record([1, 2, 3])
    slow, late, other = Waiting("log"), Recorder(), Recorder()
    first = threading.Thread(target=replay, args=(directory, slow), kwargs={"name": "mine"})
    first.start()
    assert slow.entered.wait(PATIENCE_S)
    with pytest.raises(TrackerError, match=r"another replay sends it to mine; wait until it has"):
        replay(directory, late, name="mine")
    replay(directory, other, name="other")
    slow.let_go.set()
    first.join(PATIENCE_S)
    done = replay(directory, late, name="mine")

    assert late.calls == ["start", "finish"]
    assert done.held == 3
    assert slow.steps == other.steps == [1, 2, 3]


def test_a_run_that_goes_on_during_a_replay_waits_with_that_tracker(make_run, record, completed):
    """The others, and the run, do not; and each row is sent once."""
    directory = record([1, 2, 3])
    slow, tracker, other = Waiting("log"), Recorder(), Recorder()
    first = threading.Thread(target=replay, args=(directory, slow), kwargs={"name": "mine"})
    first.start()
    assert slow.entered.wait(PATIENCE_S)
    session = Session({"mine": tracker, "other": other}, start_timeout_s=0.0)
    session.start(make_run(resumed_from_step=3))
    session.log({"a": 4.0}, step=4)
    assert tracker.calls == []
    slow.let_go.set()
    first.join(PATIENCE_S)
    session.finish(completed)

    assert slow.steps == [1, 2, 3]
    assert tracker.steps == [4]
    assert other.steps == [1, 2, 3, 4]
    assert replay(directory, tracker, name="mine").sent == 0


def test_a_run_that_ends_before_the_replay_leaves_the_tracker_alone(make_run, record, completed):
    directory = record([1, 2])
    replaying = Held(Recorder(), journal=directory / "journal.jsonl", name="mine")
    assert replaying.take()
    tracker = Recorder()
    session = Session({"mine": tracker}, start_timeout_s=0.0, finish_timeout_s=0.0)
    session.start(make_run(resumed_from_step=2))
    session.finish(completed)
    replaying.close()
    delivery = session._deliveries[0]
    assert delivery.wait_finished(PATIENCE_S)

    assert tracker.calls == []
    replay(directory, tracker, name="mine")
    assert tracker.steps == [1, 2]
