"""What a classifier is taught on, and what a mistake costs: whole units, or cycles one by one."""

from dataclasses import replace
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float, Int64
from torch import Tensor

from pahcl_core.data.cycle_set import CycleSet
from pahcl_core.data.tasks import Task
from pahcl_core.losses.classification import LossConfig, costs
from pahcl_core.models.instance_pooling import Bags
from pahcl_core.training.units import UnitDraws
from pahcl_core.training.windows import Mix


class Lesson(NamedTuple):
    """What a batch of cycles is to be told as."""

    labels: Int64[Tensor, "examples"]
    bags: Bags | None
    """How its cycles make units; None where each is an example."""


class UnitExamples:
    """Units, each with its own label."""

    mix = None

    def __init__(self, draws: UnitDraws, task: Task, loss: LossConfig) -> None:
        """Weigh the classes.

        Args:
            draws: Of the units to be trained on, in which they are not balanced yet.
            task: Whose labels.
            loss: With `class_weights` of the units' classes.
        """
        classes = [subject.labels[task.label] for subject in draws.units.subjects]
        self.labels = np.array([task.class_index(name) for name in classes], dtype=np.int64)
        self.draws = replace(draws, balanced=self.labels) if loss.balanced_sampling else draws
        self._loss = loss
        weights = class_weights(self.labels, len(task.classes), power_of(loss))
        self.weights = weights / weights[torch.from_numpy(self.labels)].mean()

    def lesson(self, batch: Int64[np.ndarray, "batch"], device: torch.device) -> Lesson:
        """Of a batch that holds whole units."""
        units, bags = self.draws.units.bags(batch, device)
        return Lesson(torch.from_numpy(self.labels[units]).to(device), bags)

    def loss(
        self, logits: Float[Tensor, "examples classes"], labels: Int64[Tensor, "examples"]
    ) -> Float[Tensor, ""]:
        """Mean over the batch of what each costs times the weight of its class.

        Not divided by the weights in the batch: with few units to a batch, they would then only
        say how its classes compare, and not that it has none of the rare one.
        """
        return (costs(logits, labels, self._loss) * self.weights.to(logits)[labels]).mean()


class CycleExamples:
    """Cycles, each with the label of its recording."""

    draws = None

    def __init__(
        self,
        cycles: CycleSet,
        train_cycles: Int64[np.ndarray, "train"],
        task: Task,
        loss: LossConfig,
        *,
        cycles_per_recording: int,
    ) -> None:
        """Weigh the classes.

        Args:
            cycles: All there are.
            train_cycles: Those to be trained on.
            task: Whose labels.
            loss: With `class_weights` of the training recordings' classes, since each recording has
                its few cycles in a step, however many there are to draw from.
            cycles_per_recording: That an epoch draws, at most.
        """
        self._loss = loss
        by_recording = [
            task.class_index(recording.labels[task.label]) if task.label in recording.labels else -1
            for recording in cycles.recordings
        ]
        of_recording = np.array(by_recording, dtype=np.int64)
        self.labels = of_recording[cycles.recording]
        """Of all cycles; -1 where a recording has none, and is in no split."""

        trained_on, there = np.unique(cycles.recording[train_cycles], return_counts=True)
        recordings = of_recording[trained_on]
        self.weights = class_weights(recordings, len(task.classes), power_of(loss))
        self.mix = None
        if loss.balanced_sampling:
            drawn = np.minimum(there, cycles_per_recording)
            count = np.bincount(recordings, weights=drawn, minlength=len(task.classes))
            self.mix = Mix(part=self.labels, weights=tuple(1.0 / np.maximum(count, 1.0)))

    def lesson(self, batch: Int64[np.ndarray, "batch"], device: torch.device) -> Lesson:
        """Of a batch of any cycles, numbered as `epoch_of` does."""
        labels = self.labels[batch % len(self.labels)]
        return Lesson(torch.from_numpy(labels).to(device), None)

    def loss(
        self, logits: Float[Tensor, "examples classes"], labels: Int64[Tensor, "examples"]
    ) -> Float[Tensor, ""]:
        """What each costs, the mean of that weighted by class."""
        weights = self.weights.to(logits)[labels]
        return (costs(logits, labels, self._loss) * weights).sum() / weights.sum()


def power_of(loss: LossConfig) -> float:
    """Of `class_weights`: classes that are drawn equally often weigh the same."""
    return 0.0 if loss.balanced_sampling else loss.class_weight_power


def class_weights(
    labels: Int64[np.ndarray, "examples"], num_classes: int, power: float
) -> Float[Tensor, "classes"]:
    """Inverse frequency to a power; 1 for a class that does not occur."""
    count = np.bincount(labels, minlength=num_classes)
    rarity = count.sum() / (num_classes * np.maximum(count, 1))
    weights = np.where(count > 0, rarity**power, 1.0)
    return torch.from_numpy(weights.astype(np.float32))
