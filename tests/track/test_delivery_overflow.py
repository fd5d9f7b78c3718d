"""More than a queue holds: the rest comes from the journal, or is counted."""

import shutil
import threading

import pytest

from pahcl_track import Image, Session
from pahcl_track import delivery as delivery_module
from pahcl_track import share as share_module
from support.tracked import LONG, counts, logged
from support.trackers import Recorder, Waiting, until


def test_what_the_queue_let_go_comes_from_the_journal(run, completed, monkeypatch, tmp_path):
    """Everything, in order and once, with values of every kind."""
    monkeypatch.setattr(delivery_module, "CAPACITY", 4)
    tracker = Waiting("log")
    session = Session({"mine": tracker})
    session.start(run)
    session.log({"a": 0.0}, step=0)
    assert tracker.entered.wait(LONG)
    for step in range(1, 50):
        session.log({"a": float(step)}, step=step)
        session.log({"a": step, "i": Image(data=b"%d" % step)}, step=step)
        session.save(tmp_path / f"{step}.pt", kind="checkpoint")
    tracker.let_go.set()
    session.finish(completed)

    expected = [(0, {"a": 0.0})]
    for step in range(1, 50):
        expected += [(step, {"a": step}), (step, {"a": step, "i": Image(data=b"%d" % step)})]
    assert tracker.rows == expected
    assert [path.name for path, _ in tracker.files] == [f"{step}.pt" for step in range(1, 50)]
    assert tracker.outcome == completed
    assert counts(session) == (148, 0, 0)


def test_what_the_queue_let_go_comes_while_the_run_goes_on(run, completed, monkeypatch):
    monkeypatch.setattr(delivery_module, "CAPACITY", 4)
    monkeypatch.setattr(share_module, "SHARE", 1e9)
    tracker = Waiting("log")
    session = Session({"mine": tracker})
    session.start(run)
    logged(session, range(30))
    tracker.let_go.set()
    until(lambda: len(tracker.rows) == 30)
    logged(session, range(30, 60))
    session.finish(completed)

    assert tracker.steps == list(range(60))


@pytest.fixture
def nowhere(make_run, tmp_path):
    """A run whose directory cannot be made."""
    (tmp_path / "file").touch()
    return make_run(directory=tmp_path / "file" / "run")


def test_without_a_journal_the_trackers_get_everything(nowhere, completed, told):
    tracker = Recorder()
    session = Session({"mine": tracker})
    session.start(nowhere)
    logged(session, range(3))
    session.log({"a": 1, "i": Image(data=b"abc")}, step=3)
    session.finish(completed)

    assert tracker.steps == [0, 1, 2, 3]
    assert tracker.rows[3][1] == {"a": 1, "i": Image(data=b"abc")}
    assert tracker.outcome == completed
    assert counts(session) == (4, 0, 0)
    assert len(told()) == 1
    assert told()[0].startswith("no journal of this run: [Errno 20] Not a directory")


def test_without_a_journal_what_the_queue_let_go_is_counted(nowhere, completed, monkeypatch, told):
    """And no command is named that could not send it."""
    monkeypatch.setattr(delivery_module, "CAPACITY", 4)
    tracker = Waiting("log")
    session = Session({"mine": tracker})
    session.start(nowhere)
    session.log({"a": 0.0}, step=0)
    assert tracker.entered.wait(LONG)
    logged(session, range(1, 20))
    tracker.let_go.set()
    session.finish(completed)

    sent = len(tracker.steps)
    assert tracker.steps in ([0, 17, 18, 19], [0, 16, 17, 18, 19])  # was the end in the queue?
    assert tracker.outcome == completed
    assert counts(session) == (sent, 0, 20 - sent)
    assert told()[-1] == f"mine: {sent} sent, 0 failed, {20 - sent} not delivered"


def test_without_a_journal_a_tracker_that_hangs_is_counted_once(nowhere, completed, monkeypatch):
    monkeypatch.setattr(delivery_module, "CAPACITY", 4)
    tracker = Waiting("log")
    session = Session({"mine": tracker}, finish_timeout_s=0.05)
    session.start(nowhere)
    logged(session, range(20))
    session.finish(completed)
    assert counts(session) == (0, 0, 20)
    tracker.let_go.set()


def test_without_a_journal_threads_lose_nothing(nowhere, completed):
    """Rows are numbered and handed over in one step, so that none overtakes another."""
    tracker = Recorder()
    session = Session({"mine": tracker})
    session.start(nowhere)
    threads = [
        threading.Thread(target=logged, args=(session, range(100 * n, 100 * n + 100)))
        for n in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    session.finish(completed)

    assert sorted(tracker.steps) == list(range(800))
    assert counts(session) == (800, 0, 0)


def test_no_row_overtakes_another_between_its_number_and_the_queue(nowhere, completed):
    """A thread that is stopped there is waited for."""
    tracker = Recorder()
    session = Session({"mine": tracker})
    session.start(nowhere)
    logged(session, [0])
    floats, numbered, overtaken = session._journal.floats, threading.Event(), threading.Event()

    def stopped(values, step):
        row = floats(values, step)
        if step == 1:
            numbered.set()
            overtaken.wait(0.2)
        return row

    session._journal.floats = stopped
    first = threading.Thread(target=logged, args=(session, [1]))
    first.start()
    assert numbered.wait(LONG)
    logged(session, [2])
    overtaken.set()
    first.join()
    session.finish(completed)

    assert tracker.steps == [0, 1, 2]
    assert counts(session) == (3, 0, 0)


def test_a_journal_that_somebody_removed_stops_nothing(run, completed, monkeypatch, told):
    monkeypatch.setattr(delivery_module, "CAPACITY", 4)
    tracker = Waiting("log")
    session = Session({"mine": tracker})
    session.start(run)
    session.log({"a": 0.0}, step=0)
    assert tracker.entered.wait(LONG)
    logged(session, range(1, 20))
    shutil.rmtree(run.directory)
    tracker.let_go.set()
    session.finish(completed)

    sent = len(tracker.steps)
    assert tracker.steps in ([0, 17, 18, 19], [0, 16, 17, 18, 19])
    assert tracker.outcome == completed
    assert counts(session) == (sent, 0, 20 - sent)
    assert told()[0].startswith("mine failed (journal): FileNotFoundError")
