"""What a program reports, made what trackers are given; a value that is none costs a warning."""

import logging
import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from pahcl_track.encoding import Plain, plain
from pahcl_track.errors import describe
from pahcl_track.numbers import on_accelerator, snapshot
from pahcl_track.protocol import Outcome, Run
from pahcl_track.redaction import redacted, redacted_text, without_secrets

log = logging.getLogger(__name__)
log.addFilter(without_secrets)


class Intake:
    """Sorts the values of a run."""

    def __init__(self) -> None:
        self.non_finite = 0
        """Values that were NaN or infinite."""

        self._told: set[str] = set()

    def sort(self, values: Mapping[Any, Any]) -> tuple[dict[str, Plain], dict[str, Any]]:
        """Plain values, and copies of those that lie on an accelerator."""
        here: dict[str, Plain] = {}
        there: dict[str, Any] = {}
        for name, value in values.items():
            try:
                if isinstance(name, str) and on_accelerator(value):
                    there[name] = snapshot(value)
                    continue
            except Exception as error:  # noqa: BLE001  whatever a value does when it is asked
                self.complain(name, error)
                continue
            self._take(here, name, value)
        return here, there

    def plain(self, values: Mapping[Any, Any]) -> dict[str, Plain]:
        """Plain values, waited for where they lie on an accelerator."""
        taken: dict[str, Plain] = {}
        for name, value in values.items():
            self._take(taken, name, value)
        return taken

    def run(self, run: Run) -> Run:
        """The run with a configuration of plain values, and no secrets there or in the notes."""
        step = run.resumed_from_step
        step = None if step is None else int(step)
        notes = None if run.notes is None else redacted_text(str(run.notes))
        try:
            config = redacted(run.config)
        except Exception as error:  # noqa: BLE001  a configuration may hold anything
            self.complain("the configuration", error)
            config = {}
        return replace(run, config=config, notes=notes, resumed_from_step=step)

    def outcome(self, outcome: Outcome) -> Outcome:
        """The outcome with plain values, and without secrets."""
        error = None if outcome.error is None else redacted_text(str(outcome.error))
        return replace(outcome, error=error, summary=self.plain(outcome.summary))

    def complain(self, what: str, error: Exception) -> None:
        """Say that something was not recorded, once for each thing."""
        if what not in self._told:
            self._told.add(what)
            trace = None if isinstance(error, TypeError) else error  # that one says all there is
            log.warning("%s was not recorded: %s", what, describe(error), exc_info=trace)

    def _take(self, row: dict[str, Plain], name: Any, value: Any) -> None:  # noqa: ANN401
        if not isinstance(name, str):
            self.complain(f"the name {name!r}", TypeError("a name is a text"))
            return
        try:
            taken = plain(value)
        except Exception as error:  # noqa: BLE001
            self.complain(name, error)
            return
        if isinstance(taken, float) and not math.isfinite(taken):
            self.non_finite += 1
        row[name] = taken
