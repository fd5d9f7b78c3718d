"""Sending a run to a tracker after the fact: a night without network costs one command.

What a tracker holds already is not sent again. A tracker that can tell its position
(`protocol.Positioned`) is asked; for any other, `sent` has noted it. So a replay that was
interrupted goes on where it stopped, and doing it twice sends nothing twice. While it goes on, no
other replay and no run sends to that tracker (`held`).
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from pahcl_track.errors import TrackerError
from pahcl_track.events import Row
from pahcl_track.held import Held
from pahcl_track.history import History, Reader, as_logged, read_history
from pahcl_track.journal_file import is_being_written
from pahcl_track.protocol import Outcome, Run, Tracker
from pahcl_track.sent import Order
from pahcl_track.session import Session

Progress = Callable[[Iterable[Row], int], Iterable[Row]]

_NO_END = Outcome(status="failed", error="the journal ends without an end of the run")


@dataclass(frozen=True, kw_only=True, slots=True)
class Replayed:
    """What a replay did."""

    sent: int
    """Rows sent now."""

    held: int
    """Rows that the tracker held already."""

    files: int
    missing: tuple[Path, ...]
    """Files of the run that are no longer there."""


def replay(
    path: Path,
    tracker: Tracker,
    *,
    name: str,
    progress: Progress = lambda rows, total: rows,
) -> Replayed:
    """Send a run's history to a tracker.

    Args:
        path: The run's directory, or its journal.
        tracker: Where to send it; what it raises is raised.
        name: What the tracker is called, to know what it was sent before.
        progress: Shown the rows as they are sent.

    Raises:
        TrackerError: If there is no journal, the run is still going on, it is being replayed to
            this tracker already, or the tracker cannot start or writes the journal itself.
    """
    if isinstance(tracker, Session):  # it would write the run into the journal it is read from
        raise TrackerError(
            f"the tracker {name!r} writes the journal that a replay reads; name another one"
        )
    history = read_history(path)
    journal = Reader(path).path
    if is_being_written(journal):  # its own trackers may send what would be sent here, too
        raise TrackerError(f"{journal}: the run is still going on; replay it when it has ended")
    held = Held(tracker, journal=journal, name=name)
    if not held.take():
        raise TrackerError(f"{journal}: another replay sends it to {name}; wait until it has ended")
    try:
        return _replayed(history, journal, tracker, held, progress)
    finally:
        held.close()


def _replayed(
    history: History, journal: Path, tracker: Tracker, held: Held, progress: Progress
) -> Replayed:
    tracker.start(_run_again(history))
    position = held.rows()
    if position is None:
        position = held.noted
    rows, order = _rows(history, journal, held.order, position)
    there = min(position, len(rows))
    for number, row in enumerate(progress(rows[there:], len(rows) - there), start=there + 1):
        tracker.log(row.values, step=row.step)
        held.reached(number, order, taken=True)
    files, missing = _send_files(history, tracker)
    tracker.finish(history.outcome or _NO_END)
    return Replayed(sent=len(rows) - there, held=there, files=files, missing=missing)


def _rows(
    history: History, journal: Path, order: Order | None, position: int
) -> tuple[Sequence[Row], Order]:
    """The rows in the order in which the tracker holds the first of them.

    A tracker that holds none gets what the history has settled on.
    """
    if order == "settled" or (order is None and position == 0):
        return history.rows, "settled"
    return as_logged(journal), "logged"


def _run_again(history: History) -> Run:
    """The run as it was; that it is gone on with makes a tracker look for what it holds."""
    first = history.rows[0].step if history.rows else 0
    return replace(history.run, resumed_from_step=first)


def _send_files(history: History, tracker: Tracker) -> tuple[int, tuple[Path, ...]]:
    present = [saved for saved in history.files if saved.path.is_file()]
    for saved in present:
        tracker.save(saved.path, kind=saved.kind)
    missing = [saved.path for saved in history.files if not saved.path.is_file()]
    return len(present), tuple(missing)
