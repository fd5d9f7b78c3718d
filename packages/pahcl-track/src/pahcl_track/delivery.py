"""One tracker behind a queue and a worker thread of its own.

The program hands over an event and goes on; the worker calls the tracker. A tracker that is slow,
hangs, fails or tries to end its thread is the worker's concern alone.

- The queue is bounded. What it had to let go is read from the journal when its turn comes, so that
  everything arrives, and in order.
- While the program runs, the worker takes a small share of the time (`share`).
- A tracker that fails again and again is given pauses. What it did not take stays where it is.
"""

import logging
import threading
import time
from collections import deque
from collections.abc import Iterator
from pathlib import Path

from pahcl_track.errors import TrackerError, describe
from pahcl_track.events import Ended, Event, Row, Saved
from pahcl_track.held import Held
from pahcl_track.history import Reader, Sequel, read_history
from pahcl_track.protocol import Run, Tracker
from pahcl_track.reached import Counts, Reached
from pahcl_track.redaction import redacted_text, without_secrets
from pahcl_track.share import Share
from pahcl_track.waiting import wait_for

log = logging.getLogger(__name__)
log.addFilter(without_secrets)

CAPACITY = 4096
"""Events that wait in memory; more wait in the journal."""

PATIENCE = 20
"""Failures in a row after which a tracker gets a pause."""

PAUSE_S = 15.0

_POLL_S = 0.05


