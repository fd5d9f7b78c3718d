"""Drawing and sharing out by shares, where the published tables of a collection give them."""

from collections.abc import Iterator, Mapping
from typing import TypeVar

import numpy as np

T = TypeVar("T")


def choose(shares: Mapping[T, float], rng: np.random.Generator) -> T:
    """One of the keys, as often as its share says."""
    weights = np.array(list(shares.values()))
    return list(shares)[int(rng.choice(len(weights), p=weights / weights.sum()))]


def shared_out(total: int, shares: Mapping[T, float], *, fewest: Mapping[T, int]) -> dict[T, int]:
    """Whole numbers in proportion to the shares, by largest remainder, none below its fewest.

    Args:
        total: Their sum; at least that of `fewest`.
        shares: Weights, not all zero.
        fewest: For each key; the rest is what is shared out.
    """
    rest = total - sum(fewest.values())
    exact = {key: rest * share / sum(shares.values()) for key, share in shares.items()}
    counts = {key: int(value) for key, value in exact.items()}
    by_remainder = sorted(exact, key=lambda key: counts[key] - exact[key])
    for key in by_remainder[: rest - sum(counts.values())]:
        counts[key] += 1
    return {key: fewest[key] + count for key, count in counts.items()}


def sizes(total: int, most: int, rng: np.random.Generator) -> Iterator[int]:
    """How many one person after the other gives, each at least 1, until there are `total`.

    Args:
        total: Their sum.
        most: Of one person.
        rng: Of how many each gives.
    """
    while total > 0:
        size = min(total, int(rng.integers(1, most + 1)))
        yield size
        total -= size
