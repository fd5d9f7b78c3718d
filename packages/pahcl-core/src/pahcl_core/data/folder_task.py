"""A folder of recordings, read for a task of one's own: with its label, and its classes alone."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from pahcl_core.data.collection import Collection, Problem
from pahcl_core.data.folder import only_table, read_folder
from pahcl_core.data.tasks import Task
from pahcl_core.errors import DataError, closest


def read_folder_task(
    root: Path, task: Task, *, max_damaged: float = 0.05, strict: bool = False
) -> Collection:
    """Read the table that a task is about; see `read_folder`.

    Who has no label, or one that is no class of the task, stays without: nobody can say how well
    such a one is told. How many have which other label is among the problems.

    Args:
        root: The folder.
        task: One's own.
        max_damaged: As for `read_folder`.
        strict: Likewise; also whether a label that is no class is an error.

    Raises:
        SettingError, DataError: As `read_folder`, or if nobody has a class of the task.
    """
    table = root / task.table if task.table else only_table(root)
    collection = read_folder(
        root,
        table,
        labels=[task.label],
        unit="subject" if task.unit == "patient" else "recording",
        max_damaged=max_damaged,
        strict=strict,
    )
    others = Counter(one.labels[task.label] for one in collection.subjects if one.labels)
    for name in task.classes:
        del others[name]
    problems = [_problem(table, task, name, count) for name, count in sorted(others.items())]
    if strict and problems:
        raise DataError(f"{root}: {problems[0]}")
    read = replace(
        collection,
        name="folder",
        subjects=tuple(replace(s, labels=_classes(s.labels, task)) for s in collection.subjects),
        recordings=tuple(
            replace(r, labels=_classes(r.labels, task)) for r in collection.recordings
        ),
        problems=(*collection.problems, *problems),
    )
    if not any(subject.labels for subject in read.subjects):
        found = ", ".join(repr(one) for one in sorted(others)) or "nothing"
        raise DataError(
            f"{table}: the column {task.label!r} holds {found}, and no class of {task.name}: "
            f"{', '.join(task.classes)}"
        )
    return read


def _classes(labels: Mapping[str, str], task: Task) -> Mapping[str, str]:
    return {name: value for name, value in labels.items() if value in task.classes}


def _problem(table: Path, task: Task, value: str, count: int) -> Problem:
    who = f"{count} {task.unit}{'' if count == 1 else 's'}"
    return Problem(
        file=table.name,
        reason=f"{who} with {task.label} {value!r}, which is no class of {task.name}"
        f"{closest(value, task.classes)}; left out",
    )
