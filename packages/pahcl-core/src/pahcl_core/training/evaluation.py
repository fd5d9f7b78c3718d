"""From a model's cycles to patients, and from patients to scores."""

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float64, Int64
from torch import Tensor, nn

from pahcl_core.data.collection import Subject
from pahcl_core.data.cycle_set import CycleSet
from pahcl_core.data.tasks import Task
from pahcl_core.metrics.aggregation import mean_by, pool_any
from pahcl_core.metrics.challenge2016 import macc
from pahcl_core.metrics.challenge2022 import challenge_scores
from pahcl_core.metrics.classification import Scores, classification_metrics
from pahcl_core.metrics.pascal2011 import pascal_scores
from pahcl_core.models.encoder import Encoder
from pahcl_core.models.heads import Classifier
from pahcl_core.training.run_directory import write_atomically
from pahcl_core.training.windows import Windows, WindowSource, in_order
from pahcl_track import Table

_BATCH_SIZE = 256


class CycleClassifier(nn.Module):
    """An encoder and a classifier: windows to logits."""

    def __init__(self, encoder: Encoder, classifier: Classifier) -> None:
        super().__init__()
        self.encoder = encoder
        self.classifier = classifier

    def forward(self, windows: Windows) -> Tensor:
        """Logits, (batch, classes)."""
        logits: Tensor = self.classifier(self.encoder(windows.samples, windows.bounds).cycle)
        return logits


@dataclass(frozen=True, kw_only=True, slots=True)
class Predictions:
    """What a model says of patients, one row each."""

    subjects: tuple[Subject, ...]
    labels: Int64[np.ndarray, "patients"]
    """Index of the true class."""

    probabilities: Float64[np.ndarray, "patients classes"]
    num_recordings: Int64[np.ndarray, "patients"]
    num_cycles: Int64[np.ndarray, "patients"]


def predict(
    model: CycleClassifier,
    source: WindowSource,
    cycles: CycleSet,
    subjects: Sequence[Subject],
    task: Task,
) -> Predictions:
    """Probabilities for patients: the mean over a recording's cycles, then over recordings.

    How recordings become a patient is the task's `pooling`. A subject without a single cycle,
    whose recordings were all set aside, gets no row.
    """
    index = cycles.of_subjects([subject.subject_id for subject in subjects])
    recording = cycles.recording[index]
    rows, by_recording = mean_by(recording, cycle_probabilities(model, source, index))
    owner = np.array([cycles.recordings[row].subject_id for row in rows])

    heard = [subject for subject in subjects if subject.subject_id in set(owner)]
    probabilities = np.empty((len(heard), len(task.classes)))
    num_recordings = np.empty(len(heard), dtype=np.int64)
    num_cycles = np.empty(len(heard), dtype=np.int64)
    for position, subject in enumerate(heard):
        own = owner == subject.subject_id
        if task.pooling == "any":
            positive = task.class_index(task.positive)
            probabilities[position] = pool_any(by_recording[own], positive=positive)
        else:
            probabilities[position] = by_recording[own].mean(axis=0)
        num_recordings[position] = own.sum()
        num_cycles[position] = np.isin(recording, rows[own]).sum()
    return Predictions(
        subjects=tuple(heard),
        labels=np.array(
            [task.class_index(subject.labels[task.label]) for subject in heard], dtype=np.int64
        ),
        probabilities=probabilities,
        num_recordings=num_recordings,
        num_cycles=num_cycles,
    )


def cycle_probabilities(
    model: CycleClassifier, source: WindowSource, index: Int64[np.ndarray, "cycles"]
) -> Float64[np.ndarray, "cycles classes"]:
    """Class probabilities of single cycles; leaves the model in evaluation mode."""
    model.eval()
    with torch.no_grad():
        batches = [
            model(source[batch]).double().softmax(dim=1).cpu().numpy()
            for batch in in_order(index, _BATCH_SIZE)
        ]
    return np.concatenate(batches)


def score(predictions: Predictions, task: Task) -> Scores:
    """Every metric of a task over its units, and those of the challenge it comes from.

    `loss` is the mean negative log-probability of the true class, in nats.
    """
    scores = classification_metrics(
        predictions.labels,
        predictions.probabilities,
        class_names=task.classes,
        positive=task.positive,
    )
    official = _official_scores(predictions, task)
    true = predictions.probabilities[np.arange(len(predictions.labels)), predictions.labels]
    loss = float(-np.log(np.maximum(true, np.finfo(float).tiny)).mean())
    return Scores(
        values={"loss": loss, **scores.values, **official.values},
        undefined={**scores.undefined, **official.undefined},
    )


def _official_scores(predictions: Predictions, task: Task) -> Scores:
    """Those of the challenge that the collection comes from."""
    predicted = predictions.probabilities.argmax(axis=1).astype(np.int64)
    if task.collection == "circor":
        found = challenge_scores(task.label, predictions.labels, predicted, task.classes)
        return Scores(values=found)
    if task.collection == "pascal":
        return pascal_scores(predictions.labels, predicted, task.classes, normal="normal")
    abnormal = task.class_index("abnormal")
    true, said = predictions.labels == abnormal, predicted == abnormal
    good = np.array([s.labels.get("quality") == "good" for s in predictions.subjects], dtype=bool)
    if true.all() or not true.any():
        only = "abnormal" if true.all() else "normal"
        return Scores(values={}, undefined={"macc": f"everything is {only}"})
    return Scores(values={"macc": macc(true, said, ~said, good)})


def prediction_table(predictions: Predictions, task: Task) -> Table:
    """What was said of each unit, for a tracker."""
    rows: list[list[str | float]] = []
    for subject, row in zip(predictions.subjects, predictions.probabilities, strict=True):
        said = task.classes[int(row.argmax())]
        rows.append([subject.subject_id, subject.labels[task.label], said, *row.tolist()])
    columns = ["subject_id", "label", "prediction", *(f"p_{name}" for name in task.classes)]
    return Table(columns=columns, rows=rows)


def confusion_table(predictions: Predictions, task: Task) -> Table:
    """How many units of each class were said to be of which."""
    counts = np.zeros((len(task.classes), len(task.classes)), dtype=np.int64)
    np.add.at(counts, (predictions.labels, predictions.probabilities.argmax(axis=1)), 1)
    rows: list[list[str | int]] = [
        [name, *map(int, row)] for name, row in zip(task.classes, counts, strict=True)
    ]
    return Table(columns=["label", *(f"predicted_{name}" for name in task.classes)], rows=rows)


def write_predictions(path: Path, splits: Mapping[str, Predictions], task: Task) -> None:
    """Write `predictions.csv`: one row per unit, every digit of the probabilities.

    Whoever computes the metrics again from this file gets the same numbers.
    """
    columns = ["subject_id", "person_id", "split", "label", "prediction"]
    columns += [f"p_{name}" for name in task.classes]
    columns += ["num_recordings", "num_cycles"]

    def write(scratch: Path) -> None:
        with scratch.open("w", encoding="utf-8", newline="") as stream:
            writer = csv.writer(stream, lineterminator="\n")
            writer.writerow(columns)
            for split, predictions in splits.items():
                for row, subject in enumerate(predictions.subjects):
                    probabilities = predictions.probabilities[row]
                    writer.writerow(
                        [
                            subject.subject_id,
                            subject.person_id,
                            split,
                            subject.labels[task.label],
                            task.classes[int(probabilities.argmax())],
                            *(repr(float(p)) for p in probabilities),
                            predictions.num_recordings[row],
                            predictions.num_cycles[row],
                        ]
                    )

    write_atomically(path, write)
