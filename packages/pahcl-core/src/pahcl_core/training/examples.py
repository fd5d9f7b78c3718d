"""What a classifier is taught on, and what a mistake costs: whole units, or cycles one by one."""

from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float, Int64
from torch import Tensor
from torch.nn import functional as F

from pahcl_core.data.cycle_set import CycleSet
from pahcl_core.data.tasks import Task
from pahcl_core.models.instance_pooling import Bags
from pahcl_core.training.units import UnitDraws


class Lesson(NamedTuple):
    """What a batch of cycles is to be told as."""

    labels: Int64[Tensor, "examples"]
    bags: Bags | None
    """How its cycles make units; None where each is an example."""


class UnitExamples:
    """Units, each with its own label."""

    def __init__(self, draws: UnitDraws, task: Task, *, class_weight_power: float) -> None:
        """Weigh the classes.

        Args:
            draws: Of the units to be trained on.
            task: Whose labels.
            class_weight_power: As `class_weights`; of the units' classes.
        """
        self.draws = draws
        classes = [subject.labels[task.label] for subject in draws.units.subjects]
        self.labels = np.array([task.class_index(name) for name in classes], dtype=np.int64)
        weights = class_weights(self.labels, len(task.classes), class_weight_power)
        self.weights = weights / weights[torch.from_numpy(self.labels)].mean()

    def lesson(self, batch: Int64[np.ndarray, "batch"], device: torch.device) -> Lesson:
        """Of a batch that holds whole units."""
        units, bags = self.draws.units.bags(batch, device)
        return Lesson(torch.from_numpy(self.labels[units]).to(device), bags)

    def loss(
        self, logits: Float[Tensor, "examples classes"], labels: Int64[Tensor, "examples"]
    ) -> Float[Tensor, ""]:
        """Mean over the batch of the cross-entropy times the weight of the class.

        Not divided by the weights in the batch: with few units to a batch, they would then only
        say how its classes compare, and not that it has none of the rare one.
        """
        weights = self.weights.to(logits)
        return F.cross_entropy(logits, labels, weight=weights, reduction="none").mean()


class CycleExamples:
    """Cycles, each with the label of its recording."""

    draws = None

    def __init__(
        self,
        cycles: CycleSet,
        train_cycles: Int64[np.ndarray, "train"],
        task: Task,
        *,
        class_weight_power: float,
    ) -> None:
        """Weigh the classes.

        Args:
            cycles: All there are.
            train_cycles: Those to be trained on.
            task: Whose labels.
            class_weight_power: As `class_weights`; of the training recordings' classes, since each
                recording has its few cycles in a step, however many there are to draw from.
        """
        by_recording = [
            task.class_index(recording.labels[task.label]) if task.label in recording.labels else -1
            for recording in cycles.recordings
        ]
        of_recording = np.array(by_recording, dtype=np.int64)
        self.labels = of_recording[cycles.recording]
        """Of all cycles; -1 where a recording has none, and is in no split."""

        trained_on = np.unique(cycles.recording[train_cycles])
        self.weights = class_weights(
            of_recording[trained_on], len(task.classes), class_weight_power
        )

    def lesson(self, batch: Int64[np.ndarray, "batch"], device: torch.device) -> Lesson:
        """Of a batch of any cycles."""
        return Lesson(torch.from_numpy(self.labels[batch]).to(device), None)

    def loss(
        self, logits: Float[Tensor, "examples classes"], labels: Int64[Tensor, "examples"]
    ) -> Float[Tensor, ""]:
        """Cross-entropy, its mean weighted by class."""
        return F.cross_entropy(logits, labels, weight=self.weights.to(logits))


def class_weights(
    labels: Int64[np.ndarray, "examples"], num_classes: int, power: float
) -> Float[Tensor, "classes"]:
    """Inverse frequency to a power; 1 for a class that does not occur."""
    count = np.bincount(labels, minlength=num_classes)
    rarity = count.sum() / (num_classes * np.maximum(count, 1))
    weights = np.where(count > 0, rarity**power, 1.0)
    return torch.from_numpy(weights.astype(np.float32))
