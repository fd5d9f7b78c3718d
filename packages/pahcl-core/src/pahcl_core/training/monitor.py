"""What a pretraining is looked at by after each epoch, beside its loss.

A contrastive loss says how hard the negatives of a batch were; these say whether what is learned is
of use. They decide nothing: neither which epoch is the best nor when to stop. They draw no random
numbers and change no weights.
"""

import logging
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Bool, Float, Float64, Int64
from torch import Tensor

from pahcl_core.data.tasks import Task, task_named
from pahcl_core.errors import SettingError
from pahcl_core.metrics.aggregation import mean_by
from pahcl_core.metrics.classification import classification_metrics
from pahcl_core.models.encoder import Embeddings
from pahcl_core.signal.cycles import PHASES
from pahcl_core.training.cohorts import Cohorts
from pahcl_core.training.nearest_neighbours import MonitorConfig, votes
from pahcl_core.training.objective import Objective
from pahcl_core.training.representation import (
    CollapseWatch,
    alignment,
    deviation,
    effective_rank,
    retrieval,
    uniformity,
)
from pahcl_core.training.windows import batches, spread_over

log = logging.getLogger(__name__)

_MOST_POINTS = 1024  # enough for every figure; their pairs are half a million
_BATCH_SIZE = 256
_SHARE_OF_CYCLES = 4  # an epoch takes so many times as many of a recording as its neighbours see

Embed = Callable[[Int64[np.ndarray, "batch"]], Float[Tensor, "batch width"]]
"""Embeds cycles as they are, without anything at random."""


