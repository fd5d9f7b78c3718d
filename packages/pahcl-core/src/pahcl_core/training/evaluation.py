"""From a model's cycles to patients, and from patients to scores."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Bool, Float, Float64, Int64
from torch import Tensor, nn

from pahcl_core.data.class_indices import class_indices
from pahcl_core.data.collection import Subject
from pahcl_core.data.cycle_set import CycleSet
from pahcl_core.data.tasks import Task
from pahcl_core.metrics.aggregation import mean_by, pool_any
from pahcl_core.metrics.classification import most_probable
from pahcl_core.models.encoder import Encoder
from pahcl_core.models.heads import Classifier
from pahcl_core.models.instance_pooling import Bags, InstancePooling
from pahcl_core.training.machine import EncoderPass
from pahcl_core.training.ranks import ALONE, Ranks
from pahcl_core.training.scoring import ATTRIBUTES, Answers
from pahcl_core.training.units import Units, units_of
from pahcl_core.training.windows import Windows, WindowSource, in_order, spread_over

_BATCH_SIZE = 256


class UnitClassifier(nn.Module):
    """An encoder, a pooling and a classifier: windows to logits."""

    def __init__(
        self,
        encoder: Encoder,
        classifier: Classifier,
        *,
        pooling: InstancePooling | None = None,
        passes: EncoderPass | None = None,
        ranks: Ranks = ALONE,
    ) -> None:
        """Put them together.

        Args:
            encoder: Windows to embeddings.
            classifier: Embeddings to logits.
            pooling: Embeddings of cycles to those of units; None if each cycle has its own say.
            passes: How windows go through the encoder, if not as they are.
            ranks: Each of which is given the windows of its share of a batch.
        """
        super().__init__()
        self.passes = passes
        self.ranks = ranks
        self.encoder = encoder
        self.classifier = classifier
        self.pooling = pooling

    def embed(self, windows: Windows) -> Float[Tensor, "batch width"]:
        """Embeddings of the whole batch's cycles."""
        if self.passes is None:
            embeddings = self.encoder(*windows)
        else:
            embeddings = self.passes(self.encoder, windows)
        return self.ranks.gather(embeddings.cycle)

    def embedded(
        self, source: WindowSource, index: Int64[np.ndarray, "cycles"]
    ) -> Float[Tensor, "cycles width"]:
        """Embeddings of these cycles as they are; leaves the model in evaluation mode."""
        self.eval()
        with torch.no_grad():
            batches = in_order(index, _BATCH_SIZE)
            return torch.cat([self.embed(source[self.ranks.share(batch)]) for batch in batches])

    def alone(self, embedding: Float[Tensor, "cycles width"]) -> Float[Tensor, "cycles figures"]:
        """What the classifier is given where a cycle stands by itself."""
        return embedding if self.pooling is None else self.pooling.alone(embedding)

    def forward(self, windows: Windows, bags: Bags | None = None) -> Tensor:
        """Logits of the whole batch's units; of its cycles where nothing is pooled."""
        embedding = self.embed(windows)
        if self.pooling is not None:
            assert bags is not None, "what is pooled, and into what?"
            embedding = self.pooling(embedding, bags).units
        logits: Tensor = self.classifier(embedding)
        return logits


@dataclass(frozen=True, kw_only=True, slots=True)
class Predictions:
    """What a model says of patients, one row each."""

    subjects: tuple[Subject, ...]
    labels: Int64[np.ndarray, "patients *labels"]
    """Index of the true class, of each label where a task has several; -1 where nobody knows it."""

    probabilities: Float64[np.ndarray, "patients outputs"]
    """Of the classes; that a label is positive, of each where a task has several."""

    num_recordings: Int64[np.ndarray, "patients"]
    num_cycles: Int64[np.ndarray, "patients"]
    by_windows: Int64[np.ndarray, "patients"]
    """How many of the recordings had no cycles, so that fixed windows stood for them."""

    said: Int64[np.ndarray, "patients"] | None = None
    """Index of the class said, where that is not always the most probable."""

    @property
    def predicted(self) -> Int64[np.ndarray, "patients"]:
        """Index of the class said."""
        return most_probable(self.probabilities) if self.said is None else self.said


@dataclass(frozen=True, kw_only=True, slots=True)
class Instances:
    """What predictions rest on, one row for each cycle."""

    cycle: Int64[np.ndarray, "cycles"]
    """Its number in the `CycleSet`."""

    weight: Float64[np.ndarray, "cycles"]
    """Its share in what is said of its subject; they add up to 1 over a subject."""

    probabilities: Float64[np.ndarray, "cycles outputs"]
    """What would be said of the subject if this were its only cycle."""


class Scored(NamedTuple):
    """What is said of patients, and what it rests on."""

    predictions: Predictions
    instances: Instances


def predict(
    model: UnitClassifier,
    source: WindowSource,
    cycles: CycleSet,
    subjects: Sequence[Subject],
    task: Task,
    *,
    per_recording: int = 0,
) -> Scored:
    """Probabilities for patients, from the cycles of all their recordings.

    As the model pools them; if it does not, cycles vote: the mean over a recording's cycles, and
    from recordings to patients by the task's `pooling`. A subject without a single cycle, whose
    recordings were all set aside, gets no row. Leaves the model in evaluation mode.

    Args:
        model: Which is asked.
        source: The sound.
        cycles: All there are.
        subjects: Who is asked about.
        task: What.
        per_recording: At most so many cycles of each recording, as far apart as can be; 0 for all.
    """
    units = units_of(cycles, subjects)
    if per_recording:
        units = replace(units, cycles=spread_over(cycles, units.cycles, per_recording))
    embedding = model.embedded(source, units.cycles)
    with torch.no_grad():
        alone = _probabilities(model.classifier(model.alone(embedding)), task)
        if model.pooling is None:
            return _voted(units, cycles, alone, task)
        _, bags = units.bags(units.cycles, source.device)
        pooled = model.pooling(embedding, bags)
        probabilities = _probabilities(model.classifier(pooled.units), task)
        weight = pooled.share(bags).cpu().double().numpy()  # MPS has no double
    rows, count = np.unique(units.recording[units.cycles], return_counts=True)
    predictions = _of_units(
        units.subjects, units.unit[rows], probabilities, count, cycles.by_windows[rows], task
    )
    return Scored(predictions, Instances(cycle=units.cycles, weight=weight, probabilities=alone))


