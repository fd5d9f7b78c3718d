"""Momentum contrast by its definition: loops over queries and candidates, one scalar at a time.

A row is a substructure of a cycle, `(cycle, part)`; a cycle itself is its only part. A key in the
queue is `(person, part, vector)`. The definition is equation 1 of He et al., "Momentum Contrast for
Unsupervised Visual Representation Learning", CVPR 2020, with the keys of the batch as candidates
too, and either view as the query.
"""

import math
from collections.abc import Mapping, Sequence
from fractions import Fraction

from oracles.info_nce import cosine

Vector = Sequence[float]
Row = tuple[int, int]
Rows = Mapping[Row, Vector]


def momentum_contrast_by_definition(
    queries: tuple[Rows, Rows],
    keys: tuple[Rows, Rows],
    queue: Sequence[tuple[int, int, Vector]],
    temperature: float,
    person: Sequence[int] | None = None,
) -> float:
    """Mean over both views and all rows of minus the log of the own key's share."""
    losses = []
    for view in (0, 1):
        for (cycle, part), query in queries[view].items():
            own, total = 0.0, 0.0
            for (other, kind), key in keys[1 - view].items():
                weight = math.exp(cosine(query, key) / temperature)
                if other == cycle and kind == part:
                    own = weight
                same = person is not None and person[other] == person[cycle]
                if not (same and other != cycle and kind == part):
                    total += weight
            for owner, kind, key in queue:
                if person is None or owner != person[cycle] or kind != part:
                    total += math.exp(cosine(query, key) / temperature)
            losses.append(-math.log(own / total))
    return math.fsum(losses) / len(losses)


class Ring:
    """A queue of so many places, filled one at a time."""

    def __init__(self, length: int) -> None:
        self.places: list[object] = [None] * length
        self.next = 0

    def push(self, items: Sequence[object]) -> None:
        for item in items:
            self.places[self.next] = item
            self.next = self.next + 1 if self.next + 1 < len(self.places) else 0


def followed(mine: Sequence[float], theirs: Sequence[float], momentum: float) -> list[float]:
    """Equation 2 of the same paper."""
    return [momentum * m + (1 - momentum) * t for m, t in zip(mine, theirs, strict=True)]


def part_of(centre: int, start: int, stop: int, num_parts: int) -> int | None:
    """Which of so many equal parts of a span a point lies in, in exact arithmetic."""
    for part in range(num_parts):
        low = start + Fraction((stop - start) * part, num_parts)
        high = start + Fraction((stop - start) * (part + 1), num_parts)
        if low <= centre < high:
            return part
    return None
