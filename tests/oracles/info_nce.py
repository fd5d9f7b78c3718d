"""InfoNCE by its definition: loops over anchors and candidates, one scalar at a time.

A row is one embedding, known by its view ("a" or "b"), its cycle and its part. The definition is
equation 1 of Chen et al., "A Simple Framework for Contrastive Learning of Visual Representations",
ICML 2020.
"""

import math
from collections.abc import Callable, Sequence

Vector = Sequence[float]
Row = tuple[str, int, int]


def cosine(u: Vector, v: Vector) -> float:
    """Cosine of the angle between two vectors."""
    product = sum(x * y for x, y in zip(u, v, strict=True))
    return product / math.sqrt(sum(x * x for x in u)) / math.sqrt(sum(y * y for y in v))


def mean_loss(
    rows: dict[Row, Vector], temperature: float, is_candidate: Callable[[Row, Row], bool]
) -> float:
    """Mean over anchors of minus the log of the partner's share among the candidates."""
    losses = []
    for anchor, embedding in rows.items():
        view, cycle, part = anchor
        partner = ("b" if view == "a" else "a", cycle, part)
        total = 0.0
        for other, candidate in rows.items():
            if other != anchor and is_candidate(anchor, other):
                total += math.exp(cosine(embedding, candidate) / temperature)
        share = math.exp(cosine(embedding, rows[partner]) / temperature) / total
        losses.append(-math.log(share))
    return math.fsum(losses) / len(losses)


def info_nce_by_definition(
    view_a: Sequence[Vector],
    view_b: Sequence[Vector],
    temperature: float,
    person: Sequence[int] | None = None,
) -> float:
    """Every embedding but the anchor is a candidate, save those of the person's other cycles."""
    rows = {("a", i, 0): row for i, row in enumerate(view_a)}
    rows |= {("b", i, 0): row for i, row in enumerate(view_b)}

    def is_candidate(anchor: Row, other: Row) -> bool:
        if person is None or anchor[1] == other[1]:
            return True
        return person[anchor[1]] != person[other[1]]

    return mean_loss(rows, temperature, is_candidate)


def substructure_info_nce_by_definition(
    parts_a: Sequence[Sequence[Vector]],
    parts_b: Sequence[Sequence[Vector]],
    valid: Sequence[Sequence[bool]],
    temperature: float,
    person: Sequence[int] | None = None,
) -> float:
    """The same over the valid parts; barred is the same part in the person's other cycles."""
    rows: dict[Row, Vector] = {}
    for view, parts in (("a", parts_a), ("b", parts_b)):
        for cycle, of_cycle in enumerate(parts):
            for part, embedding in enumerate(of_cycle):
                if valid[cycle][part]:
                    rows[view, cycle, part] = embedding

    def is_candidate(anchor: Row, other: Row) -> bool:
        if person is None or anchor[1] == other[1]:
            return True
        return person[anchor[1]] != person[other[1]] or anchor[2] != other[2]

    return mean_loss(rows, temperature, is_candidate)


def slope(function: Callable[[float], float], at: float, step: float = 1e-5) -> float:
    """Derivative by the five-point central difference, whose error is of fourth order."""
    near = function(at + step) - function(at - step)
    far = function(at + 2 * step) - function(at - 2 * step)
    return (8 * near - far) / (12 * step)
