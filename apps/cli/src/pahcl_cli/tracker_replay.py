"""Sending a run to a tracker, and what came of it, also where the tracker gave up half way."""

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from pahcl_cli.progress import progress_bar
from pahcl_cli.tracking import load_one
from pahcl_track import TrackerError
from pahcl_track.errors import describe
from pahcl_track.redaction import redacted_text
from pahcl_track.replay import replay


@dataclass(frozen=True, kw_only=True, slots=True)
class ReplayReport:
    """What became of the run's rows and files."""

    run: str
    tracker: str
    sent: int
    """Rows sent now."""

    held: int | None
    """Rows that the tracker held already; None where the replay stopped."""

    left: int | None
    """Rows that are still to be sent; None where it stopped before it came to any."""

    files: int
    missing: tuple[str, ...]
    """Files of the run that are no longer there."""

    problem: str | None
    """Why it stopped; None if it came to the end."""

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self)

    def __str__(self) -> str:
        """One line."""
        if self.left is None:
            return f"{self.tracker}: {self.problem}; nothing was sent: the same command tries again"
        if self.problem is not None:
            return (
                f"{self.tracker}: {self.problem}; {self.sent} rows sent, {self.left} left: "
                "the same command goes on from there"
            )
        return (
            f"{self.tracker}: {self.sent} rows sent, {self.held} held already, {self.files} files"
        )


def replay_to(name: str, run: Path, texts: Sequence[str]) -> ReplayReport:
    """Send a run to an installed tracker.

    Args:
        name: Of the tracker.
        run: The run's directory, or its journal.
        texts: Options as on the command line, `<tracker>.<option>=<value>`.

    Raises:
        TrackerError: If the run cannot be read or is still going on, or the tracker cannot be used.
    """
    tracker = load_one(name, texts)
    bar = progress_bar(f"to {name}")
    sent = 0
    left: int | None = None

    def counted(rows: Iterable[Any], total: int) -> Iterable[Any]:
        nonlocal sent, left
        left = total
        for row in bar(rows, total):
            yield row
            sent += 1
            left = total - sent

    try:
        done = replay(run, tracker, name=name, progress=counted)
    except TrackerError:
        raise
    except Exception as error:  # noqa: BLE001  whatever a tracker raises
        problem = redacted_text(describe(error))
        return ReplayReport(
            run=str(run), tracker=name, sent=sent, held=None, left=left, files=0, missing=(),
            problem=problem,
        )  # fmt: skip
    return ReplayReport(
        run=str(run), tracker=name, sent=done.sent, held=done.held, left=0, files=done.files,
        missing=tuple(map(str, done.missing)), problem=None,
    )  # fmt: skip
