"""What a program reports to: all its trackers as one, and none of their troubles.

A session is itself a `Tracker`. It writes the journal first, then leaves each tracker to a worker
(`delivery`), so that reporting costs the program one line in a file. It converts values once, for
all; keeps secrets out of configurations; stays silent on all ranks but the first, and in a forked
child; and gives an account at the end.
"""

import atexit
import contextlib
import logging
import operator
import os
import time
from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from pahcl_track.account import Account, account_of, tell
from pahcl_track.delivery import Delivery
from pahcl_track.device import DeviceValues
from pahcl_track.encoding import Plain
from pahcl_track.errors import TrackingRequired, describe
from pahcl_track.events import Event
from pahcl_track.intake import Intake
from pahcl_track.journal import Journal
from pahcl_track.opening import begin_journal
from pahcl_track.protocol import Outcome, Run, Tracker
from pahcl_track.redaction import without_secrets
from pahcl_track.values import Value

log = logging.getLogger(__name__)
log.addFilter(without_secrets)

_ABORTED = Outcome(status="failed", error="the program ended without finishing the run")
_LEFT = Outcome(status="failed", error="another run began in its place")
_AT_EXIT_S = 5.0


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
        self._ending = False
        self._journal: Journal | None = None
        self._deliveries: list[Delivery] = []
        self._device_values: DeviceValues | None = None
        self._directory = Path()
        self._intake = Intake()

    def start(self, run: Run) -> None:
        """Begin a run, or go on with one (`run.resumed_from_step`).

        Raises:
            TrackingRequired: If the session is strict and a tracker cannot start.
        """
        main = self._is_main
        if not (os.environ.get("RANK", "0") in ("", "0") if main is None else main):
            return
        directory = run.directory.absolute()  # the program may go elsewhere
        _end_unfinished(self, directory)
        self._directory, self._ending, self._intake = directory, False, Intake()
        run = self._intake.run(replace(run, directory=directory))
        self._journal, run = begin_journal(run, required=self._strict)
        self._device_values = DeviceValues(partial(self._record_arrived, self._journal))
        self._off = False
        _RUNNING.add(self)
        self._deliveries = [Delivery(name, tracker) for name, tracker in self._trackers.items()]
        for delivery in self._deliveries:
            delivery.start(
                run,
                journal=self._journal.path if self._journal.written else None,
                first=self._journal.next_number,
            )
        if run.resumed_from_step is not None:
            self._hand_over(self._journal.resumed(run.resumed_from_step))
        try:
            self._await_starts()
        except TrackingRequired as error:
            self._finish(Outcome(status="failed", error=str(error)), _AT_EXIT_S)
            raise

    def log(self, values: Mapping[str, Value], *, step: int) -> None:
        """Record values; what is on the host is on disk when this returns."""
        if not (self._off or self._log_floats(values, step)):
            self._log_anything(values, step)

    def save(self, path: Path, *, kind: str) -> None:
        """Record a file, and have it given to the trackers."""
        if self._off or self._journal is None:
            return
        try:
            with self._journal.lock:
                if not self._off:
                    self._hand_over(self._journal.saved(Path(path).absolute(), kind))
        except Exception as error:  # noqa: BLE001
            self._intake.complain(f"the file {path}", error)

    def finish(self, outcome: Outcome) -> None:
        """End the run: wait for what is still to be delivered, and say what was not."""
        if not self._off:
            self._finish(outcome, self._finish_timeout_s)

    @contextlib.contextmanager
    def running(self, run: Run) -> Iterator["Session"]:
        """Begin a run, and end it as the block ends: completed, interrupted or failed."""
        try:
            self.start(run)
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
        return [account_of(delivery) for delivery in self._deliveries]

    @property
    def non_finite(self) -> int:
        """Values that were NaN or infinite; they are recorded as such."""
        return self._intake.non_finite

    def _await_starts(self) -> None:
        deadline = time.monotonic() + self._start_timeout_s
        for delivery in self._deliveries:
            started = delivery.wait_started(deadline - time.monotonic())
            if started and delivery.refusal is None:
                continue
            reason = delivery.refusal or f"has not started within {self._start_timeout_s:g} s"
            if self._strict:
                raise TrackingRequired(f"{delivery.name}: {reason}")
            then = "the run goes on without it" if started else "it is given everything when it has"
            log.warning("%s: %s; %s", delivery.name, reason, then)

    def _log_floats(self, values: Mapping[str, Any], step: int) -> bool:
        """Whether that could be done the fast way."""
        assert self._journal is not None
        try:
            with self._journal.lock:  # until it is handed over, so that rows stay in order
                if not self._off:
                    row = self._journal.floats(values, step)
                    for delivery in self._deliveries:
                        delivery.put(row)
        except Exception:  # noqa: BLE001  no plain row; it is to be looked at closely
            return False
        return True

    def _log_anything(self, values: Mapping[str, Any], step: Any) -> None:  # noqa: ANN401
        """A row that is not floats alone: numbers of any library, pictures, tables, NaN."""
        try:
            step = operator.index(step)
            here, there = self._intake.sort(values)
            if there and self._device_values is not None:
                self._device_values.put(there, step)
            if here or not there:
                self._record_plain(self._journal, here, step)
        except Exception as error:  # noqa: BLE001  reporting never ends a program
            self._intake.complain("a row", error)

    def _record_arrived(self, journal: Journal, values: Mapping[str, Any], step: int) -> None:
        """Values that came from a device meanwhile."""
        self._record_plain(journal, self._intake.plain(values), step)

    def _record_plain(self, journal: Journal | None, row: Mapping[str, Plain], step: int) -> None:
        assert journal is not None
        with journal.lock:
            # Values of a run that is over may arrive when the next one has begun.
            if not self._off and journal is self._journal:
                self._hand_over(journal.row(row, step))

    def _hand_over(self, event: Event) -> None:
        for delivery in self._deliveries:
            delivery.put(event)

    def _finish(self, outcome: Outcome, timeout_s: float) -> None:
        assert self._journal is not None
        assert self._device_values is not None
        with self._journal.lock:
            if self._off or self._ending:
                return
            self._ending = True
        deadline = time.monotonic() + timeout_s
        try:
            try:
                if not self._device_values.flush(timeout_s / 2):
                    log.warning("values on a device did not arrive in time and are not recorded")
            finally:  # whoever does not wait for them wants the end on record all the same
                self._end(outcome)
            for delivery in self._deliveries:
                delivery.wait_finished(deadline - time.monotonic())
        finally:
            for delivery in self._deliveries:
                delivery.abandon()
            self._device_values.close()
            self._journal.close()  # counts the lines that never fitted on the disk
            tell(self.accounts(), self._directory if self._journal.written else None)
            if self._journal.lost:
                lost = self._journal.lost
                log.warning("the journal lacks %d lines or pictures: the disk was full", lost)
            if self.non_finite:
                log.info("%d values were not finite", self.non_finite)
            _RUNNING.discard(self)

    def _end(self, outcome: Outcome) -> None:
        assert self._journal is not None
        with self._journal.lock:
            try:
                self._hand_over(self._journal.ended(self._intake.outcome(outcome)))
            except Exception as error:  # noqa: BLE001
                self._intake.complain("the end of the run", error)
            finally:
                self._off = True
        for delivery in self._deliveries:
            delivery.finish()

    def _forget(self) -> None:
        """In a forked child: the run is the parent's."""
        self._off = True
        for delivery in self._deliveries:
            delivery.leave()
        self._deliveries = []
        if self._journal is not None:
            self._journal.forget()


_RUNNING: set[Session] = set()
"""Kept alive until they are finished, be it at the program's end."""


def _end_unfinished(beginning: Session, directory: Path) -> None:
    """End a run that this program left unfinished there, as a notebook does whose cell failed.

    Or in another directory, by the session that is to begin one.
    """
    for session in list(_RUNNING):
        if session is beginning or session._directory.resolve() == directory.resolve():
            left = session._directory
            log.warning("%s: the run before was not finished; it is ended now", left)
            session._finish(_LEFT, _AT_EXIT_S)


def _end_all() -> None:
    for session in list(_RUNNING):
        session._finish(_ABORTED, _AT_EXIT_S)


def _forget_all() -> None:
    for session in list(_RUNNING):
        session._forget()
    _RUNNING.clear()


atexit.register(_end_all)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_all)
