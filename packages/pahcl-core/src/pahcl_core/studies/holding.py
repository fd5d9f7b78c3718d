"""A tracker that is told of a run's end when what comes after training is known, too."""

import contextlib
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

from pahcl_core.training.reporting import Guarded
from pahcl_track import Outcome, Run, Tracker, TrackerError, Value, read_history


class HeldOpen:
    """A tracker around another: the end of a run that was completed waits for `ending`."""

    def __init__(self, tracker: Tracker) -> None:
        self._tracker = Guarded(tracker)
        self._outcome: Outcome | None = None

    def start(self, run: Run) -> None:
        """Forward the beginning of a run."""
        self._tracker.start(run)

    def log(self, values: Mapping[str, Value], *, step: int) -> None:
        """Forward values."""
        self._tracker.log(values, step=step)

    def save(self, path: Path, *, kind: str) -> None:
        """Forward a file."""
        self._tracker.save(path, kind=kind)

    def finish(self, outcome: Outcome) -> None:
        """Forward the end, unless all went well."""
        if outcome.status == "completed":
            self._outcome = outcome
        else:
            self._tracker.finish(outcome)

    def reopen(self, run: Run) -> None:
        """Go on with a run that was trained to its end, but the tracker was not told of it.

        What was logged is in its journal; where there is none, nothing is told.
        """
        try:
            rows = read_history(run.directory).rows
        except (OSError, TrackerError):
            return
        self.start(replace(run, resumed_from_step=max((row.step for row in rows), default=0)))
        self.finish(Outcome(status="completed"))

    @contextlib.contextmanager
    def ending(self) -> Iterator[dict[str, Value]]:
        """End the run as this block ends.

        Yields:
            Further figures for its summary, to fill in.
        """
        found: dict[str, Value] = {}
        try:
            yield found
        except KeyboardInterrupt:
            self._end(Outcome(status="interrupted"), found)
            raise
        except Exception as error:
            self._end(Outcome(status="failed", error=str(error)), found)
            raise
        self._end(Outcome(status="completed"), found)

    def _end(self, outcome: Outcome, found: Mapping[str, Value]) -> None:
        if self._outcome is not None:
            summary = {**self._outcome.summary, **found}
            self._tracker.finish(replace(outcome, summary=summary))
            self._outcome = None
