"""Run directories that nobody ran: the files that a fine-tuning leaves, with made-up answers."""

import csv
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from pahcl_core.data.tasks import task_named

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
    directory.mkdir(parents=True)
    found = task_named(task)
    ids = [f"u{number}" for number in range(len(labels))] if ids is None else ids
    persons = list(ids) if persons is None else persons
    settings = {"task": task, "seed": 0, "encoder": {"width": 16}, **(config or {})}
    run = {"name": directory.name, "group": group, "tags": list(tags), "config": settings}
    run |= {"job_type": kind}
    events = [
        {"n": 0, "t": BEGUN_S, "run": run},
        {"n": 1, "t": BEGUN_S + 9, "finish": {"status": "completed", "error": None, "summary": {}}},
    ]
    (directory / "journal.jsonl").write_text("".join(json.dumps(one) + "\n" for one in events))
    (directory / "train.log").write_text("")
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
    with (directory / "predictions.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        probabilities = [f"p_{name}" for name in found.classes]
        writer.writerow(["subject_id", "person_id", "split", "label", "prediction", *probabilities])
        writer.writerows(rows)
    return directory
