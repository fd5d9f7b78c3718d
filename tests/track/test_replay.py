"""A run sent to a tracker after the fact: complete, in order, nothing twice."""

import pytest

from oracles.journal_reader import read_lines
from pahcl_track import Image, Outcome, Session, TrackerError
from pahcl_track import delivery as delivery_module
from pahcl_track.replay import Replayed, replay
from pahcl_track.sent import Sent
from support.trackers import PATIENCE_S, Failing, Positioned, Recorder, Waiting


@pytest.fixture
def record(make_run):
    """Record a run: floats at these steps, nothing else."""

    def record(steps, *, trackers=None, end=True, resumed_from=None, value=1.0, finish_s=30.0):
        session = Session(trackers or {}, finish_timeout_s=finish_s)
        run = make_run(resumed_from_step=resumed_from, config={"lr": 0.1})
        session.start(run)
        for step in steps:
            session.log({"a": value * step}, step=step)
        for tracker in (trackers or {}).values():
            if isinstance(tracker, Waiting):
                assert tracker.entered.wait(PATIENCE_S)
        if end:
            session.finish(Outcome(status="completed", summary={"best": 0.75}))
        else:  # as if it were killed
            for delivery in session._deliveries:
                delivery.abandon()
            session._forget()
        return run.directory

    return record


def test_everything_in_order_and_framed(make_run, tmp_path):
    with Session({}).running(make_run(config={"lr": 0.1}, id="x1")) as session:
        session.log({"a": 0.5, "n": float("inf")}, step=3)
        session.save(tmp_path / "model.pt", kind="checkpoint")
        session.log({"i": Image(data=b"abc")}, step=1)
    (tmp_path / "model.pt").touch()
    tracker = Recorder()
    done = replay(tmp_path / "run", tracker, name="mine")

    assert tracker.calls == ["start", "log", "log", "save", "finish"]
    assert tracker.rows == [
        (3, {"a": 0.5, "n": float("inf")}),
        (1, {"i": Image(data=b"abc")}),
    ]
    assert tracker.files == [(tmp_path / "model.pt", "checkpoint")]
    assert tracker.outcome == Outcome(status="completed")
    assert done == Replayed(sent=2, held=0, files=1, missing=())


def test_the_run_is_told_as_it_was(make_run, record):
    """But for being gone on with, which makes a tracker look for what it holds."""
    tracker = Recorder()
    directory = record([5, 6])
    replay(directory / "journal.jsonl", tracker, name="mine")
    identity = read_lines(directory / "journal.jsonl")[0][0]["run"]["id"]

    assert tracker.run == make_run(id=identity, config={"lr": 0.1}, resumed_from_step=5)


def test_a_second_time_nothing_is_sent_again(record):
    directory = record([1, 2, 3])
    tracker = Recorder()
    replay(directory, tracker, name="mine")
    done = replay(directory, tracker, name="mine")

    assert tracker.steps == [1, 2, 3]
    assert (done.sent, done.held) == (0, 3)


def test_to_another_tracker_everything_is_sent(record):
    directory = record([1, 2, 3])
    replay(directory, Recorder(), name="mine")
    other = Recorder()
    replay(directory, other, name="other")

    assert other.steps == [1, 2, 3]


class Stopping(Recorder):
    """Fails after so many rows."""

    def __init__(self, rows):
        super().__init__()
        self.left = rows

    def log(self, values, *, step):
        if self.left == 0:
            raise ConnectionError("down")
        self.left -= 1
        super().log(values, step=step)


class StoppingPositioned(Stopping, Positioned):
    pass


@pytest.mark.parametrize("kind", [Stopping, StoppingPositioned])
@pytest.mark.parametrize("rows", range(6))
def test_what_was_interrupted_goes_on_where_it_stopped(record, kind, rows):
    directory = record(range(5), end=False)
    tracker = kind(rows)
    if rows < 5:
        with pytest.raises(ConnectionError, match="down"):
            replay(directory, tracker, name="mine")
        assert tracker.outcome is None
    tracker.left = 99
    done = replay(directory, tracker, name="mine")

    assert tracker.steps == list(range(5))
    assert (done.sent, done.held) == ((5 - rows, rows) if rows < 5 else (5, 0))