def told_by(logits: Float[Tensor, "rows outputs"], task: Task) -> Float[Tensor, "rows outputs"]:
    """Probabilities: of the classes, or of several labels that each is positive."""
    return logits.sigmoid() if task.labels else logits.softmax(dim=1)


def _probabilities(
    logits: Float[Tensor, "rows outputs"], task: Task
) -> Float64[np.ndarray, "rows outputs"]:
    result: Float64[np.ndarray, "rows outputs"] = told_by(logits.cpu().double(), task).numpy()
    return result


def _voted(
    units: Units, cycles: CycleSet, alone: Float64[np.ndarray, "cycles outputs"], task: Task
) -> Scored:
    """Cycles, each by itself, vote."""
    recording = units.recording[units.cycles]
    rows, by_recording = mean_by(recording, alone)
    owner = [cycles.recordings[row].subject_id for row in rows]
    count = np.bincount(recording)[rows]
    predictions = of_patients(
        units.subjects, owner, by_recording, count, cycles.by_windows[rows], task
    )
    share = _recording_shares(units.unit[rows], by_recording, task) / count
    weight = share[np.searchsorted(rows, recording)]
    return Scored(predictions, Instances(cycle=units.cycles, weight=weight, probabilities=alone))


def _recording_shares(
    unit: Int64[np.ndarray, "recordings"],
    by_recording: Float64[np.ndarray, "recordings outputs"],
    task: Task,
) -> Float64[np.ndarray, "recordings"]:
    """What each recording counts for: the same, or all where it alone makes a patient positive.

    Of several labels, the mean of what it counts for in each.
    """
    share = np.zeros(len(unit))
    for number in np.unique(unit):
        own = np.flatnonzero(unit == number)
        if task.pooling == "any":
            of_positive = by_recording[own]
            if not task.labels:
                of_positive = of_positive[:, [task.class_index(task.positive)]]
            np.add.at(share, own[of_positive.argmax(axis=0)], 1.0 / of_positive.shape[1])
        else:
            share[own] = 1.0 / len(own)
    return share


def of_patients(
    subjects: Sequence[Subject],
    owner: Sequence[str],
    by_recording: Float64[np.ndarray, "recordings outputs"],
    num_cycles: Int64[np.ndarray, "recordings"],
    by_windows: Bool[np.ndarray, "recordings"],
    task: Task,
) -> Predictions:
    """From recordings to patients, as the task's `pooling` has it.

    Args:
        subjects: Who is asked for; who has no recording gets no row.
        owner: Subject number of each recording.
        by_recording: Probabilities.
        num_cycles: Of each recording, that they come from.
        by_windows: Whether they are of fixed windows.
        task: Which has the classes.
    """
    heard = [subject for subject in subjects if subject.subject_id in set(owner)]
    place = {subject.subject_id: number for number, subject in enumerate(heard)}
    unit = np.array([place.get(one, -1) for one in owner], dtype=np.int64)
    asked = unit >= 0
    probabilities = np.empty((len(heard), len(task.outputs)))
    for number in range(len(heard)):
        own = by_recording[unit == number]
        if task.pooling == "any" and task.labels:
            probabilities[number] = own.max(axis=0)
        elif task.pooling == "any":
            probabilities[number] = pool_any(own, positive=task.class_index(task.positive))
        else:
            probabilities[number] = own.mean(axis=0)
    return _of_units(
        tuple(heard), unit[asked], probabilities, num_cycles[asked], by_windows[asked], task
    )


def _of_units(
    subjects: tuple[Subject, ...],
    unit: Int64[np.ndarray, "recordings"],
    probabilities: Float64[np.ndarray, "patients outputs"],
    num_cycles: Int64[np.ndarray, "recordings"],
    by_windows: Bool[np.ndarray, "recordings"],
    task: Task,
) -> Predictions:
    """What is said of these subjects, and from how much; `unit` says whose a recording is."""
    num_recordings, cycles_of, windows_of = (
        np.bincount(unit, weights=counted, minlength=len(subjects)).astype(np.int64)
        for counted in (None, num_cycles, by_windows)
    )
    return Predictions(
        subjects=subjects,
        labels=class_indices([subject.labels for subject in subjects], task),
        probabilities=probabilities,
        num_recordings=num_recordings,
        num_cycles=cycles_of,
        by_windows=windows_of,
    )


def answers_of(predictions: Predictions, task: Task) -> Answers:
    """The same as arrays, with what the collection tells of each unit."""
    subjects = predictions.subjects
    return Answers(
        ids=tuple(subject.subject_id for subject in subjects),
        persons=tuple(subject.person_id for subject in subjects),
        labels=predictions.labels,
        probabilities=predictions.probabilities,
        attributes={
            name: tuple(one.attributes.get(name, one.labels.get(name, "")) for one in subjects)
            for name in ATTRIBUTES.get(task.collection, ())
        },
        said=predictions.said,
    )
