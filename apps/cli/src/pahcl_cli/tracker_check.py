"""Whether each installed tracker works here: it is given a run of two rows in a scratch folder."""

import contextlib
import logging
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from pahcl_cli.tracking import load_one, tracker_of
from pahcl_track import (
    InstalledTracker,
    Outcome,
    Run,
    Session,
    TrackerError,
    installed_trackers,
    parse_options,
)
from pahcl_track.errors import describe
from pahcl_track.redaction import redacted_text

_SAFE_OPTIONS = {"wandb": ("wandb.mode=offline", "wandb.system_metrics=false")}
"""With these, a trial leaves nothing behind anywhere but in its scratch folder."""

_TRIAL_S = 30.0


@dataclass(frozen=True, kw_only=True, slots=True)
class TrackerCheck:
    """What came of one trial."""

    tracker: InstalledTracker
    problem: str | None
    """Why it does not work, and what to do; None if it does."""

    note: str
    """What was tried."""

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {**asdict(self.tracker), "problem": self.problem, "note": self.note}

    def __str__(self) -> str:
        """One line."""
        where = f"{self.tracker.distribution} {self.tracker.version}"
        verdict = f"cannot be used: {self.problem}" if self.problem else f"works ({self.note})"
        return f"{self.tracker.name:<10} {where:<24} {verdict}"


def check_trackers(texts: Sequence[str]) -> list[TrackerCheck]:
    """Try every installed tracker.

    Args:
        texts: Options as on the command line, `<tracker>.<option>=<value>`.

    Raises:
        TrackerError: If an option is no option of an installed tracker.
    """
    installed = installed_trackers()
    given = parse_options(texts, [tracker.name for tracker in installed])
    found = []
    for tracker in installed:
        own = [text for text in texts if tracker_of(text) == tracker.name]
        safe = [] if tracker.name in given else list(_SAFE_OPTIONS.get(tracker.name, ()))
        problem = _trial(tracker.name, [*own, *safe])
        note = "a run of two rows" + (f" with {', '.join(safe)}" if safe else "")
        found.append(TrackerCheck(tracker=tracker, problem=problem, note=note))
    return found


def _trial(name: str, texts: Iterable[str]) -> str | None:
    try:
        tracker = load_one(name, list(texts))
    except TrackerError as error:
        return str(error)
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder, _heard() as errors:
        session = Session({name: tracker}, start_timeout_s=_TRIAL_S, finish_timeout_s=_TRIAL_S)
        session.start(Run(name="check", directory=Path(folder)))
        for step in (1, 2):
            session.log({"train/loss": 1 / step}, step=step)
        session.finish(Outcome(status="completed"))
    why = f": {errors[0]}" if errors else ""
    for account in session.accounts():  # of the journal there is none: it is no tracker of its own
        if account.refusal is not None:
            return account.refusal
        if account.failed or account.not_delivered:
            return f"{account.failed + account.not_delivered} of 2 rows did not arrive{why}"
        if account.no_end:
            return f"it does not end a run{why or f' within {_TRIAL_S:g} s'}"
    return None


@contextlib.contextmanager
def _heard() -> Iterator[list[str]]:
    """What a tracker raises meanwhile, in one line each; it is not written anywhere else."""
    errors: list[str] = []

    class Hearing(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            if record.exc_info and record.exc_info[1] is not None:
                errors.append(redacted_text(describe(record.exc_info[1])))

    logger = logging.getLogger("pahcl_track")
    before = logger.handlers[:], logger.propagate
    logger.handlers[:], logger.propagate = [Hearing(logging.WARNING)], False
    try:
        yield errors
    finally:
        logger.handlers[:], logger.propagate = before
