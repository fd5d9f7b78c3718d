"""A run's result read back: `predictions.csv`, checked, as arrays.

The metrics follow from that file alone, to the bit of `final_metrics.json`: `recomputed` says so.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from pahcl_core.config import from_dict
from pahcl_core.data.csv_table import read_table
from pahcl_core.data.tasks import Task, task_of
from pahcl_core.errors import DataError
from pahcl_core.evaluation.runs import PRETRAIN, RunSummary, read_run
from pahcl_core.metrics.classification import Scores
from pahcl_core.training.operating_point import OperatingPointConfig, operating_point
from pahcl_core.training.run_directory import METRICS, PREDICTIONS
from pahcl_core.training.scoring import ATTRIBUTES, Answers, score_answers

SPLITS = ("train", "val", "test")
FOLD, SEED, SEEDS = "fold", "seed", "seeds"
"""Columns of the predictions of several runs in one file, and the key of their metrics."""

_SUM_WITHIN = 1e-6  # probabilities that a model gave in single precision


@dataclass(frozen=True, kw_only=True, slots=True)
class RunResult:
    """A fine-tuning that is complete."""

    run: RunSummary
    task: Task
    splits: Mapping[str, Answers]
    """By name; one that has no unit is not there."""


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
    name = run.metrics.get("task")
    if not isinstance(name, str) or name == PRETRAIN:
        raise DataError(f"{directory}: is no fine-tuning, so there is nobody it was scored on")
    own = run.metrics.get("own_task")
    source = str(directory / METRICS)
    task = task_of(name, from_dict(Task, own, source=source) if own is not None else None)
    splits = read_predictions(directory / PREDICTIONS, task, seed=seed)
    counts = run.metrics.get("n")
    for split, num in counts.items() if isinstance(counts, Mapping) else ():
        found = len(splits[split]) if split in splits else 0
        if found != num:
            raise DataError(
                f"{directory / PREDICTIONS}: has {found} rows of {split}, but the run had {num}"
            )
    run = run if seed is None else replace(run, seed=seed)
    return RunResult(run=run, task=task, splits=splits)


def read_predictions(path: Path, task: Task, *, seed: int | None = None) -> dict[str, Answers]:
    """The answers of a file, by split.

    Args:
        path: The file.
        task: Whose answers they are.
        seed: Which one's, where the file has a column for it.

    Raises:
        DataError: If the file is no such table or is cut short, a unit is there twice in a split,
            a person in two splits, a label no class of the task, or a row no probabilities.
    """
    columns = ["subject_id", "person_id", "split", "label", "prediction"]
    columns += [f"p_{name}" for name in task.classes]
    columns += [] if seed is None else [SEED]
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
    if not rows:
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
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class Recomputed:
    """How the metrics from `predictions.csv` compare with those that the run wrote."""

    num_equal: int
    """Figures that are the same to the bit, or undefined in both."""

    differing: Mapping[str, tuple[float | None, float | None]]
    """Written and recomputed, by name."""


def recomputed(*results: RunResult) -> Recomputed:
    """Score `predictions.csv` again, on every split that `final_metrics.json` has figures of.

    Where it has an operating point, that is chosen again, too, and what is said at it counted.

    Args:
        results: Of one run; those of all its seeds, of whose figures it has the mean.
    """
    result = results[0]
    written = result.run.metrics
    num_equal, differing = 0, {}
    for split in ("val", "test"):
        if any(split not in one.splits for one in results):
            continue
        scores = mean_scores([score_answers(one.splits[split], one.task) for one in results])
        for name in (*scores.values, *scores.undefined):
            key, value = f"{split}_{name}", scores.values.get(name)
            if key in written and written[key] == value:
                num_equal += 1
            else:
                differing[key] = (written.get(key), value)
    for key, (was, now) in _at_operating_point(result):
        if was == now:
            num_equal += 1
        else:
            differing[key] = (was, now)
    return Recomputed(num_equal=num_equal, differing=differing)


def mean_scores(scores: Sequence[Scores]) -> Scores:
    """The mean of every metric; undefined where one is, with the first reason."""
    undefined: dict[str, str] = {}
    for one in scores:
        undefined = {**one.undefined, **undefined}
    names = [name for name in scores[0].values if name not in undefined]
    values = {name: float(np.mean([one.values[name] for one in scores])) for name in names}
    return Scores(values=values, undefined=undefined)


def _at_operating_point(result: RunResult) -> Iterator[tuple[str, tuple[Any, Any]]]:
    """What was written of it, and what it is now; nothing where there is none."""
    written = result.run.metrics.get("operating_point")
    if not isinstance(written, Mapping) or "threshold" not in written:
        return
    told = {key: written[key] for key in ("rule", "sensitivity") if key in written}
    config = from_dict(OperatingPointConfig, told, source=str(result.run.directory))
    point = operating_point(config, result.splits.get("val"), result.task)
    again = point.as_dict()
    for name in ("threshold", "value"):
        yield f"operating_point.{name}", (written.get(name), again.get(name))
    for split, answers in result.splits.items():
        follow = int((point.of(answers, result.task).predicted == answers.predicted).sum())
        yield f"{split}_predictions_at_operating_point", (len(answers), follow)
