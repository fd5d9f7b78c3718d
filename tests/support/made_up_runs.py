"""Run directories that nobody ran: the files that a fine-tuning leaves, with made-up answers."""

import csv
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from pahcl_core.config import to_dict
from pahcl_core.data.tasks import Task, task_named

BEGUN_S = 1_795_000_000.0


def made_up_answers(
    task: str, num: int, *, seed: int, skill: float = 1.0
) -> tuple[list[str], np.ndarray]:
    """True classes, in turn, and probabilities that know as much of them as `skill`."""
    classes = task_named(task).classes
    rng = np.random.default_rng(seed)
    labels = [classes[number % len(classes)] for number in range(num)]
    logits = rng.normal(size=(num, len(classes)))
    logits[np.arange(num), np.arange(num) % len(classes)] += skill
    weight = np.exp(logits)
    return labels, weight / weight.sum(axis=1, keepdims=True)


def write_run(
    directory: Path,
    *,
    task: str = "circor_outcome",
    labels: Sequence[str],
    probabilities: np.ndarray,
    ids: Sequence[str] | None = None,
    persons: Sequence[str] | None = None,
    train: Sequence[str] = ("t0", "t1"),
    config: Mapping[str, Any] | None = None,
    metrics: Mapping[str, Any] | None = None,
    group: str | None = None,
    tags: Sequence[str] = (),
    kind: str | None = None,
) -> Path:
    """A complete fine-tuning, whose test set these are; `train` are persons it was trained on."""
    found = task_named(task)
    settings = {"task": task, "seed": 0, "encoder": {"width": 16}, **(config or {})}
    _write_journal(directory, settings, group=group, tags=list(tags), job_type=kind)
    ids = [f"u{number}" for number in range(len(labels))] if ids is None else ids
    persons = list(ids) if persons is None else persons
    content = {
        "task": task,
        "unit": found.unit,
        "n": {"train": len(train), "test": len(labels)},
        "seed": settings["seed"],
        **(metrics or {"test_auroc": 0.5}),
    }
    (directory / "final_metrics.json").write_text(json.dumps(content))
    even = [1 / len(found.classes)] * len(found.classes)
    first = found.classes[0]
    rows = [[f"s{one}", one, "train", first, first, *even] for one in train]
    for unit, person, label, row in zip(ids, persons, labels, probabilities, strict=True):
        said = found.classes[int(np.argmax(row))]
        rows.append([unit, person, "test", label, said, *(repr(float(p)) for p in row)])
    _write_rows(directory, _columns(found), rows)
    return directory


def write_run_of_labels(
    directory: Path,
    *,
    task: Task,
    told: Mapping[str, Mapping[str, tuple[str, float]]],
    train: Sequence[str] = ("t0", "t1"),
    config: Mapping[str, Any] | None = None,
    metrics: Mapping[str, Any] | None = None,
) -> Path:
    """The same of a task of several labels, each with a test set of its own.

    Args:
        directory: Made.
        task: Whose labels they are.
        told: By label and unit, who is a person: the true class, and the probability that the label
            is positive.
        train: Persons it was trained on, who have every label.
        config: Settings that are others.
        metrics: Figures of `final_metrics.json`.
    """
    settings = {"task": task.name, "seed": 0, "own_task": to_dict(task), **(config or {})}
    _write_journal(directory, settings, group=None, tags=[], job_type="finetune")
    rows, by_class = [], {"train": {}, "test": {}}
    everyone = {unit for answers in told.values() for unit in answers}
    for label, answers in told.items():
        first = task.classes[0]
        rows += [[label, f"s{one}", one, "train", first, first, 0.5, 0.5] for one in train]
        for unit, (true, probability) in answers.items():
            said = {name: 1 - probability for name in task.classes} | {task.positive: probability}
            shown = [repr(float(said[name])) for name in task.classes]
            best = max(task.classes, key=lambda name: said[name])
            rows.append([label, unit, unit, "test", true, best, *shown])
        trues = [true for true, _ in answers.values()]
        counted = {name: trues.count(name) for name in task.classes}
        by_class["test"][label] = {**counted, "missing": len(everyone) - len(trues)}
        by_class["train"][label] = {first: len(train), "missing": 0}
    content = {
        "task": task.name,
        "own_task": to_dict(task),
        "unit": task.unit,
        "n": {"train": len(train), "test": len(everyone)},
        "n_by_class": by_class,
        "seed": settings["seed"],
        **(metrics or {"test_auroc": 0.5}),
    }
    (directory / "final_metrics.json").write_text(json.dumps(content))
    _write_rows(directory, ["about", *_columns(task)], rows)
    return directory


def _write_journal(directory: Path, settings: Mapping[str, Any], **described: Any) -> None:
    directory.mkdir(parents=True)
    run = {"name": directory.name, "config": settings, **described}
    events = [
        {"n": 0, "t": BEGUN_S, "run": run},
        {"n": 1, "t": BEGUN_S + 9, "finish": {"status": "completed", "error": None, "summary": {}}},
    ]
    (directory / "journal.jsonl").write_text("".join(json.dumps(one) + "\n" for one in events))
    (directory / "train.log").write_text("")


def _columns(task: Task) -> list[str]:
    probabilities = [f"p_{name}" for name in task.classes]
    return ["subject_id", "person_id", "split", "label", "prediction", *probabilities]


def _write_rows(directory: Path, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
    with (directory / "predictions.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(columns)
        writer.writerows(rows)
