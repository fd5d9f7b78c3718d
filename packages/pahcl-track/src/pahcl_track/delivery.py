"""One tracker behind a queue and a worker thread of its own.

The program hands over an event and goes on; the worker calls the tracker. A tracker that is slow,
hangs, fails or tries to end its thread is the worker's concern alone.

- The queue is bounded. What it had to let go is read from the journal when its turn comes, so that
  everything arrives, and in order.
- While the program runs, the worker takes a small share of the time, because on a busy machine
  whatever a tracker computes is taken from the training. What piles up goes out at the end.
- A tracker that fails again and again is given pauses. What it did not take stays where it is.
"""

import logging
import threading
import time
from collections import deque
from collections.abc import Iterator
from pathlib import Path

from pahcl_track.errors import TrackerError
from pahcl_track.events import Ended, Event, Row, Saved
from pahcl_track.history import Reader, Sequel
from pahcl_track.protocol import Positioned, Run, Tracker
from pahcl_track.sent import Sent

log = logging.getLogger(__name__)

CAPACITY = 4096
"""Events that wait in memory; more wait in the journal."""

SHARE = 0.02
"""Of the time, for a tracker while the program runs."""

PATIENCE = 20
"""Failures in a row after which a tracker gets a pause."""

PAUSE_S = 15.0

_BURST_S = 0.2  # what a tracker may take at once; the first call is often the longest
_POLL_S = 0.05