class Monitor:
    """Looks at the validation batches as they pass, and at a labelled fold if there is one."""

    def __init__(
        self,
        config: MonitorConfig,
        objective: Objective,
        cohorts: Cohorts,
        *,
        cycles_per_recording: int,
    ) -> None:
        """Look up labels, if any.

        Args:
            config: What is looked at.
            objective: What it compares is looked at.
            cohorts: What is pretrained on.
            cycles_per_recording: That an epoch draws; a quarter of them stand for a recording.

        Raises:
            SettingError: If fewer than two persons of the task's training fold have a label.
        """
        self._objective = objective
        num_parts = objective.config.num_equal_parts
        self._part_names = (
            tuple(f"part {number} of {num_parts}" for number in range(1, num_parts + 1)) or PHASES
        )
        self._watch = CollapseWatch()
        self._seen: list[_Batch] = []
        self._neighbours = config.neighbours
        self._fold: _Fold | None = None
        if config.task:
            per_recording = max(1, cycles_per_recording // _SHARE_OF_CYCLES)
            self._fold = _fold_of(task_named(config.task), cohorts, per_recording)

    @torch.no_grad()
    def see(self, first: Embeddings, second: Embeddings, person: Int64[Tensor, "batch"]) -> None:
        """Take in a validation batch.

        Args:
            first: One view of each cycle.
            second: The other, row-aligned.
            person: Who each cycle is of.
        """
        one, other = self._objective.compared(first), self._objective.compared(second)
        self._seen.append(
            _Batch(
                embedding=_on_host(first.cycle),
                first=_on_host(one.cycle),
                second=_on_host(other.cycle),
                parts=_on_host(one.parts),
                valid=self._objective.valid(first, first).cpu().numpy(),
                person=person.cpu().numpy(),
            )
        )

    def scores(self, embed: Embed) -> dict[str, float]:
        """Figures on what was seen since the last call, and a warning of what has collapsed.

        What is undefined is left out, and all where an embedding is no number: the loss says that.

        Args:
            embed: The encoder as it stands.

        Returns:
            `val/alignment`, `val/uniformity`, `val/retrieval` and `val/collapsed`, the number of
            things that have; `val/effective_rank` and `val/embedding_deviation`; and with a task
            `train/knn_accuracy`, `train/knn_balanced_accuracy` and `train/knn_auroc`, which are
            over recordings of training persons.
        """
        seen, self._seen = self._seen, []
        if not all(np.isfinite(batch.first).all() for batch in seen):
            return {}
        found = self._geometry(seen)
        if self._fold is not None:
            found |= _neighbour_scores(self._fold, embed, self._neighbours)
        return found

    def _geometry(self, seen: list["_Batch"]) -> dict[str, float]:
        found = sum(len(b.person) * retrieval(b.first, b.second, b.person) for b in seen)
        num_seen = sum(len(batch.person) for batch in seen)
        embedding, first, second, parts, valid = (
            np.concatenate(column)[:_MOST_POINTS]
            for column in zip(*(batch[:-1] for batch in seen), strict=True)
        )
        points = {"cycle embeddings": embedding, "cycle projections": first}
        for number, name in enumerate(self._part_names):
            points[f"projections of {name}"] = parts[valid[:, number], number]
        for sentence in self._watch.news(points):
            log.warning("collapse: the %s", sentence)
        figures: dict[str, float | None] = {
            "val/alignment": alignment(first, second),
            "val/uniformity": uniformity(first),
            "val/retrieval": found / num_seen,
            "val/collapsed": self._watch.num_collapsed,
            "val/effective_rank": effective_rank(embedding),
            "val/embedding_deviation": deviation(embedding),
        }
        return {name: float(value) for name, value in figures.items() if value is not None}


class _Batch(NamedTuple):
    """What is kept of a validation batch."""

    embedding: Float64[np.ndarray, "batch width"]
    first: Float64[np.ndarray, "batch dim"]
    """Where one view of each cycle is compared."""

    second: Float64[np.ndarray, "batch dim"]
    parts: Float64[np.ndarray, "batch parts dim"]
    """Where the substructures of the first views are."""

    valid: Bool[np.ndarray, "batch parts"]
    person: Int64[np.ndarray, "batch"]


def _on_host(tensor: Float[Tensor, "*shape"]) -> Float64[np.ndarray, "*shape"]:
    return tensor.detach().cpu().double().numpy()


class _Fold(NamedTuple):
    """The recordings of a task's training persons."""

    task: Task
    cycles: Int64[np.ndarray, "cycles"]
    """Indices of those that stand for their recordings."""

    recording: Int64[np.ndarray, "cycles"]
    labels: Int64[np.ndarray, "recordings"]
    person: Int64[np.ndarray, "recordings"]


def _fold_of(task: Task, cohorts: Cohorts, per_recording: int) -> _Fold:
    """As a fine-tuning of the same seed has it, less the recordings without a label."""
    train = cohorts.by_name[task.collection].split.train
    cycles = cohorts.cycles_of({task.collection: train})
    of_task = [r.labels.get(task.label) in task.classes for r in cohorts.cycles.recordings]
    cycles = cycles[np.array(of_task)[cohorts.cycles.recording[cycles]]]
    cycles = spread_over(cohorts.cycles, cycles, per_recording)
    recordings, first = np.unique(cohorts.cycles.recording[cycles], return_index=True)
    person = cohorts.person[cycles[first]]
    if len(np.unique(person)) < 2:
        raise SettingError(
            f"monitor.task = {task.name!r}: neighbours of other persons need a label of at least "
            f"two training persons, and there are {len(np.unique(person))}"
        )
    labels = [task.class_index(cohorts.cycles.recordings[r].labels[task.label]) for r in recordings]
    return _Fold(
        task=task,
        cycles=cycles,
        recording=cohorts.cycles.recording[cycles],
        labels=np.array(labels, dtype=np.int64),
        person=person,
    )


def _neighbour_scores(fold: _Fold, embed: Embed, neighbours: int) -> dict[str, float]:
    """How right the neighbours are; nothing where an embedding is no number."""
    cut = batches(fold.cycles, _BATCH_SIZE)
    with torch.no_grad():
        rows = np.concatenate([_on_host(embed(batch)) for batch in cut])
    _, points = mean_by(fold.recording, rows)
    if not np.isfinite(points).all():
        return {}
    shares = votes(
        points,
        fold.labels,
        fold.person,
        num_classes=len(fold.task.classes),
        neighbours=neighbours,
    )
    values = classification_metrics(
        fold.labels, shares, class_names=fold.task.classes, positive=fold.task.positive
    ).values
    wanted = ("accuracy", "balanced_accuracy", "auroc")
    return {f"train/knn_{name}": values[name] for name in wanted if name in values}
