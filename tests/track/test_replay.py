"""A run sent to a tracker after the fact: complete, in order, nothing twice."""

import subprocess
import sys

import pytest

from oracles.journal_reader import read_lines
from pahcl_track import Image, Outcome, Session, TrackerError, load_tracker
from pahcl_track.replay import Replayed, replay
from pahcl_track.sent import Sent
from support.trackers import (
    Failing,
    Positioned,
    Recorder,
    Stopping,
    StoppingPositioned,
)


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


@pytest.mark.parametrize("kind", [Stopping, StoppingPositioned])
def test_a_replay_may_be_interrupted_again_and_again(record, kind):
    directory = record(range(5))
    tracker = kind(2)
    for _ in range(2):
        with pytest.raises(ConnectionError):
            replay(directory, tracker, name="mine")
        tracker.left = 2
    done = replay(directory, tracker, name="mine")

    assert tracker.steps == list(range(5))
    assert (done.sent, done.held) == (1, 4)


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


def test_the_journal_is_not_replayed_into_itself(record):
    directory = record([1, 2, 3])
    before = (directory / "journal.jsonl").read_bytes()
    for tracker in (load_tracker("journal"), Session({"mine": Recorder()})):
        with pytest.raises(
            TrackerError, match=r"^the tracker 'it' writes the journal that a replay reads; name"
        ):
            replay(directory, tracker, name="it")

    assert (directory / "journal.jsonl").read_bytes() == before
    assert [one.name for one in directory.iterdir()] == ["journal.jsonl"]


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


@pytest.mark.skipif(sys.platform == "win32", reason="it takes SIGKILL")
def test_a_run_of_another_process_that_lives_is_refused(tmp_path):
    """And once that process was killed, it is sent."""
    code = (
        "import sys; from pathlib import Path; from pahcl_track import Run, Session\n"
        "session = Session({}); session.start(Run(name='live', directory=Path(sys.argv[1])))\n"
        "session.log({'a': 0.5}, step=1); print('logged', flush=True); sys.stdin.read()"
    )
    live = subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    tracker = Recorder()
    with live:
        assert live.stdout.readline() == "logged\n"
        with pytest.raises(TrackerError, match="the run is still going on; replay it when it has"):
            replay(tmp_path, tracker, name="mine")
        live.kill()
    replay(tmp_path, tracker, name="mine")

    assert tracker.calls == ["start", "log", "finish"]


def test_asking_whether_a_run_goes_on_keeps_nobody_from_going_on_with_it(record):
    directory = record([1])
    tracker = Recorder()
    replay(directory, tracker, name="mine")
    record([2], resumed_from=1, trackers={"mine": tracker})

    assert tracker.steps == [1, 2]
