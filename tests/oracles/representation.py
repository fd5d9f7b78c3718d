"""How points lie in space, by loops over pairs and by singular values."""

import math
from collections.abc import Sequence

import numpy as np


def unit(row: Sequence[float]) -> list[float]:
    """At length 1."""
    length = math.sqrt(sum(value * value for value in row))
    return [value / length for value in row] if length else list(row)


def squared_distance(one: Sequence[float], other: Sequence[float]) -> float:
    """Between the directions of two rows."""
    return sum((a - b) ** 2 for a, b in zip(unit(one), unit(other), strict=True))


def alignment(first: Sequence[Sequence[float]], second: Sequence[Sequence[float]]) -> float:
    """Wang and Isola 2020, equation 1, with alpha = 2."""
    pairs = list(zip(first, second, strict=True))
    return sum(squared_distance(a, b) for a, b in pairs) / len(pairs)


def uniformity(points: Sequence[Sequence[float]]) -> float:
    """Equation 2, with t = 2, over all pairs of different points."""
    values = [
        math.exp(-2 * squared_distance(points[i], points[j]))
        for i in range(len(points))
        for j in range(i)
    ]
    return math.log(sum(values) / len(values))


def effective_rank(points: Sequence[Sequence[float]]) -> float:
    """Roy and Vetterli 2007, of the directions less their mean."""
    rows = np.array([unit(row) for row in points])
    singular = np.linalg.svd(rows - rows.mean(axis=0), compute_uv=False)
    share = [value / sum(singular) for value in singular if value > 0]
    return math.exp(-sum(p * math.log(p) for p in share))


def retrieval(
    first: Sequence[Sequence[float]], second: Sequence[Sequence[float]], person: Sequence[int]
) -> float:
    """Each view in turn against its partner and all views of other persons."""
    views = [*first, *second]
    size, found = len(first), 0
    for asked, view in enumerate(views):
        partner = (asked + size) % (2 * size)
        others = [n for n in range(2 * size) if person[n % size] != person[asked % size]]
        nearest = min((squared_distance(view, views[n]) for n in others), default=math.inf)
        found += squared_distance(view, views[partner]) < nearest
    return found / (2 * size)


def votes(
    points: Sequence[Sequence[float]],
    labels: Sequence[int],
    person: Sequence[int],
    num_classes: int,
    neighbours: int,
) -> list[list[float]]:
    """Wu et al. 2018, equation 8 with temperature 0.07, each recording against other persons."""
    shares = []
    for asked, row in enumerate(points):
        others = [n for n in range(len(points)) if person[n] != person[asked]]
        cosine = {
            n: sum(a * b for a, b in zip(unit(row), unit(points[n]), strict=True)) for n in others
        }
        nearest = sorted(others, key=lambda n: -cosine[n])[:neighbours]
        weight = [0.0] * num_classes
        for n in nearest:
            weight[labels[n]] += math.exp(cosine[n] / 0.07)
        shares.append([value / sum(weight) for value in weight])
    return shares