class Delivery:
    """Brings the events of a run to one tracker."""

    def __init__(self, name: str, tracker: Tracker) -> None:
        self.name = name
        self.refusal: str | None = None
        """Why it did not start."""

        self._tracker = tracker
        self._queue: deque[Event] = deque(maxlen=CAPACITY)
        self._hurry = threading.Event()
        self._started = threading.Event()
        self._done = threading.Event()
        self._abandoned = False
        self._over = self._ended = False  # for the program, and for the tracker
        self._first = 1  # number of the first event that is put in
        self._reached = Reached(next=1)
        self._last = 0  # of the last event put in
        self._others: list[int] = []  # of the events put in that are neither rows nor files
        self._share = Share(self._hurry)
        self._in_a_row = 0
        self._told: set[str] = set()
        self._reader: Reader | None = None
        self._sequel: Sequel | None = None
        self._held: Held | None = None

    def start(self, run: Run, *, journal: Path | None, first: int) -> None:
        """Have the worker start the tracker; `wait_started` waits for it.

        Args:
            run: The run.
            journal: The journal, which has what the queue lets go; None if there is none.
            first: The number of the first event that `put` will bring. Those before it, of a run
                that is resumed, are read from the journal.
        """
        self._first, self._reached = first, Reached(next=first)
        self._last = first - 1
        if journal is not None:
            self._reader = Reader(journal)
            self._held = Held(self._tracker, journal=journal, name=self.name)
            if run.resumed_from_step is not None:
                self._reached = Reached(next=1)
                self._sequel = Sequel()
        worker = threading.Thread(
            target=self._work, args=(run,), name=f"pahcl-track-{self.name}", daemon=True
        )
        try:
            worker.start()
        except RuntimeError as error:  # the system has no thread left
            self.refusal = f"cannot start: {describe(error)}"
            self._started.set()
            self._done.set()

    def wait_started(self, timeout_s: float) -> bool:
        """Whether the tracker started, or refused to, within that time."""
        return wait_for(self._started, timeout_s)

    def put(self, event: Event) -> None:
        """Take an event, the next one; never waits."""
        if type(event) is not Row and type(event) is not Saved:
            self._others.append(event.number)
            self._over = type(event) is Ended
        self._last = event.number
        self._queue.append(event)

    def finish(self) -> None:
        """From now on, deliver as fast as the tracker takes it, to the end."""
        self._in_a_row = min(self._in_a_row, PATIENCE - 1)  # it is tried once more
        self._hurry.set()

    def wait_finished(self, timeout_s: float) -> bool:
        """Whether the worker came to the end within that time."""
        return wait_for(self._done, timeout_s)

    def abandon(self) -> None:
        """Deliver nothing more: the worker stops as soon as the tracker lets go of it."""
        self._abandoned = True
        self._hurry.set()
        if self._held is not None:
            self._held.close()

    def leave(self) -> None:
        """In a forked child: let go of what is the parent's."""
        if self._held is not None:
            self._held.leave()

    def counts(self) -> Counts:
        """How it stands at this moment; for the thread that puts the events in."""
        reached = self._reached
        begin = max(reached.next, self._first)
        others = sum(number >= begin for number in self._others)
        waiting = max(0, self._last - begin + 1 - others)
        return Counts(reached.sent, reached.failed, reached.skipped + waiting)

    @property
    def no_end(self) -> bool:
        """Whether the run is over, and the tracker that was to end it did not do so yet."""
        return self._over and not self._ended and self.refusal is None

    def _work(self, run: Run) -> None:
        try:
            if self._is_alone() and self._start_tracker(run):
                self._deliver_all()
        except BaseException as error:
            log.warning("%s: delivery stopped: %s", self.name, describe(error), exc_info=error)
        finally:
            if self._held is not None:
                self._held.close()
            self._started.set()
            self._done.set()

    def _start_tracker(self, run: Run) -> bool:
        try:
            self._tracker.start(run)
        except TrackerError as error:  # it knows what is wrong, and says what to do
            self.refusal = redacted_text(str(error))
        except BaseException as error:
            self.refusal = redacted_text(f"cannot start: {describe(error)}")
            log.info("%s cannot start", self.name, exc_info=error)
        self._started.set()
        return self.refusal is None

    def _is_alone(self) -> bool:
        """Wait for a replay that sends to this tracker; False if the run is over before."""
        if self._held is None:
            return True
        if not self._held.wait(over=lambda: self._abandoned):
            return False
        if self._first == 1:
            self._held.forget()
        return True

    def _deliver_all(self) -> None:
        position = self._position()
        note = self._held if self._sequel is None or position is not None else None
        if note is not None and position is not None and note.order == "settled":
            self._complete(note, position)
            position = None
        rows = 0
        for event in self._events():
            kept = self._sequel.keep(event) if self._sequel is not None else event
            held = event.number < self._first if position is None else rows < position
            rows += isinstance(kept, Row)
            due = kept if isinstance(kept, Row | Saved) and not held else None
            taken = None if due is None else self._deliver(due)
            self._reached = self._reached.after(event.number, due=due is not None, taken=taken)
            if note is not None and isinstance(due, Row) and taken is not None:
                note.reached(rows, "logged", taken=taken)
            self._share.settle()  # when all is noted: it may wait for long, and be killed meanwhile
            if isinstance(event, Ended) and event.number >= self._first:  # of no stretch before
                self._deliver(event)
                return

    def _complete(self, note: Held, position: int) -> None:
        """Deliver what a replay left of the history, as it was before the run went on."""
        assert self._reader is not None
        history = read_history(self._reader.path, before=self._first)
        left = history.rows[position:]
        due_now: list[Row | Saved] = [*left]
        due_now += [saved for saved in history.files if left and saved.path.is_file()]
        for number, due in enumerate(due_now, start=position + 1):
            taken = self._deliver(due)
            self._reached = self._reached.after(0, due=True, taken=taken)
            if isinstance(due, Row) and taken is not None:
                note.reached(number, "settled", taken=taken)
            self._share.settle()

    def _position(self) -> int | None:
        """Rows that the tracker was sent of a run that is resumed; None where nobody can tell."""
        if self._sequel is None or self._held is None:
            return None
        try:
            return self._held.rows()
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
            if event.number > self._reached.next:
                yield from self._from_journal()
            reached = self._reached
            if event.number > reached.next:  # not even there
                lost = event.number - max(reached.next, self._first)
                self._reached = reached.passed_over(lost, next=event.number)
            if event.number >= reached.next:
                yield event

    def _from_journal(self) -> Iterator[Event]:
        if self._reader is None:
            return
        try:
            for event in self._reader.events():
                if self._abandoned:
                    return
                if not isinstance(event, Run) and event.number >= self._reached.next:
                    yield event
        except OSError as error:  # somebody removed it
            self._tell("journal", error)

    def _deliver(self, event: Row | Saved | Ended) -> bool | None:
        """Whether the tracker took it or refused it; None where it was not given it."""
        while not self._abandoned:
            if self._in_a_row >= PATIENCE and self._hurry.is_set() and not isinstance(event, Ended):
                return None
            began = time.monotonic()
            try:
                self._call(event)
            except BaseException as error:  # noqa: BLE001  SystemExit, too
                self._in_a_row += 1
                self._tell(type(event).__name__.lower(), error)
            else:
                self._in_a_row = 0
                self._ended |= isinstance(event, Ended)
            self._share.take(time.monotonic() - began)
            if self._in_a_row < PATIENCE or isinstance(event, Ended):
                return self._in_a_row == 0
            self._hurry.wait(PAUSE_S)
        return None

    def _call(self, event: Row | Saved | Ended) -> None:
        if isinstance(event, Row):  # each tracker gets a mapping of its own to do with as it likes
            self._tracker.log(dict(event.values), step=event.step)
        elif isinstance(event, Saved):
            self._tracker.save(event.path, kind=event.kind)
        else:
            self._tracker.finish(event.outcome)

    def _tell(self, what: str, error: BaseException) -> None:
        """Once for each kind of failure, with its traceback in the log."""
        if type(error).__name__ not in self._told:
            self._told.add(type(error).__name__)
            log.warning(
                "%s failed (%s): %s; the run goes on",
                self.name, what, describe(error), exc_info=error,
            )  # fmt: skip
