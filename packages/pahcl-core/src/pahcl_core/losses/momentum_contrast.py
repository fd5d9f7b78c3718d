"""The hierarchical objective against keys that a following encoder made, and a queue of them.

He et al., "Momentum Contrast for Unsupervised Visual Representation Learning", CVPR 2020, equation
1, on both levels, with two choices of later work. It is symmetric: each view is a query once, for
the key of the other (Chen, Xie and He, "An Empirical Study of Training Self-Supervised Vision
Transformers", ICCV 2021, algorithm 1). And the keys of the same batch are candidates beside those
of the queue (the same): so a substructure is held against the others of its own cycle, and the loss
means something while the queue is still empty.

    L = -1/R · sum over rows i of log [exp(q_i · k_i / t) / sum over c of exp(q_i · c / t)]

where `q` is of one view, and `c` a key of the other, `k_i` among them, or of the queue; then the
mean of this and the same with the views exchanged. Keys are made without gradients.
"""

from typing import NamedTuple

import torch
from jaxtyping import Bool, Float, Int64
from torch import Tensor
from torch.nn import functional as F

from pahcl_core.losses.hierarchical import HierarchicalLoss, Rows, rows_of, same_part_of_person
from pahcl_core.losses.info_nce import same_person


class Projections(NamedTuple):
    """Cycles and their substructures where they are compared; they need not be normalised."""

    cycle: Float[Tensor, "batch dim"]
    parts: Float[Tensor, "batch parts dim"]


class Queued(NamedTuple):
    """Keys of earlier cycles."""

    cycle: Float[Tensor, "queue dim"]
    parts: Float[Tensor, "queue parts dim"]
    valid: Bool[Tensor, "queue parts"]
    """What is False is no candidate."""

    person: Int64[Tensor, "queue"]
    """Who each cycle is of."""

    filled: Bool[Tensor, "queue"]
    """Where there is a cycle at all."""


def momentum_contrast_loss(
    queries: tuple[Projections, Projections],
    keys: tuple[Projections, Projections],
    queue: Queued,
    *,
    valid: Bool[Tensor, "batch parts"],
    person: Int64[Tensor, "batch"] | None,
    temperature: float,
    cycle_weight: float,
    substructure_weight: float,
) -> HierarchicalLoss:
    """Both levels over a batch of cycles, each in two views.

    Where the batch has no valid substructure at all, the second term is zero.

    Args:
        queries: Of the encoder that is trained, for each view.
        keys: Of the one that follows it, row-aligned with the queries.
        queue: Keys of earlier batches.
        valid: Which substructures of the batch are there in both views.
        person: Who each cycle is of. If given, other cycles of the same person are no candidates,
            of the batch or of the queue; a different substructure of them is one.
        temperature: Divides the cosine similarities. Positive, no unit.
        cycle_weight: Of the first term.
        substructure_weight: Of the second.

    Raises:
        ValueError: If `temperature` is not positive or the batch is empty.
    """
    if len(valid) == 0:
        raise ValueError("momentum contrast needs at least one pair")
    barred = _barred_cycles(person, len(valid), queue)
    cycle = _symmetric(
        (queries[0].cycle, queries[1].cycle),
        (keys[0].cycle, keys[1].cycle),
        queue.cycle,
        barred=barred,
        temperature=temperature,
    )
    substructure = torch.zeros_like(cycle)
    rows = rows_of(valid)
    if len(rows.cycle):
        substructure = _symmetric(
            (queries[0].parts[rows], queries[1].parts[rows]),
            (keys[0].parts[rows], keys[1].parts[rows]),
            queue.parts.flatten(0, 1),
            barred=_barred_parts(person, rows, queue),
            temperature=temperature,
        )
    total = cycle_weight * cycle + substructure_weight * substructure
    return HierarchicalLoss(total, cycle, substructure)


def contrast_with_keys(
    query: Float[Tensor, "rows dim"],
    key: Float[Tensor, "rows dim"],
    others: Float[Tensor, "others dim"],
    *,
    barred: Bool[Tensor, "rows candidates"],
    temperature: float,
) -> Float[Tensor, ""]:
    """Mean negative log-probability of each query picking out its key, in nats.

    Args:
        query: What is to pick.
        key: What row `i` of `query` is to pick is row `i`.
        others: Further candidates.
        barred: Which of `key`, then of `others`, are no candidates of a query. False for its own.
        temperature: Divides the cosine similarities.

    Raises:
        ValueError: If `temperature` is not positive.
    """
    if temperature <= 0:
        raise ValueError(f"temperature must be positive, got {temperature}")
    candidates = F.normalize(torch.cat([key, others]), dim=1)
    logits = F.normalize(query, dim=1) @ candidates.T / temperature
    logits = logits.masked_fill(barred, -torch.inf)
    return F.cross_entropy(logits, torch.arange(len(query), device=query.device))


def _symmetric(
    query: tuple[Tensor, Tensor],
    key: tuple[Tensor, Tensor],
    others: Float[Tensor, "others dim"],
    *,
    barred: Bool[Tensor, "rows candidates"],
    temperature: float,
) -> Float[Tensor, ""]:
    """The mean of either view's queries against the other's keys."""
    first, second = (
        contrast_with_keys(
            query[view], key[1 - view], others, barred=barred, temperature=temperature
        )
        for view in (0, 1)
    )
    return (first + second) / 2


def _barred_cycles(
    person: Int64[Tensor, "batch"] | None, num_rows: int, queue: Queued
) -> Bool[Tensor, "batch candidates"]:
    empty = ~queue.filled.expand(num_rows, -1)
    if person is None:
        return torch.cat([empty.new_zeros(num_rows, num_rows), empty], dim=1)
    return torch.cat([same_person(person), empty | (person[:, None] == queue.person)], dim=1)


def _barred_parts(
    person: Int64[Tensor, "batch"] | None, rows: Rows, queue: Queued
) -> Bool[Tensor, "rows candidates"]:
    cycle, part = rows
    absent = ~queue.valid.flatten().expand(len(cycle), -1)
    if person is None:
        return torch.cat([absent.new_zeros(len(cycle), len(cycle)), absent], dim=1)
    num_queued, num_parts = queue.valid.shape
    owner = queue.person.repeat_interleave(num_parts)
    kind = torch.arange(num_parts, device=part.device).repeat(num_queued)
    alike = (person[cycle][:, None] == owner) & (part[:, None] == kind)
    return torch.cat([same_part_of_person(rows, person), absent | alike], dim=1)
