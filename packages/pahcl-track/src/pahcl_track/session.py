"""What a program reports to: all its trackers as one, and none of their troubles.

A session is itself a `Tracker`. It writes the journal first, then leaves each tracker to a worker
(`delivery`), so that reporting costs the program one line in a file. It converts values once, for
all; keeps secrets out of configurations; stays silent on all ranks but the first, and in a forked
child; and gives an account at the end.
"""

import atexit
import contextlib
import logging
import math
import operator
import os
import secrets
import time
import weakref
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from pahcl_track.delivery import Delivery, describe
from pahcl_track.device import DeviceValues
from pahcl_track.encoding import Plain, plain
from pahcl_track.errors import TrackerError, TrackingRequired
from pahcl_track.events import Event, Row
from pahcl_track.history import Reader
from pahcl_track.journal import Journal
from pahcl_track.numbers import on_accelerator, snapshot
from pahcl_track.protocol import Outcome, Run, Tracker
from pahcl_track.redaction import redacted, redacted_text
from pahcl_track.values import Value

log = logging.getLogger(__name__)

_ABORTED = Outcome(status="failed", error="the program ended without finishing the run")
_AT_EXIT_S = 5.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Account:
    """What became of a run's rows and files with one tracker."""

    tracker: str
    sent: int
    failed: int
    not_delivered: int
    refusal: str | None = None
    """Why it did not start, if it did not."""

    def __str__(self) -> str:
        """One line."""
        if self.refusal is not None:
            return f"{self.tracker}: did not start, {self.not_delivered} not delivered"
        return (
            f"{self.tracker}: {self.sent} sent, {self.failed} failed, "
            f"{self.not_delivered} not delivered"
        )