class Delivery:
    """Brings the events of a run to one tracker."""

    def __init__(self, name: str, tracker: Tracker) -> None:
        self.name = name
        self.sent = 0
        """Rows and files that the tracker took."""

        self.failed = 0
        """Rows and files that it refused."""

        self.refusal: str | None = None
        """Why it did not start."""

        self._tracker = tracker
        self._queue: deque[Event] = deque(maxlen=CAPACITY)
        self._hurry = threading.Event()
        self._started = threading.Event()
        self._done = threading.Event()
        self._abandoned = False
        self._next = 1  # number of the event that comes next
        self._last = 0  # number of the last event put in
        self._skipped = 0
        self._credit_s, self._counted_at = _BURST_S, time.monotonic()
        self._in_a_row = 0
        self._told: set[str] = set()
        self._reader: Reader | None = None
        self._sequel: Sequel | None = None
        self._note: Sent | None = None

    def start(self, run: Run, *, journal: Path | None, first: int) -> None:
        """Have the worker start the tracker; `wait_started` waits for it.

        Args:
            run: The run.
            journal: The directory whose journal has what the queue lets go; None if there is none.
            first: The number of the first event that `put` will bring. Those before it, of a run
                that is resumed, are read from the journal.
        """
        self._last = first - 1
        self._next = first
        if journal is not None:
            self._reader = Reader(journal)
            if not isinstance(self._tracker, Positioned):
                self._note = Sent(journal, self.name)
            if run.resumed_from_step is not None:
                self._next = 1
                self._sequel = Sequel()
        threading.Thread(
            target=self._work, args=(run, first), name=f"pahcl-track-{self.name}", daemon=True
        ).start()

    def wait_started(self, timeout_s: float) -> bool:
        """Whether the tracker started, or refused to, within that time."""
        return self._started.wait(timeout_s)

    def put(self, event: Event) -> None:
        """Take an event; never waits."""
        self._last = event.number
        self._queue.append(event)

    def finish(self) -> None:
        """From now on, deliver as fast as the tracker takes it, to the end."""
        self._hurry.set()

    def wait_finished(self, timeout_s: float) -> bool:
        """Whether the worker came to the end within that time."""
        return self._done.wait(max(0.0, timeout_s))

    def abandon(self) -> None:
        """Deliver nothing more: the worker stops as soon as the tracker lets go of it."""
        self._abandoned = True
        self._hurry.set()

    @property
    def undelivered(self) -> int:
        """Rows and files that the tracker was not given."""
        return self._skipped + max(0, self._last - self._next + 1)

    def _work(self, run: Run, first: int) -> None:
        try:
            if self._start_tracker(run):
                self._deliver_all(first)
        except BaseException as error:
            log.warning("%s: delivery stopped: %s", self.name, describe(error), exc_info=error)
        finally:
            if self._note is not None:
                self._note.write()
            self._started.set()
            self._done.set()

    def _start_tracker(self, run: Run) -> bool:
        try:
            self._tracker.start(run)
        except TrackerError as error:  # it knows what is wrong, and says what to do
            self.refusal = str(error)
        except BaseException as error:
            self.refusal = f"cannot start: {describe(error)}"
            log.info("%s cannot start", self.name, exc_info=error)
        self._started.set()
        return self.refusal is None

    def _deliver_all(self, first: int) -> None:
        position = self._position()
        rows = 0
        for event in self._events():
            kept = self._sequel.keep(event) if self._sequel is not None else event
            held = event.number < first if position is None else rows < position
            if isinstance(kept, Row):
                rows += 1
                if self._note is not None:
                    self._note.reached(rows, "logged")
            if isinstance(kept, Row | Saved) and not held:
                self._deliver(kept)
            self._next = event.number + 1
            if isinstance(event, Ended) and event.number >= first:  # not that of a stretch before
                self._deliver(event)
                return

    def _position(self) -> int | None:
        """Rows that the tracker holds of a run that is resumed; None where it cannot tell."""
        if self._sequel is None or not isinstance(self._tracker, Positioned):
            return None
        try:
            return self._tracker.position()
        except Exception as error:  # noqa: BLE001
            self._tell("position", error)
            return None

    def _events(self) -> Iterator[Event]:
        """Everything in order, as it comes; ends when it is told to and nothing is left."""
        while not self._abandoned:
            try:
                event = self._queue.popleft()
            except IndexError:
                if self._hurry.is_set():
                    return
                self._hurry.wait(_POLL_S)
                continue
            if event.number > self._next:
                yield from self._from_journal()
            if event.number > self._next:  # not even there
                self.failed += event.number - self._next
            if event.number >= self._next:
                yield event

    def _from_journal(self) -> Iterator[Event]:
        if self._reader is None:
            return
        for event in self._reader.events():
            if self._abandoned:
                return
            if not isinstance(event, Run) and event.number >= self._next:
                yield event

    def _deliver(self, event: Row | Saved | Ended) -> None:
        while not self._abandoned:
            if self._in_a_row >= PATIENCE and self._hurry.is_set() and not isinstance(event, Ended):
                self._skipped += 1
                return
            began = time.monotonic()
            try:
                self._call(event)
            except BaseException as error:  # noqa: BLE001  SystemExit, too
                self._in_a_row += 1
                self._tell(type(event).__name__.lower(), error)
            else:
                self._in_a_row = 0
                self.sent += not isinstance(event, Ended)
            self._account(time.monotonic() - began)
            if self._in_a_row < PATIENCE or isinstance(event, Ended):
                self.failed += self._in_a_row > 0 and not isinstance(event, Ended)
                return
            self._hurry.wait(PAUSE_S)

    def _call(self, event: Row | Saved | Ended) -> None:
        if isinstance(event, Row):
            self._tracker.log(event.values, step=event.step)
        elif isinstance(event, Saved):
            self._tracker.save(event.path, kind=event.kind)
        else:
            self._tracker.finish(event.outcome)

    def _account(self, took_s: float) -> None:
        """Wait until the tracker's share of the time has made up for what it took."""
        now = time.monotonic()
        self._credit_s += SHARE * (now - self._counted_at) - took_s
        self._credit_s, self._counted_at = min(self._credit_s, _BURST_S), now
        if self._credit_s < 0:
            self._hurry.wait(-self._credit_s / SHARE)

    def _tell(self, what: str, error: BaseException) -> None:
        """Once for each kind of failure, with its traceback in the log."""
        if type(error).__name__ not in self._told:
            self._told.add(type(error).__name__)
            log.warning(
                "%s failed (%s): %s; the run goes on",
                self.name, what, describe(error), exc_info=error,
            )  # fmt: skip


def describe(error: BaseException) -> str:
    """An error in one line."""
    lines = str(error).strip().splitlines()
    return f"{type(error).__name__}: {lines[0]}" if lines else type(error).__name__
