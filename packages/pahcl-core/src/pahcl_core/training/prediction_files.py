"""What was said of whom, as tables for a tracker and as files.

Whoever computes the metrics again from `predictions.csv` gets the same numbers; `instances.csv`
says which cycles, at which locations, carried a prediction.
"""

import csv
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np

from pahcl_core.data.collection import Collection
from pahcl_core.data.cycle_set import CycleSet
from pahcl_core.data.tasks import Task
from pahcl_core.metrics.classification import confusion_matrix
from pahcl_core.training.evaluation import Instances, Predictions, answers_of
from pahcl_core.training.run_directory import write_atomically
from pahcl_core.training.scoring import ABOUT, ATTRIBUTES, of_label
from pahcl_track import Table, Value


def prediction_table(predictions: Predictions, task: Task) -> Table:
    """What was said of each unit, for a tracker."""
    rows: list[list[str | float]] = []
    for subject, said, row in zip(
        predictions.subjects, predictions.predicted, predictions.probabilities, strict=True
    ):
        told = [subject.subject_id, subject.labels[task.label], task.classes[said]]
        rows.append([*told, *row.tolist()])
    columns = ["subject_id", "label", "prediction", *(f"p_{name}" for name in task.classes)]
    return Table(columns=columns, rows=rows)


def confusion_table(predictions: Predictions, task: Task) -> Table:
    """How many units of each class were said to be of which."""
    counts = confusion_matrix(predictions.labels, predictions.predicted, len(task.classes))
    rows: list[list[str | int]] = [
        [name, *map(int, row)] for name, row in zip(task.classes, counts, strict=True)
    ]
    return Table(columns=["label", *(f"predicted_{name}" for name in task.classes)], rows=rows)


def tables_of_test(parts: Mapping[str, Mapping[str, Predictions]], task: Task) -> dict[str, Value]:
    """Both tables of the test, of every label, by the names that a tracker is told them by."""
    tables: dict[str, Value] = {}
    for label, part in task.parts.items():
        test = parts[label]["test"]
        tables[of_label("test/predictions", label)] = prediction_table(test, part)
        tables[of_label("test/confusion_matrix", label)] = confusion_table(test, part)
    return tables


def write_predictions(
    path: Path, parts: Mapping[str, Mapping[str, Predictions]], task: Task
) -> None:
    """Write `predictions.csv`: one row per unit, every digit of the probabilities.

    The last columns are what the collection tells of the unit, as `ATTRIBUTES` names it. Of several
    labels each has rows of its own, of those who have it, and the column `about` says of which.

    Args:
        path: Of the file.
        parts: By label, which is empty where there is one, and by split.
        task: What was told.
    """
    columns = ["subject_id", "person_id", "split", "label", "prediction"]
    columns = [*([ABOUT] if task.labels else []), *columns]
    columns += [f"p_{name}" for name in task.classes]
    columns += ["num_recordings", "num_cycles", "by_windows"]
    columns += ATTRIBUTES.get(task.collection, ())
    rows = [
        [*([label] if task.labels else []), *row]
        for label, splits in parts.items()
        for split, said in splits.items()
        for row in _prediction_rows(split, said, task.parts[label])
    ]
    _write_csv(path, columns, rows)


def _prediction_rows(split: str, said: Predictions, task: Task) -> Iterable[Sequence[str | int]]:
    attributes = answers_of(said, task).attributes.values()
    for row, (subject, named) in enumerate(zip(said.subjects, said.predicted, strict=True)):
        probabilities = said.probabilities[row]
        yield [
            subject.subject_id,
            subject.person_id,
            split,
            subject.labels[task.label],
            task.classes[named],
            *(repr(float(p)) for p in probabilities),
            int(said.num_recordings[row]),
            int(said.num_cycles[row]),
            int(said.by_windows[row]),
            *(values[row] for values in attributes),
        ]


def write_instances(
    path: Path, instances: Instances, cycles: CycleSet, collection: Collection, task: Task
) -> None:
    """Write `instances.csv`: one row for each cycle, in the order of the collection.

    A recording is named by its path in the collection's folder, a cycle by its number in the
    recording, from 1 on, and by its start and stop in seconds from the recording's beginning.
    """
    columns = ["subject_id", "recording", "location", "cycle", "start_s", "stop_s", "weight"]
    columns += [f"p_{name}" for name in task.outputs]
    place = np.arange(len(cycles)) - np.searchsorted(cycles.recording, cycles.recording)
    rows: list[Sequence[str | int]] = []
    for row, number in enumerate(instances.cycle):
        recording = cycles.recordings[cycles.recording[number]]
        inside = cycles.bounds[number, [0, -1]] - cycles.offsets[cycles.recording[number]]
        start_s, stop_s = (inside / cycles.sample_rate).tolist()
        rows.append(
            [
                recording.subject_id,
                recording.path.relative_to(collection.root).as_posix(),
                recording.location or "",
                int(place[number]) + 1,
                f"{start_s:.4f}",
                f"{stop_s:.4f}",
                repr(float(instances.weight[row])),
                *(repr(float(p)) for p in instances.probabilities[row]),
            ]
        )
    _write_csv(path, columns, rows)


def _write_csv(path: Path, columns: Sequence[str], rows: Iterable[Sequence[str | int]]) -> None:
    """Complete, or not there."""

    def write(scratch: Path) -> None:
        with scratch.open("w", encoding="utf-8", newline="") as stream:
            writer = csv.writer(stream, lineterminator="\n")
            writer.writerow(columns)
            writer.writerows(rows)

    write_atomically(path, write)
