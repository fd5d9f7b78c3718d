"""Which runs may be removed: those that are asked for, but for what somebody would miss.

Kept, whatever is asked for: a run that a process is at; the best of each task and kind, by the
validation and by the test; a pretraining that a run which stays was begun from. Runs that belong
together – folds, an ablation, a sweep – go together or not at all.
"""

import contextlib
import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from pahcl_core.evaluation.runs import (
    PRETRAIN,
    RunSummary,
    State,
    list_runs,
    lower_is_better,
)
from pahcl_core.training.run_directory import LOG, METRICS, STUDY, SWEEP, is_in_use
from pahcl_track.journal import JOURNAL

_OF_SETS = (STUDY, SWEEP, LOG)
"""One of these is in a folder above runs that belong together."""

_MOST_ABOVE = 4  # folders; no run lies deeper below what it belongs to
_AT_WORK = "a process is at it"


@dataclass(frozen=True, kw_only=True, slots=True)
class Wanted:
    """Which runs are asked for; of what is left open, any."""

    older_than_s: float | None = None
    """Seconds since anything was written to it."""

    states: tuple[State, ...] = ()
    tags: tuple[str, ...] = ()
    """One of these is enough."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Removal:
    """A folder that may go: of one run, or of all that belong together."""

    directory: Path
    runs: tuple[RunSummary, ...]
    idle_s: float
    """Since anything was written to it."""

    num_bytes: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Cleaning:
    """What is to be done."""

    removals: tuple[Removal, ...]
    kept: Mapping[str, str]
    """Why, by the name of a run that was asked for and stays."""


def planned_cleaning(
    root: Path, wanted: Wanted, *, now_s: float, metric: str = "auroc"
) -> Cleaning:
    """Say what may go; nothing is removed.

    Args:
        root: Runs lie here or below.
        wanted: Which are asked for.
        now_s: Seconds since 1970.
        metric: By which a run is the best of its task; of pretrainings it is the loss.

    Raises:
        DataError: If there is no such folder.
    """
    runs = list_runs(root)
    idle = {run.name: now_s - _last_written(run.directory) for run in runs}
    asked = [run for run in runs if _is_wanted(run, idle[run.name], wanted)]
    sets = _together(root, runs)
    kept = dict(_missed(runs, asked, metric))
    for home, members in sets.items():
        why = _AT_WORK if is_in_use(home) else _incomplete(home, root)
        if why:
            kept |= {run.name: why for run in members if run in asked}
    going = [run for run in asked if run.name not in kept]
    while new := dict(_held_by_others(runs, going, sets)):
        kept |= new
        going = [run for run in going if run.name not in new]
    removals = tuple(
        Removal(
            directory=directory,
            runs=tuple(members),
            idle_s=min(idle[run.name] for run in members),
            num_bytes=_size(directory),
        )
        for directory, members in sets.items()
        if members[0] in going  # and so all of them
    )
    return Cleaning(removals=removals, kept=kept)


def removed(cleaning: Cleaning) -> Iterator[tuple[Removal, str]]:
    """Remove one folder after the other.

    Each is made invisible first, so that one that is removed in part is never taken for a run.

    Yields:
        Each, with why it could not be removed; nothing where it was.
    """
    for removal in cleaning.removals:
        directory = removal.directory.resolve()  # which has a name, though it be `.`
        if _in_use(removal):
            yield removal, "a process is at it by now"
            continue
        hidden = directory.with_name(f".{directory.name}.removed")
        try:
            if hidden.exists():  # of an earlier attempt
                shutil.rmtree(hidden)
            directory.rename(hidden)
            shutil.rmtree(hidden)
        except OSError as error:
            yield removal, f"{error.filename or directory}: {error.strerror}"
        else:
            yield removal, ""


def _in_use(removal: Removal) -> bool:
    return any(map(is_in_use, {removal.directory, *(run.directory for run in removal.runs)}))


def _is_wanted(run: RunSummary, idle_s: float, wanted: Wanted) -> bool:
    if wanted.older_than_s is not None and idle_s <= wanted.older_than_s:
        return False
    if wanted.states and run.state not in wanted.states:
        return False
    return not wanted.tags or not set(wanted.tags).isdisjoint(run.tags)


def _missed(
    runs: Sequence[RunSummary], asked: Sequence[RunSummary], metric: str
) -> Iterator[tuple[str, str]]:
    """What stays for its own sake, and why."""
    best: dict[str, str] = {}
    by_kind: dict[tuple[str | None, str | None], list[RunSummary]] = {}
    for run in runs:
        by_kind.setdefault((run.task, run.kind), []).append(run)
    for (task, _), alike in by_kind.items():
        for name in ("val_loss",) if task == PRETRAIN else (f"val_{metric}", f"test_{metric}"):
            sign = -1 if lower_is_better(name.partition("_")[2]) else 1
            values = [
                (sign * value, run) for run in alike if (value := run.metric(name)[0]) is not None
            ]
            if values:
                top = max(values, key=lambda one: one[0])[1]
                best.setdefault(top.name, f"the best {task} by {name}")
    for run in asked:
        if run.state == "running":
            yield run.name, _AT_WORK
        elif run.name in best:
            yield run.name, best[run.name]
        elif not os.access(run.directory, os.R_OK | os.X_OK):
            yield run.name, "it cannot be read"


def _together(root: Path, runs: Sequence[RunSummary]) -> dict[Path, list[RunSummary]]:
    """Runs by the folder that holds all that belongs together: their own, or one above it.

    Where that lies above `root`, which may be part of a set, its path is absolute.
    """
    top = root.resolve()
    sets: dict[Path, list[RunSummary]] = {}
    for run in runs:
        home = run.directory
        for folder in run.directory.resolve().parents[:_MOST_ABOVE]:
            inside = folder.is_relative_to(top)
            if _holds_set(folder, inside=inside):
                home = root / folder.relative_to(top) if inside else folder
        sets.setdefault(home, []).append(run)
    return sets


def _holds_set(folder: Path, *, inside: bool) -> bool:
    if inside:
        return any((folder / name).exists() for name in _OF_SETS)
    # Above the folder that was named a train.log may be of anything, unless a process is at it.
    return any((folder / name).exists() for name in (STUDY, SWEEP)) or is_in_use(folder)


def _incomplete(home: Path, root: Path) -> str:
    """Why what lies above `root` stays: not all of it was asked for."""
    return "" if home.is_relative_to(root) else f"belongs to {home}, which goes as a whole"


def _held_by_others(
    runs: Sequence[RunSummary],
    going: Sequence[RunSummary],
    sets: Mapping[Path, Sequence[RunSummary]],
) -> Iterator[tuple[str, str]]:
    """What stays for the sake of what stays, and why."""
    staying = [run for run in runs if run not in going]
    for members in sets.values():
        first = next((run for run in members if run in staying), None)
        if first is not None:
            for run in members:
                if run in going:
                    yield run.name, f"belongs to {first.name}, which stays"
    for run in staying:
        model = run.config.get("pretrained")
        folders = Path(model).resolve().parents if isinstance(model, str) else ()
        for other in going:
            if other.directory.resolve() in folders:
                yield other.name, f"{run.name} was begun from it"


def _last_written(directory: Path) -> float:
    """Seconds since 1970."""
    times = []
    for name in (JOURNAL, LOG, METRICS):
        with contextlib.suppress(OSError):
            times.append((directory / name).stat().st_mtime)
    return max(times) if times else directory.stat().st_mtime


def _size(directory: Path) -> int:
    total = 0
    for folder, _, files in os.walk(directory):
        for file in files:
            with contextlib.suppress(OSError):
                total += Path(folder, file).lstat().st_size
    return total
