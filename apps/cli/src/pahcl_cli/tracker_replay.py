"""Sending a run to a tracker, and what came of it, also where the tracker gave up half way."""

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from pahcl_cli.progress import progress_bar
from pahcl_cli.tracking import last_of_each, load_one, options_of
from pahcl_core.evaluation.runs import read_run
from pahcl_track import TrackerError
from pahcl_track.errors import describe
from pahcl_track.redaction import redacted_text
from pahcl_track.replay import replay

_OF_THEN = ("wandb.mode=",)
"""What says how the run could reach a tracker, not where it belongs: a run without a network is
replayed when there is one."""


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

    inherited: tuple[str, ...]
    """Options that it was given because the run had given them, as on the command line."""

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
            f"{self._as_the_run()}"
        )

    def _as_the_run(self) -> str:
        return f"; {', '.join(self.inherited)} as in the run" if self.inherited else ""


def replay_to(name: str, run: Path, texts: Sequence[str]) -> ReplayReport:
    """Send a run to an installed tracker.

    Args:
        name: Of the tracker.
        run: The run's directory, or its journal.
        texts: Options as on the command line, `<tracker>.<option>=<value>`; others are those that
            the run gave it.

    Raises:
        TrackerError: If the run cannot be read or is still going on, or the tracker cannot be used.
        SettingError: If an option is needed again that was kept secret.
    """
    recorded = options_of(name, read_run(run if run.is_dir() else run.parent).config)
    begun_with = [one for one in recorded if not one.startswith(_OF_THEN)]
    options = last_of_each([*begun_with, *texts])
    inherited = tuple(one for one in options if one not in texts)
    tracker = load_one(name, options)
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
            problem=problem, inherited=inherited,
        )  # fmt: skip
    return ReplayReport(
        run=str(run), tracker=name, sent=done.sent, held=done.held, left=0, files=done.files,
        missing=tuple(map(str, done.missing)), problem=None, inherited=inherited,
    )  # fmt: skip
