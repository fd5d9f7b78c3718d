"""A folder of recordings, read for a task of one's own: with its label, and its classes alone."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from pahcl_core.data.collection import Collection, Problem
from pahcl_core.data.folder import only_table, read_folder
from pahcl_core.data.folds import fewest_for
from pahcl_core.data.splits import SIDES
from pahcl_core.data.tasks import Task
from pahcl_core.errors import DataError, closest

_NONE = "none"


def read_folder_task(
    root: Path,
    task: Task,
    *,
    folds: int = 0,
    max_damaged: float = 0.05,
    strict: bool = False,
) -> Collection:
    """Read the table that a task is about; see `read_folder`.

    Who has no label, or one that is no class of the task, stays without: nobody can say how well
    such a one is told. How many have which other label is among the problems.

    Args:
        root: The folder.
        task: One's own.
        folds: As for `with_strata`.
        max_damaged: As for `read_folder`.
        strict: Likewise; also whether a label that is no class is an error.

    Raises:
        SettingError, DataError: As `read_folder`, or if nobody has a class of the task.
    """
    table = root / task.table if task.table else only_table(root)
    collection = read_folder(
        root,
        table,
        labels=task.labels or [task.label],
        unit="subject" if task.unit == "patient" else "recording",
        max_damaged=max_damaged,
        strict=strict,
    )
    others = Counter(
        (label, value)
        for one in collection.subjects
        for label, value in one.labels.items()
        if value not in task.classes
    )
    problems = [_problem(table, task, *what, count) for what, count in sorted(others.items())]
    if strict and problems:
        raise DataError(f"{root}: {problems[0]}")
    read = replace(
        collection,
        subjects=tuple(replace(s, labels=_classes(s.labels, task)) for s in collection.subjects),
        recordings=tuple(
            replace(r, labels=_classes(r.labels, task)) for r in collection.recordings
        ),
        problems=(*collection.problems, *problems),
    )
    if not any(subject.labels for subject in read.subjects):
        found = ", ".join(repr(value) for _, value in sorted(others)) or "nothing"
        raise DataError(
            f"{table}: the column {task.dealt_by!r} holds {found}, and no class of {task.name}: "
            f"{', '.join(task.classes)}"
        )
    return with_strata(read, task, folds=folds) if task.labels else read


def with_strata(collection: Collection, task: Task, *, folds: int = 0) -> Collection:
    """With one more label for each subject who has any, by which people can be dealt out.

    Of the labels that are true of a subject it is the one that is true of fewest persons; `none`
    where none is, or it is true of fewer than could be on every side of a split.

    Args:
        collection: Of whom.
        task: Which has the labels.
        folds: How many people are dealt out to; 0 where they are held out once.
    """
    least = fewest_for(folds) if folds else len(SIDES)
    persons = {
        name: len({s.person_id for s in collection.subjects if s.labels.get(name) == task.positive})
        for name in task.labels
    }
    strata = {
        s.subject_id: min(
            (name for name in task.labels if s.labels.get(name) == task.positive),
            key=lambda name: (persons[name], name),
            default=_NONE,
        )
        for s in collection.subjects
        if s.labels
    }
    members: dict[str, set[str]] = {}
    for subject in collection.subjects:
        if subject.subject_id in strata:
            members.setdefault(strata[subject.subject_id], set()).add(subject.person_id)
    few = {name for name, who in members.items() if len(who) < least}
    subjects = tuple(
        replace(s, labels={**s.labels, task.dealt_by: _NONE if found in few else found})
        if (found := strata.get(s.subject_id)) is not None
        else s
        for s in collection.subjects
    )
    return replace(collection, subjects=subjects)


def _classes(labels: Mapping[str, str], task: Task) -> Mapping[str, str]:
    return {name: value for name, value in labels.items() if value in task.classes}


def _problem(table: Path, task: Task, label: str, value: str, count: int) -> Problem:
    who = f"{count} {task.unit}{'' if count == 1 else 's'}"
    return Problem(
        file=table.name,
        reason=f"{who} with {label} {value!r}, which is no class of {task.name}"
        f"{closest(value, task.classes)}; left out",
    )