def test_a_tracker_that_can_tell_is_asked(record):
    """Whatever was noted."""
    directory = record([1, 2, 3])
    Sent(directory / "journal.jsonl", "mine").reached(3, "settled")
    tracker = Positioned()
    tracker.rows = [(1, {"a": 1.0})]
    done = replay(directory, tracker, name="mine")

    assert tracker.steps == [1, 2, 3]
    assert (done.sent, done.held) == (2, 1)


def test_a_tracker_that_holds_more_than_there_is_gets_nothing(record):
    directory = record([1])
    tracker = Positioned()
    tracker.rows = [(7, {})] * 5
    done = replay(directory, tracker, name="mine")

    assert (done.sent, done.held) == (0, 1)
    assert len(tracker.rows) == 5


def test_a_tracker_that_cannot_tell_now_is_given_what_is_noted(record):
    class Forgetful(Recorder):
        def position(self):
            return None

    directory = record([1, 2, 3])
    Sent(directory / "journal.jsonl", "mine").reached(2, "settled")
    tracker = Forgetful()
    replay(directory, tracker, name="mine")

    assert tracker.steps == [3]


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


def test_files_that_are_gone_are_named(record, tmp_path, make_run):
    with Session({}).running(make_run()) as session:
        session.save(tmp_path / "here", kind="report")
        session.save(tmp_path / "run" / "gone", kind="report")
        session.save(tmp_path / "here", kind="model")
    (tmp_path / "here").touch()
    tracker = Recorder()
    done = replay(tmp_path / "run", tracker, name="mine")

    assert tracker.files == [(tmp_path / "here", "model")]
    assert (done.files, done.missing) == (1, (tmp_path / "run" / "gone",))


def test_a_run_without_an_end(record):
    tracker = Recorder()
    replay(record([1, 2], end=False), tracker, name="mine")

    assert tracker.steps == [1, 2]
    assert tracker.outcome == Outcome(
        status="failed", error="the journal ends without an end of the run"
    )


def test_an_empty_run(record):
    tracker = Recorder()
    done = replay(record([]), tracker, name="mine")

    assert tracker.calls == ["start", "finish"]
    assert tracker.run.resumed_from_step == 0
    assert tracker.outcome.summary == {"best": 0.75}
    assert done.sent == 0


def test_no_journal(tmp_path):
    with pytest.raises(TrackerError, match="no journal of a run"):
        replay(tmp_path, Recorder(), name="mine")


def test_a_tracker_that_cannot_start_is_heard(record):
    with pytest.raises(TrackerError, match=r"^no key$"):
        replay(record([1]), Failing(TrackerError("no key"), "start"), name="mine")


def test_progress_sees_what_is_sent(record):
    """And how much of it there will be."""
    directory = record(range(5))
    Sent(directory / "journal.jsonl", "mine").reached(2, "settled")
    seen = []

    def progress(rows, total):
        for row in rows:
            seen.append((row.step, total))
            yield row

    replay(directory, Recorder(), name="mine", progress=progress)

    assert seen == [(2, 3), (3, 3), (4, 3)]


def test_a_note_is_there_as_soon_as_it_is_made(tmp_path):
    """A killed program has noted what it sent."""
    journal = tmp_path / "journal.jsonl"
    note = Sent(journal, "mine")
    assert (note.rows, note.order) == (0, None)
    for rows in (1, 10**6, 7):
        note.reached(rows, "settled")
        again = Sent(journal, "mine")
        assert (again.rows, again.order) == (rows, "settled")
    note.reached(8, "logged")
    note.close()
    note.close()

    again = Sent(journal, "mine")
    assert (again.rows, again.order) == (8, "logged")
    assert (tmp_path / "journal.sent" / "mine").is_file()


@pytest.mark.parametrize("content", ["", "x", "1", "a settled", "1 2 3"])
def test_a_note_that_makes_no_sense_is_none(tmp_path, content):
    (tmp_path / "journal.sent").mkdir()
    (tmp_path / "journal.sent" / "mine").write_text(content)
    note = Sent(tmp_path / "journal.jsonl", "mine")

    assert (note.rows, note.order) == (0, None)


def test_a_note_that_cannot_be_written_stops_nothing(tmp_path):
    (tmp_path / "journal.sent").touch()
    note = Sent(tmp_path / "journal.jsonl", "mine")
    note.reached(1, "settled")
    note.forget()

    assert (note.rows, note.order) == (0, None)
