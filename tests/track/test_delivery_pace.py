"""How much of the time a tracker gets, and how often it is tried."""

import threading
from types import SimpleNamespace

import pytest

from pahcl_track import Session
from pahcl_track import delivery as delivery_module
from pahcl_track import share as share_module
from pahcl_track.sent import Sent
from pahcl_track.share import Share
from support.tracked import LONG, counts, logged
from support.trackers import Failing, Recorder, until


class TimeKeeper(Recorder):
    """Notes for every row whether the run was already ending."""

    def __init__(self):
        super().__init__()
        self.ending = False
        self.noted = []

    def log(self, values, *, step):
        super().log(values, step=step)
        self.noted.append(self.ending)


def test_a_tracker_that_used_up_its_share_waits_for_the_end(run, completed, monkeypatch):
    """After the first call its share of the time is spent for hours."""
    monkeypatch.setattr(share_module, "SHARE", 1e-9)
    monkeypatch.setattr(share_module, "_BURST_S", 0.0)
    tracker = TimeKeeper()
    session = Session({"mine": tracker})
    session.start(run)
    logged(session, range(50))
    tracker.ending = True
    session.finish(completed)

    assert tracker.steps == list(range(50))
    assert tracker.noted[1:] == [True] * 49


def test_what_was_delivered_is_noted_before_the_wait(run, completed, monkeypatch):
    """A program that is killed while it waits, as it does most of the time, sends nothing twice."""
    monkeypatch.setattr(share_module, "SHARE", 1e-9)
    monkeypatch.setattr(share_module, "_BURST_S", 0.0)
    session = Session({"mine": Recorder()})
    session.start(run)
    logged(session, range(5))
    until(lambda: session._deliveries[0]._share.spent)
    noted = Sent(run.directory / "journal.jsonl", "mine").rows
    accounts = counts(session)
    session.finish(completed)

    assert noted == 1
    assert accounts == (1, 0, 4)


def test_a_tracker_within_its_share_is_given_everything_meanwhile(run, completed, monkeypatch):
    monkeypatch.setattr(share_module, "SHARE", 1e9)
    tracker = TimeKeeper()
    session = Session({"mine": tracker})
    session.start(run)
    logged(session, range(50))
    until(lambda: len(tracker.rows) == 50)
    session.finish(completed)

    assert tracker.noted == [False] * 50


def test_at_no_line_of_the_worker_is_a_row_counted_twice_or_not_at_all(run, completed):
    """Whoever asks may come between any two of them."""
    begun, apart = threading.Event(), set()

    class Late(Recorder):
        def start(self, run):
            begun.wait(LONG)

    def look(frame, what, _):
        if frame.f_code.co_filename == delivery_module.__file__ and begun.is_set():
            apart.add(sum(counts(session)))
        return look

    session = Session({"mine": Late()}, start_timeout_s=0)
    threading.settrace(look)
    try:
        session.start(run)
    finally:
        threading.settrace(None)
    logged(session, range(5))
    begun.set()
    session.finish(completed)

    assert apart == {5}
    assert counts(session) == (5, 0, 0)


def test_the_share_by_hand(monkeypatch):
    """0.2 s at once; then a second's work is paid for by 50 seconds, 1 of them already gone."""
    monkeypatch.setattr(share_module, "SHARE", 0.02)
    monkeypatch.setattr(share_module, "_BURST_S", 0.2)
    clock = [100.0]
    monkeypatch.setattr(share_module, "time", SimpleNamespace(monotonic=lambda: clock[0]))
    waits = []
    share = Share(SimpleNamespace(wait=waits.append))

    def take(seconds):
        clock[0] += seconds
        share.take(seconds)
        share.settle()

    take(0.2)  # 0.2 + 0.02 * 0.2 - 0.2 = 0.004
    assert waits == []
    take(1.0)  # 0.004 + 0.02 - 1.0 = -0.976
    assert waits == [pytest.approx(48.8)]
    clock[0] += 1000.0
    take(0.0)  # not more than 0.2 is saved up
    share.take(0.21)
    share.settle()

    assert waits[1:] == [pytest.approx(0.5)]


@pytest.fixture
def impatient(monkeypatch):
    monkeypatch.setattr(delivery_module, "PATIENCE", 3)
    monkeypatch.setattr(delivery_module, "PAUSE_S", 0.001)


def test_a_tracker_that_recovers_goes_on_with_the_row_it_was_at(run, completed, impatient):
    """After failures in a row it is given pauses; what comes meanwhile waits."""
    tracker = Failing(ValueError("down"), "log")
    session = Session({"mine": tracker})
    session.start(run)
    logged(session, range(10))
    until(lambda: tracker.attempts > 10)
    tracker.broken = False
    session.finish(completed)

    assert tracker.steps == list(range(2, 10))
    assert counts(session) == (8, 2, 0)


def test_a_row_that_fails_now_and_then_is_not_tried_again(run, completed, impatient):
    class Picky(Recorder):
        def log(self, values, *, step):
            if step % 3:
                raise ValueError(step)
            super().log(values, step=step)

    tracker = Picky()
    session = Session({"mine": tracker})
    session.start(run)
    logged(session, range(9))
    session.finish(completed)

    assert tracker.steps == [0, 3, 6]
    assert counts(session) == (3, 6, 0)


def test_a_tracker_that_is_down_is_tried_once_more_at_the_end(
    run, completed, impatient, monkeypatch, told
):
    monkeypatch.setattr(delivery_module, "PAUSE_S", LONG)
    tracker = Failing(ValueError("down"), "log")
    session = Session({"mine": tracker})
    session.start(run)
    logged(session, range(10))
    until(lambda: tracker.attempts == 3)
    session.finish(completed)

    assert tracker.attempts == 4
    assert counts(session) == (0, 2, 8)
    assert tracker.outcome == completed
    assert "8 not delivered; to send it: pahcl track replay" in told()[-1]


def test_a_tracker_that_is_back_at_the_end_is_given_everything(
    run, completed, impatient, monkeypatch
):
    monkeypatch.setattr(delivery_module, "PAUSE_S", LONG)
    tracker = Failing(ValueError("down"), "log")
    session = Session({"mine": tracker})
    session.start(run)
    logged(session, range(10))
    until(lambda: tracker.attempts == 3)
    tracker.broken = False
    session.finish(completed)

    assert tracker.steps == list(range(2, 10))
    assert counts(session) == (8, 2, 0)


def test_the_default_patience_is_twenty():
    assert delivery_module.PATIENCE == 20
