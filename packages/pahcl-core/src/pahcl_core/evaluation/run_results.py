"""A run's result read back: `predictions.csv`, checked, as arrays.

The metrics follow from that file alone, to the bit of `final_metrics.json`: `recomputing` says so.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from pahcl_core.config import from_dict
from pahcl_core.data.csv_table import read_table
from pahcl_core.data.tasks import MISSING, Task, task_of
from pahcl_core.errors import DataError
from pahcl_core.evaluation.runs import PRETRAIN, RunSummary, read_run
from pahcl_core.training.run_directory import METRICS, PREDICTIONS
from pahcl_core.training.scoring import ABOUT, ATTRIBUTES, Answers

SPLITS = ("train", "val", "test")
FOLD, SEED, SEEDS = "fold", "seed", "seeds"
"""Columns of the predictions of several runs in one file, and the key of their metrics."""

_SUM_WITHIN = 1e-6  # probabilities that a model gave in single precision


ByLabel = Mapping[str, Mapping[str, Answers]]
"""What was said by label, which is empty where there is one, and by split."""


@dataclass(frozen=True, kw_only=True, slots=True)
class RunResult:
    """A fine-tuning that is complete."""

    run: RunSummary
    task: Task
    parts: ByLabel
    """A split without a unit is not there."""


def read_results(directory: Path) -> tuple[RunResult, ...]:
    """What a fine-tuning said of whom; of one over folds and seeds, what each seed said of all.

    Raises:
        DataError: As `read_result`.
        SettingError: As `read_result`.
    """
    seeds = read_run(directory).metrics.get(SEEDS)
    if not isinstance(seeds, list):
        return (read_result(directory),)
    return tuple(read_result(directory, seed=seed) for seed in seeds)


def read_result(directory: Path, *, seed: int | None = None) -> RunResult:
    """What a fine-tuning said of whom.

    Args:
        directory: Of the run.
        seed: Which one's answers are wanted, where it has those of several.

    Raises:
        DataError: If it is damaged, is not complete, or is no fine-tuning; or if its predictions
            contradict themselves. The file and the row are named.
        SettingError: If its task is unknown here.
    """
    if not directory.is_dir():
        raise DataError(f"{directory}: there is no such run")
    run = read_run(directory)
    if run.state == "damaged":
        raise DataError(run.reason)
    if run.state != "complete":
        why = f": {run.reason}" if run.reason else ""
        raise DataError(f"{directory}: this run has no result yet; it is {run.state}{why}")
    return result_of(run, seed=seed)


def result_of(run: RunSummary, *, seed: int | None = None) -> RunResult:
    """The same of a run that has written all that it came to, and may be about to end.

    Raises:
        DataError: As `read_result`, but for how the run stands.
        SettingError: As `read_result`.
    """
    directory = run.directory
    name = run.metrics.get("task")
    if not isinstance(name, str) or name == PRETRAIN:
        raise DataError(f"{directory}: is no fine-tuning, so there is nobody it was scored on")
    own = run.metrics.get("own_task")
    source = str(directory / METRICS)
    task = task_of(name, from_dict(Task, own, source=source) if own is not None else None)
    path = directory / PREDICTIONS
    parts = read_parts(path, task, seed=seed)
    for label, splits in parts.items():
        for split, num in _counts(run.metrics, label, seed).items():
            found = len(splits[split]) if split in splits else 0
            if found != num:
                of = f"{split} about {label}" if label else split
                raise DataError(f"{path}: has {found} rows of {of}, but the run had {num}")
    run = run if seed is None else replace(run, seed=seed)
    return RunResult(run=run, task=task, parts=parts)


def _counts(metrics: Mapping[str, Any], label: str, seed: int | None) -> dict[str, int]:
    """How many units each split has, as far as it is told; of several labels, who have this one.

    Of one seed among several, those whom its runs were tested on.
    """
    key = "n_by_class" if label else "n"
    if seed is not None:
        runs = [one for one in metrics.get("runs", ()) if isinstance(one, Mapping)]
        told = [one[key] for one in runs if one.get(SEED) == seed and key in one]
        return {"test": sum(_known(one, label) for one in told)} if told else {}
    counts = metrics.get(key)
    if not isinstance(counts, Mapping):
        return {}
    return {split: _known(one, label) for split, one in counts.items()}


def _known(counts: Any, label: str) -> int:  # noqa: ANN401  a number, or by label and class
    if not label:
        return int(counts)
    return sum(num for name, num in counts[label].items() if name != MISSING)


def of_split(parts: ByLabel, split: str) -> dict[str, Answers]:
    """What was said in a split, by label; one that nobody has there is left out."""
    return {label: splits[split] for label, splits in parts.items() if split in splits}


def units_of(answers: Mapping[str, Answers]) -> frozenset[str]:
    """Whoever something was said of, whatever label it is about."""
    return frozenset(unit for one in answers.values() for unit in one.ids)


def persons_of(answers: Mapping[str, Answers]) -> frozenset[str]:
    """Who they are."""
    return frozenset(person for one in answers.values() for person in one.persons)


def read_parts(path: Path, task: Task, *, seed: int | None = None) -> ByLabel:
    """The answers of a file, of every label.

    Args:
        path: The file.
        task: Whose answers they are.
        seed: Which one's, where the file has a column for it.

    Raises:
        DataError: As `read_predictions`.
    """
    return {
        label: read_predictions(path, part, about=label, seed=seed)
        for label, part in task.parts.items()
    }


def read_predictions(
    path: Path, task: Task, *, about: str = "", seed: int | None = None
) -> dict[str, Answers]:
    """The answers of a file, by split.

    Args:
        path: The file.
        task: Whose answers they are; of one label.
        about: The label, in a file that has several; rows about others are passed over.
        seed: Which one's, where the file has a column for it.

    Raises:
        DataError: If the file is no such table or is cut short, a unit is there twice in a split,
            a person in two splits, a label no class of the task, or a row no probabilities.
    """
    columns = ["subject_id", "person_id", "split", "label", "prediction"]
    columns += [f"p_{name}" for name in task.classes]
    columns += [] if seed is None else [SEED]
    columns += [ABOUT] if about else []
    table = read_table(path, file=path.name, required=columns)
    if table.problems:
        problem = table.problems[0]
        raise DataError(f"{path}, row {problem.row}: {problem.reason.split(';')[0]}")
    others = {c for c in table.columns if c.startswith("p_")} - {*columns}
    if others:
        raise DataError(
            f"{path}: has columns {', '.join(sorted(others))}, which are no classes of {task.name}"
        )
    rows: dict[str, list[Mapping[str, str]]] = {}
    split_of: dict[str, str] = {}
    seen: set[tuple[str, str]] = set()
    for number, row in table.rows:
        if about and row[ABOUT] != about:
            continue
        where, split = f"{path}, row {number}", row["split"]
        if seed is not None and row[SEED] != str(seed):
            continue
        if split not in SPLITS:
            raise DataError(f"{where}: split {split!r} is not one of {', '.join(SPLITS)}")
        for column in ("label", "prediction"):
            if row[column] not in task.classes:
                classes = ", ".join(task.classes)
                raise DataError(f"{where}: {column} {row[column]!r} is not one of {classes}")
        if (split, row["subject_id"]) in seen:
            raise DataError(f"{where}: {row['subject_id']!r} is in {split} twice")
        other = split_of.setdefault(row["person_id"], split)
        if other != split:
            raise DataError(f"{where}: person {row['person_id']!r} is in {other} and in {split}")
        _check_probabilities(row, task, where)
        seen.add((split, row["subject_id"]))
        rows.setdefault(split, []).append(row)
    if not rows and not about:
        raise DataError(f"{path}: has no rows")
    return {split: _answers(rows[split], task) for split in SPLITS if split in rows}


def _check_probabilities(row: Mapping[str, str], task: Task, where: str) -> None:
    total = 0.0
    for name in task.classes:
        cell = row[f"p_{name}"]
        try:
            value = float(cell)
        except ValueError:
            value = float("nan")
        if not 0 <= value <= 1 + _SUM_WITHIN:
            raise DataError(f"{where}: p_{name} {cell!r} is no probability")
        total += value
    if abs(total - 1) > _SUM_WITHIN:
        raise DataError(f"{where}: the probabilities add up to {total:g}, not to 1")


def _answers(rows: Sequence[Mapping[str, str]], task: Task) -> Answers:
    return Answers(
        ids=tuple(row["subject_id"] for row in rows),
        persons=tuple(row["person_id"] for row in rows),
        labels=np.array([task.class_index(row["label"]) for row in rows], dtype=np.int64),
        probabilities=np.array([[float(row[f"p_{c}"]) for c in task.classes] for row in rows]),
        attributes={
            name: tuple(row.get(name, "") for row in rows)
            for name in ATTRIBUTES.get(task.collection, ())
        },
        said=np.array([task.class_index(row["prediction"]) for row in rows], dtype=np.int64),
        folds=tuple(row[FOLD] for row in rows if FOLD in row),
    )