class Session:
    """A tracker around any number of trackers. Only `start` may raise, and only if asked to."""

    def __init__(
        self,
        trackers: Mapping[str, Tracker],
        *,
        strict: bool = False,
        start_timeout_s: float = 20.0,
        finish_timeout_s: float = 60.0,
        is_main: bool | None = None,
    ) -> None:
        """Take the trackers; nothing happens before `start`.

        Args:
            trackers: By name.
            strict: Whether a tracker that cannot start ends the program.
            start_timeout_s: How long to wait for the trackers to start. One that takes longer is
                given everything when it is ready.
            finish_timeout_s: How long to wait at the end for what is still to be delivered.
            is_main: Whether this process reports; by default the one whose `RANK` is 0 or unset.
        """
        # One of them may be the journal, which is written in any case.
        self._trackers = {n: t for n, t in trackers.items() if not isinstance(t, Session)}
        self._strict = strict
        self._start_timeout_s = start_timeout_s
        self._finish_timeout_s = finish_timeout_s
        self._is_main = is_main
        self._off = True
        self._journal: Journal | None = None
        self._deliveries: list[Delivery] = []
        self._device_values = DeviceValues(self._record_arrived)
        self._directory = Path()
        self._written = True
        self._told: set[str] = set()
        self.non_finite = 0
        """Values that were NaN or infinite; they are recorded as such."""

        _SESSIONS.add(self)

    def start(self, run: Run) -> None:
        """Begin a run, or go on with one (`run.resumed_from_step`).

        Raises:
            TrackingRequired: If the session is strict and a tracker cannot start.
        """
        main = self._is_main
        if not (os.environ.get("RANK", "0") in ("", "0") if main is None else main):
            return
        self._directory = run.directory
        run = self._open_journal(replace(run, config=redacted(run.config)))
        assert self._journal is not None
        self._off = False
        self._deliveries = [Delivery(name, tracker) for name, tracker in self._trackers.items()]
        for delivery in self._deliveries:
            delivery.start(
                run,
                journal=self._directory if self._written else None,
                first=self._journal.next_number,
            )
        if run.resumed_from_step is not None:
            self._hand_over(self._journal.resumed(run.resumed_from_step))
        self._await_starts()

    def log(self, values: Mapping[str, Value], *, step: int) -> None:
        """Record values; what is on the host is on disk when this returns."""
        if self._off:
            return
        try:
            row: Row | None = self._journal.floats(values, step)  # type: ignore[union-attr]
        except Exception:  # noqa: BLE001  no plain row; it is looked at closely below
            row = None
        if row is None:
            self._log_anything(values, step)
        else:
            for delivery in self._deliveries:
                delivery.put(row)

    def save(self, path: Path, *, kind: str) -> None:
        """Record a file, and have it given to the trackers."""
        if self._off or self._journal is None:
            return
        try:
            self._hand_over(self._journal.saved(Path(path), kind))
        except Exception as error:  # noqa: BLE001
            self._complain(f"the file {path}", error)

    def finish(self, outcome: Outcome) -> None:
        """End the run: wait for what is still to be delivered, and say what was not."""
        if not self._off:
            self._finish(outcome, self._finish_timeout_s)

    @contextlib.contextmanager
    def running(self, run: Run) -> Iterator["Session"]:
        """Begin a run, and end it as the block ends: completed, interrupted or failed."""
        self.start(run)
        try:
            yield self
        except KeyboardInterrupt:
            self.finish(Outcome(status="interrupted"))
            raise
        except BaseException as error:
            self.finish(Outcome(status="failed", error=describe(error)))
            raise
        self.finish(Outcome(status="completed"))

    def accounts(self) -> list[Account]:
        """What became of the run with each tracker, so far."""
        return [
            Account(
                tracker=delivery.name,
                sent=delivery.sent,
                failed=delivery.failed,
                not_delivered=delivery.undelivered,
                refusal=delivery.refusal,
            )
            for delivery in self._deliveries
        ]

    def _identified(self, run: Run, before: Run | None) -> Run:
        """A run that is gone on with keeps its identity; a new one is given one."""
        known = None if before is None else before.id
        return replace(run, id=run.id or known or secrets.token_hex(4))

    def _open_journal(self, run: Run) -> Run:
        """Open the journal, and write down who the run is; returns the run with its identity."""
        before, last = None, -1
        try:
            journal = Journal(run.directory)
            if journal.path.stat().st_size > 0:
                if run.resumed_from_step is None:
                    journal = _set_aside(journal)
                else:
                    before, last = _so_far(run.directory)
        except (OSError, TrackerError) as error:
            if self._strict:
                raise TrackingRequired(f"no journal: {error}") from error
            log.warning("no journal of this run: %s; the run goes on without it", error)
            journal, self._written = Journal(run.directory, written=False), False
        self._journal = journal
        run = self._identified(run, before)
        if last < 0:
            journal.run(run)
        else:
            journal.go_on_after(last)
        return run

    def _await_starts(self) -> None:
        deadline = time.monotonic() + self._start_timeout_s
        for delivery in self._deliveries:
            started = delivery.wait_started(max(0.0, deadline - time.monotonic()))
            if started and delivery.refusal is None:
                continue
            reason = delivery.refusal or f"has not started within {self._start_timeout_s:g} s"
            if self._strict:
                raise TrackingRequired(f"{delivery.name}: {reason}")
            then = "the run goes on without it" if started else "it is given everything when it has"
            log.warning("%s: %s; %s", delivery.name, redacted_text(reason), then)

    def _log_anything(self, values: Mapping[str, Any], step: Any) -> None:  # noqa: ANN401
        """A row that is not floats alone: numbers of any library, pictures, tables, NaN."""
        try:
            step = operator.index(step)
            here: dict[str, Plain] = {}
            there: dict[str, Any] = {}
            for name, value in values.items():
                if type(name) is str and on_accelerator(value):
                    there[name] = snapshot(value)
                else:
                    self._sort_in(here, name, value)
            if there:
                self._device_values.put(there, step)
            if here or not there:
                self._record_plain(here, step)
        except Exception as error:  # noqa: BLE001  reporting never ends a program
            self._complain("a row", error)

    def _sort_in(self, row: dict[str, Plain], name: Any, value: Any) -> None:  # noqa: ANN401
        if not isinstance(name, str):
            self._complain(f"the name {name!r}", TypeError("a name is a text"))
            return
        try:
            number = plain(value)
        except Exception as error:  # noqa: BLE001
            self._complain(name, error)
            return
        if isinstance(number, float) and not math.isfinite(number):
            self.non_finite += 1
        row[name] = number

    def _record_arrived(self, values: Mapping[str, Any], step: int) -> None:
        """Values that came from a device meanwhile."""
        row: dict[str, Plain] = {}
        for name, value in values.items():
            self._sort_in(row, name, value)
        self._record_plain(row, step)

    def _record_plain(self, row: Mapping[str, Plain], step: int) -> None:
        if not self._off and self._journal is not None:
            self._hand_over(self._journal.row(row, step))

    def _hand_over(self, event: Event) -> None:
        for delivery in self._deliveries:
            delivery.put(event)

    def _complain(self, what: str, error: Exception) -> None:
        """Once for each thing that could not be recorded."""
        if what not in self._told:
            self._told.add(what)
            trace = None if isinstance(error, TypeError) else error  # that one says all there is
            log.warning("%s was not recorded: %s", what, describe(error), exc_info=trace)

    def _finish(self, outcome: Outcome, timeout_s: float) -> None:
        deadline = time.monotonic() + timeout_s
        self._device_values.flush(timeout_s / 2)
        summary: dict[str, Plain] = {}
        for name, value in outcome.summary.items():
            self._sort_in(summary, name, value)
        error = None if outcome.error is None else redacted_text(outcome.error)
        outcome = replace(outcome, error=error, summary=summary)
        assert self._journal is not None
        self._hand_over(self._journal.ended(outcome))
        self._off = True
        try:
            for delivery in self._deliveries:
                delivery.finish()
            for delivery in self._deliveries:
                delivery.wait_finished(deadline - time.monotonic())
        finally:
            for delivery in self._deliveries:
                delivery.abandon()
            self._tell_accounts()
            self._journal.close()

    def _tell_accounts(self) -> None:
        for account in self.accounts():
            complete = account.refusal is None and not account.failed + account.not_delivered
            remedy = ""
            if not complete and self._written:
                command = f"pahcl track replay {self._directory} --tracker {account.tracker}"
                remedy = f"; to send it: {command}"
            # A refusal was told at the start.
            level = logging.INFO if complete or account.refusal else logging.WARNING
            log.log(level, "%s%s", account, remedy)
        if self._journal is not None and self._journal.lost:
            log.warning("the journal lacks %d lines: the disk was full", self._journal.lost)
        if self.non_finite:
            log.info("%d values were not finite", self.non_finite)

    def _forget(self) -> None:
        """In a forked child: the run is the parent's."""
        self._off = True
        self._deliveries = []
        if self._journal is not None:
            self._journal.forget()


_SESSIONS: "weakref.WeakSet[Session]" = weakref.WeakSet()


def _set_aside(journal: Journal) -> Journal:
    """Keep the journal of an earlier run in this directory beside the new one."""
    number = 1
    while (kept := journal.path.with_suffix(f".{number}.jsonl")).exists():
        number += 1
    journal.path.rename(kept)
    journal.close()
    return Journal(journal.path.parent)


def _so_far(directory: Path) -> tuple[Run | None, int]:
    """The run that a journal is of, and the number of its last event."""
    run, last = None, -1
    for event in Reader(directory).events():
        if isinstance(event, Run):
            run, last = event, max(last, 0)
        else:
            last = max(last, event.number)
    return run, last


def _end_all() -> None:
    for session in list(_SESSIONS):
        if not session._off:
            session._finish(_ABORTED, _AT_EXIT_S)


def _forget_all() -> None:
    for session in list(_SESSIONS):
        session._forget()


atexit.register(_end_all)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_all)
