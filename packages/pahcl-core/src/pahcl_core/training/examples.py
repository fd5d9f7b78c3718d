"""What a classifier is taught on, and what a mistake costs: whole units, or cycles one by one."""

from collections.abc import Callable
from dataclasses import replace
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float, Int64
from torch import Tensor

from pahcl_core.data.class_indices import class_indices
from pahcl_core.data.cycle_set import CycleSet
from pahcl_core.data.tasks import Task
from pahcl_core.losses.classification import LossConfig, costs
from pahcl_core.models.instance_pooling import Bags
from pahcl_core.training.units import UnitDraws
from pahcl_core.training.windows import Mix


class Lesson(NamedTuple):
    """What a batch of cycles is to be told as."""

    labels: Int64[Tensor, "examples *labels"]
    """Index of the class, or of that of each label; -1 for one that is missing."""

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
        self.labels = class_indices([one.labels for one in draws.units.subjects], task)
        """Of all units; -1 for one of several labels that is missing."""

        self.draws = replace(draws, balanced=self.labels) if loss.balanced_sampling else draws
        self._loss = loss
        self._positive = task.class_index(task.positive)
        self.weights = _by_label(self.labels, lambda own: _mean_1(own, task, loss))

    def lesson(self, batch: Int64[np.ndarray, "batch"], device: torch.device) -> Lesson:
        """Of a batch that holds whole units."""
        units, bags = self.draws.units.bags(batch, device)
        return Lesson(torch.from_numpy(self.labels[units]).to(device), bags)

    def loss(
        self, logits: Float[Tensor, "examples outputs"], labels: Int64[Tensor, "examples *labels"]
    ) -> Float[Tensor, ""]:
        """Mean over the batch of what each costs times the weight of its class.

        Not divided by the weights in the batch: with few units to a batch, they would then only
        say how its classes compare, and not that it has none of the rare one.
        """
        cost, weight = weighed(logits, labels, self.weights, self._loss, positive=self._positive)
        return (cost * weight).sum() / (labels >= 0).sum().clamp_min(1)


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
        of_recording = class_indices([one.labels for one in cycles.recordings], task)
        self.labels = of_recording[cycles.recording]
        """Of all cycles; -1 where a recording has none, and is in no split."""

        trained_on, there = np.unique(cycles.recording[train_cycles], return_counts=True)
        recordings = of_recording[trained_on]
        self._positive = task.class_index(task.positive)
        self.weights = _by_label(
            recordings, lambda own: class_weights(own, len(task.classes), power_of(loss))
        )
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
        self, logits: Float[Tensor, "examples outputs"], labels: Int64[Tensor, "examples *labels"]
    ) -> Float[Tensor, ""]:
        """What each costs, the mean of that weighted by class."""
        cost, weight = weighed(logits, labels, self.weights, self._loss, positive=self._positive)
        return (cost * weight).sum() / weight.sum().clamp_min(torch.finfo(weight.dtype).tiny)


def weighed(
    logits: Float[Tensor, "examples outputs"],
    labels: Int64[Tensor, "examples *labels"],
    weights: Float[Tensor, "*labels classes"],
    loss: LossConfig,
    *,
    positive: int,
) -> tuple[Float[Tensor, "answers"], Float[Tensor, "answers"]]:
    """What each answer costs and what that weighs, which is 0 where a label is missing.

    Of several labels each has a logit, which is that of the positive class where the other's is 0:
    its cross-entropy is the binary one.

    Args:
        logits: Of the classes, or of the labels where there are several.
        labels: Of each example.
        weights: Of each class, or of those of each label.
        loss: What a mistake costs.
        positive: Index of the positive class.
    """
    weights = weights.to(logits)
    if labels.ndim == 1:
        return costs(logits, labels, loss), weights[labels]
    two = torch.zeros((*logits.shape, 2), dtype=logits.dtype, device=logits.device)
    two[..., positive] = logits
    known, index = labels >= 0, labels.clamp_min(0)
    place = torch.arange(labels.shape[1], device=labels.device)
    return (
        costs(two.flatten(0, 1), index.flatten(), loss),
        (weights[place, index] * known).flatten(),
    )


def _by_label(
    labels: Int64[np.ndarray, "examples *labels"],
    weights_of: Callable[[Int64[np.ndarray, "known"]], Float[Tensor, "classes"]],
) -> Float[Tensor, "*labels classes"]:
    """Weights of the classes, or of those of each label among the examples that have it."""
    if labels.ndim == 1:
        return weights_of(labels)
    return torch.stack([weights_of(column[column >= 0]) for column in labels.T])


def _mean_1(
    labels: Int64[np.ndarray, "known"], task: Task, loss: LossConfig
) -> Float[Tensor, "classes"]:
    """`class_weights`, 1 on average over these."""
    weights = class_weights(labels, len(task.classes), power_of(loss))
    return weights / weights[torch.from_numpy(labels)].mean() if len(labels) else weights


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
