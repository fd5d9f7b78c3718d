"""The bootstrap over persons, one resample after the other, scored by counting."""

import math
from collections.abc import Sequence

import numpy as np

from oracles.classification import all_metrics


def resamples(
    persons: Sequence[str], num_resamples: int, rng: np.random.Generator
) -> list[list[int]]:
    """The units in each resample: all those of each person drawn, as often as drawn."""
    names = sorted(set(persons))
    drawn = []
    for _ in range(num_resamples):
        chosen = rng.integers(0, len(names), len(names))
        units: list[int] = []
        for number in chosen:
            units += [unit for unit, name in enumerate(persons) if name == names[number]]
        drawn.append(units)
    return drawn


def scores_of(
    labels: Sequence[int],
    rows: Sequence[Sequence[float]],
    names: Sequence[str],
    positive: int,
    resampled: Sequence[Sequence[int]],
) -> list[dict[str, float | None]]:
    """Every metric of every resample; None for what is undefined."""
    return [
        all_metrics([labels[u] for u in units], [rows[u] for u in units], names, positive)
        for units in resampled
    ]


def quantile(values: Sequence[float], share: float) -> float:
    """By linear interpolation between the two values next to it."""
    ordered = sorted(values)
    place = share * (len(ordered) - 1)
    low = math.floor(place)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (place - low) * (ordered[high] - ordered[low])
