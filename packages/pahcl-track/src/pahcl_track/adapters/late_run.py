"""A run for libraries that tell its configuration late, and its end early or not at all."""

import atexit
import logging
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from pahcl_track.discovery import installed_trackers
from pahcl_track.protocol import Outcome, Run, Tracker
from pahcl_track.session import Session

log = logging.getLogger(__name__)


class LateRun:
    """Begins with the first value, because until then the configuration may grow."""

    def __init__(self, tracker: Tracker, run: Run) -> None:
        """Take a session, or a tracker to put in one."""
        self.session = tracker if isinstance(tracker, Session) else _session_around(tracker)
        self.run = run
        self._begun = False
        self._ended = False
        self._last_step = -1
        self._complained = False

    def configure(self, values: Mapping[str, Any]) -> None:
        """Add to the configuration, as long as the run has not begun."""
        config = {**self.run.config, **values}
        if not self._begun:
            self.run = replace(self.run, config=config)
        elif config != dict(self.run.config):
            log.warning(
                "hyper-parameters that came after the run had begun were not recorded: %s",
                ", ".join(name for name in values if name not in self.run.config) or "changes",
            )

    def log(self, values: Mapping[str, Any], step: int | None) -> None:
        """Record values; without a step, at the one after the last."""
        if self._ended:
            if not self._complained:
                self._complained = True
                log.warning("the run has ended; what is logged now is not recorded")
            return
        self.begin()
        step = self._last_step + 1 if step is None else step
        self._last_step = step
        self.session.log(values, step=step)

    def save(self, path: Path, *, kind: str) -> None:
        """Keep a file with the run."""
        if not self._ended:
            self.begin()
            self.session.save(path, kind=kind)

    def begin(self) -> None:
        """Start the session, unless it has been."""
        if not self._begun:
            self._begun = True
            self.session.start(self.run)

    def end(self, outcome: Outcome) -> None:
        """End the run; nothing is recorded after it."""
        atexit.unregister(self.end)
        self.begin()
        self._ended = True
        self.session.finish(outcome)

    def end_with_the_program(self, outcome: Outcome) -> None:
        """Go on for now, and end like this when the program does."""
        self.begin()
        atexit.register(self.end, outcome)  # the last of these is called first


def _session_around(tracker: Tracker) -> Session:
    """A session, under the name that the tracker has for `pahcl track`, if it has one.

    The library calls on one rank alone, however it tells ranks.
    """
    kind = type(tracker)
    entry = f"{kind.__module__}:{kind.__qualname__}"
    names = [found.name for found in installed_trackers() if found.entry == entry]
    return Session({names[0] if names else kind.__name__: tracker}, is_main=True)
