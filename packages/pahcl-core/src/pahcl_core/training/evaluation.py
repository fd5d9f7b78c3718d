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
from pahcl_core.training.machine import EncoderPass
from pahcl_core.training.ranks import ALONE, Ranks
from pahcl_core.training.run_directory import write_atomically
from pahcl_core.training.windows import Windows, WindowSource, in_order
from pahcl_track import Table

_BATCH_SIZE = 256


class CycleClassifier(nn.Module):
    """An encoder and a classifier: windows to logits."""

    def __init__(
        self,
        encoder: Encoder,
        classifier: Classifier,
        *,
        passes: EncoderPass | None = None,
        ranks: Ranks = ALONE,
    ) -> None:
        """Put the two together.

        Args:
            encoder: Windows to embeddings.
            classifier: Embeddings to logits.
            passes: How windows go through the encoder, if not as they are.
            ranks: Each of which is given the windows of its share of a batch.
        """
        super().__init__()
        self.passes = passes
        self.ranks = ranks
        self.encoder = encoder
        self.classifier = classifier

    def forward(self, windows: Windows) -> Tensor:
        """Logits of the whole batch, (batch, classes)."""
        if self.passes is None:
            embeddings = self.encoder(*windows)
        else:
            embeddings = self.passes(self.encoder, windows)
        logits: Tensor = self.classifier(self.ranks.gather(embeddings.cycle))
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
    owner = [cycles.recordings[row].subject_id for row in rows]

    return of_patients(subjects, owner, by_recording, np.bincount(recording)[rows], task)


def of_patients(
    subjects: Sequence[Subject],
    owner: Sequence[str],
    by_recording: Float64[np.ndarray, "recordings classes"],
    num_cycles: Int64[np.ndarray, "recordings"],
    task: Task,
) -> Predictions:
    """From recordings to patients, as the task's `pooling` has it.

    Args:
        subjects: Who is asked for; who has no recording gets no row.
        owner: Subject number of each recording.
        by_recording: Probabilities.
        num_cycles: Of each recording, that they come from.
        task: Which has the classes.
    """
    owners = np.array(owner)
    heard = [subject for subject in subjects if subject.subject_id in set(owner)]
    probabilities = np.empty((len(heard), len(task.classes)))
    num_recordings = np.empty(len(heard), dtype=np.int64)
    of_subject = np.empty(len(heard), dtype=np.int64)
    for position, subject in enumerate(heard):
        own = owners == subject.subject_id
        if task.pooling == "any":
            positive = task.class_index(task.positive)
            probabilities[position] = pool_any(by_recording[own], positive=positive)
        else:
            probabilities[position] = by_recording[own].mean(axis=0)
        num_recordings[position] = own.sum()
        of_subject[position] = num_cycles[own].sum()
    return Predictions(
        subjects=tuple(heard),
        labels=np.array(
            [task.class_index(subject.labels[task.label]) for subject in heard], dtype=np.int64
        ),
        probabilities=probabilities,
        num_recordings=num_recordings,
        num_cycles=of_subject,
    )


def cycle_probabilities(
    model: CycleClassifier, source: WindowSource, index: Int64[np.ndarray, "cycles"]
) -> Float64[np.ndarray, "cycles classes"]:
    """Class probabilities of single cycles; leaves the model in evaluation mode."""
    model.eval()
    with torch.no_grad():
        batches = [
            model(source[model.ranks.share(batch)]).double().softmax(dim=1).cpu().numpy()
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
