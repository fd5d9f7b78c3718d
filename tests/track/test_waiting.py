"""Waiting for another thread, piece by piece."""

import threading

import pytest

from pahcl_track import waiting
from pahcl_track.waiting import wait_for


class Listed(threading.Event):
    """Notes how long it was waited for, and is set after so many times."""

    def __init__(self, times):
        super().__init__()
        self.times = times
        self.waits = []

    def wait(self, timeout=None):
        self.waits.append(timeout)
        return len(self.waits) >= self.times


def test_it_ends_with_the_event():
    event = threading.Event()
    event.set()

    assert wait_for(event, 0.0)
    assert wait_for(event, -1.0)


@pytest.mark.parametrize("timeout_s", [-1.0, 0.0, 0.01])
def test_it_ends_with_the_time(timeout_s):
    assert not wait_for(threading.Event(), timeout_s)


def test_a_time_that_is_no_number_is_none():
    event = Listed(99)

    assert not wait_for(event, float("nan"))
    assert len(event.waits) == 1


def test_no_piece_is_long(monkeypatch):
    """So that Ctrl-C is heard, whenever it comes."""
    event = Listed(5)

    assert wait_for(event, 3600.0)
    assert event.waits == [waiting._PIECE_S] * 5


def test_the_last_piece_is_what_is_left(monkeypatch):
    clock = iter([100.0, 100.0, 100.2, 100.2, 100.45, 100.45, 100.5])
    monkeypatch.setattr("pahcl_track.waiting.time.monotonic", lambda: next(clock))
    event = Listed(99)

    assert not wait_for(event, 0.5)
    monkeypatch.undo()
    assert event.waits == [0.2, 0.2, pytest.approx(0.05)]
