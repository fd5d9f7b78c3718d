"""Several trackers as one, none of which can harm the others or the program."""

import logging
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from pahcl_track.errors import TrackerError
from pahcl_track.protocol import Outcome, Run, Tracker
from pahcl_track.values import Value

log = logging.getLogger(__name__)

_PATIENCE = 20
"""Failures in a row after which a tracker is left alone: a server that is gone stays gone."""


class FanOut:
    """Tells every tracker everything, in their order."""

    def __init__(self, trackers: Sequence[Tracker]) -> None:
        self._trackers = tuple(trackers)

    def start(self, run: Run) -> None:
        """Begin with each."""
        for tracker in self._trackers:
            tracker.start(run)

    def log(self, values: Mapping[str, Value], *, step: int) -> None:
        """Give the values to each."""
        for tracker in self._trackers:
            tracker.log(values, step=step)

    def save(self, path: Path, *, kind: str) -> None:
        """Give the file to each."""
        for tracker in self._trackers:
            tracker.save(path, kind=kind)

    def finish(self, outcome: Outcome) -> None:
        """End with each."""
        for tracker in self._trackers:
            tracker.finish(outcome)


class Isolated:
    """A tracker that is let fail: what it raises is told once, counted, and goes no further.

    One that cannot start is not called again. One that fails many times in a row is left alone
    until the end.
    """

    def __init__(self, name: str, tracker: Tracker) -> None:
        self.name = name
        self.failures = 0
        """Calls that raised."""

        self.accepted = 0
        """Calls of `log` and `save` that did not."""

        self.started = False
        self._tracker = tracker
        self._in_a_row = 0
        self._told: set[type[BaseException]] = set()

    @property
    def usable(self) -> bool:
        """Whether it started and has not been left alone since."""
        return self.started and self._in_a_row < _PATIENCE

    def start(self, run: Run) -> None:
        """Begin, if it can."""
        try:
            self._tracker.start(run)
        except TrackerError as error:  # it knows what is wrong, and says what to do
            self.failures += 1
            log.warning("%s: %s; the run goes on without it", self.name, error)
        except Exception as error:
            self.failures += 1
            log.warning(
                "%s cannot start: %s; the run goes on without it",
                self.name, describe(error), exc_info=error,
            )  # fmt: skip
        else:
            self.started = True

    def log(self, values: Mapping[str, Value], *, step: int) -> None:
        """Give it the values."""
        self.attempt("log", lambda: self._tracker.log(values, step=step))

    def save(self, path: Path, *, kind: str) -> None:
        """Give it the file."""
        self.attempt("save", lambda: self._tracker.save(path, kind=kind))

    def finish(self, outcome: Outcome) -> None:
        """End, also with one that was left alone: it may hold what can still be saved."""
        if not self.started:
            return
        self._in_a_row = 0
        self.attempt("finish", lambda: self._tracker.finish(outcome))
        self.started = False

    def attempt(self, what: str, call: Callable[[], None]) -> bool:
        """Make a call, unless there is no point any more; whether it was made and went well."""
        if not self.usable:
            return False
        try:
            call()
        except Exception as error:  # noqa: BLE001  reported, with its traceback, by `_failed`
            self._failed(what, error)
            return False
        self._in_a_row = 0
        self.accepted += 1
        return True

    def _failed(self, what: str, error: Exception) -> None:
        self.failures += 1
        self._in_a_row += 1
        if type(error) not in self._told:
            self._told.add(type(error))
            log.warning(
                "%s failed in %s: %s; the run goes on",
                self.name, what, describe(error), exc_info=error,
            )  # fmt: skip
        if self._in_a_row == _PATIENCE:
            log.warning("%s failed %d times in a row and is left alone", self.name, _PATIENCE)


def combine(trackers: Mapping[str, Tracker]) -> Tracker:
    """Trackers by name as one, each of them isolated from the others."""
    return FanOut([Isolated(name, tracker) for name, tracker in trackers.items()])


def describe(error: BaseException) -> str:
    """An error in one line."""
    lines = str(error).strip().splitlines()
    return f"{type(error).__name__}: {lines[0]}" if lines else type(error).__name__
