"""What two runs that should be the same have left, but for what tells the time."""

from pathlib import Path
from typing import Any

from pahcl_track import read_history


def content(path: Path) -> bytes | None:
    """Of a file, if it is there."""
    return path.read_bytes() if path.exists() else None


def values_of(run: Path) -> dict[tuple[str, int], list[Any]]:
    """All that the history has under a name and step, but for what tells the time."""
    values: dict[tuple[str, int], list[Any]] = {}
    for row in read_history(run).rows:
        for name, value in row.values.items():
            if not name.startswith("throughput/"):
                values.setdefault((name, row.step), []).append(value)
    return values


def end_of(run: Path) -> tuple[Any, ...]:
    """The outcome, the files, and how many lines could not be read."""
    history = read_history(run)
    files = sorted((Path(one.path).name, one.kind) for one in history.files)
    return history.outcome, files, history.unreadable
