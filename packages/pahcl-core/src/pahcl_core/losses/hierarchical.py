"""The hierarchical objective: cycles against cycles, and substructures against substructures.

    L = cycle_weight · L_cycle + substructure_weight · L_sub

Both terms are InfoNCE (`losses.info_nce`). A substructure's partner is the same substructure in the
cycle's other view: S1 with S1, systole with systole. It is held against every other substructure of
its own cycle, so that the encoder tells S1 from systole, and against the substructures of all other
cycles, so that it tells one heart's systole from another's.
"""

from typing import NamedTuple

import torch
from jaxtyping import Bool, Float, Int64
from torch import Tensor

from pahcl_core.losses.info_nce import contrast, info_nce


class HierarchicalLoss(NamedTuple):
    """The weighted sum and its terms, in nats."""

    total: Float[Tensor, ""]
    cycle: Float[Tensor, ""]
    substructure: Float[Tensor, ""]


class Rows(NamedTuple):
    """Substructures of a batch, each a row; indexes what has cycles and their parts."""

    cycle: Int64[Tensor, "rows"]
    part: Int64[Tensor, "rows"]


def hierarchical_loss(
    cycle_a: Float[Tensor, "batch dim"],
    cycle_b: Float[Tensor, "batch dim"],
    parts_a: Float[Tensor, "batch parts dim"],
    parts_b: Float[Tensor, "batch parts dim"],
    *,
    valid: Bool[Tensor, "batch parts"],
    person: Int64[Tensor, "batch"] | None,
    temperature: float,
    cycle_weight: float,
    substructure_weight: float,
) -> HierarchicalLoss:
    """Both levels over a batch of cycles, each in two views.

    Where the batch has no valid substructure at all, the second term is zero.

    Raises:
        ValueError: If `temperature` is not positive or the batch is empty.
    """
    cycle = info_nce(cycle_a, cycle_b, temperature=temperature, person=person)
    substructure = torch.zeros_like(cycle)
    rows = rows_of(valid)
    if len(rows.cycle):
        substructure = _between_rows(parts_a, parts_b, rows, person, temperature)
    total = cycle_weight * cycle + substructure_weight * substructure
    return HierarchicalLoss(total, cycle, substructure)


def substructure_info_nce(
    parts_a: Float[Tensor, "batch parts dim"],
    parts_b: Float[Tensor, "batch parts dim"],
    *,
    valid: Bool[Tensor, "batch parts"],
    person: Int64[Tensor, "batch"] | None = None,
    temperature: float,
) -> Float[Tensor, ""]:
    """InfoNCE in which every substructure of every cycle is an anchor.

    Args:
        parts_a: Embeddings of the substructures in the first views, such as S1, systole, S2 and
            diastole.
        parts_b: The same in the second views.
        valid: What is False is neither an anchor nor a candidate.
        person: Who each cycle is of. If given, the same substructure in another cycle of the same
            person is no candidate; a different substructure is one.
        temperature: Divides the cosine similarities. Positive, no unit.

    Raises:
        ValueError: If `temperature` is not positive or nothing is valid.
    """
    rows = rows_of(valid)
    if len(rows.cycle) == 0:
        raise ValueError("substructure InfoNCE needs at least one valid substructure")
    return _between_rows(parts_a, parts_b, rows, person, temperature)


def _between_rows(
    parts_a: Float[Tensor, "batch parts dim"],
    parts_b: Float[Tensor, "batch parts dim"],
    rows: Rows,
    person: Int64[Tensor, "batch"] | None,
    temperature: float,
) -> Float[Tensor, ""]:
    barred = None if person is None else same_part_of_person(rows, person)
    return contrast(parts_a[rows], parts_b[rows], temperature=temperature, barred=barred)


def rows_of(valid: Bool[Tensor, "batch parts"]) -> Rows:
    """Those substructures that are valid, cycle by cycle.

    A GPU is waited for here, to know how many there are; whoever indexes with the rows and asks for
    their number, and not with `valid`, waits no more than this once.
    """
    return Rows(*valid.nonzero(as_tuple=True))


def same_part_of_person(rows: Rows, person: Int64[Tensor, "batch"]) -> Bool[Tensor, "rows rows"]:
    """Where two rows are the same substructure in two cycles of one person.

    Args:
        rows: Substructures.
        person: Who each cycle is of.
    """
    cycle, part = rows
    owner = person[cycle]
    alike = (owner[:, None] == owner[None, :]) & (part[:, None] == part[None, :])
    return alike & (cycle[:, None] != cycle[None, :])
