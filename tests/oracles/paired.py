"""Tests of paired results, by their published formulas and nothing cleverer."""

import math
from collections.abc import Sequence
from itertools import product


def above(high: float, low: float) -> float:
    """The kernel of the area: 1 for a win, a half for a tie."""
    return 1.0 if high > low else 0.5 if high == low else 0.0


def delong_variance(true: Sequence[bool], scores: Sequence[Sequence[float]]) -> list[list[float]]:
    """The covariance matrix of areas, by DeLong et al. 1988, equations 4 to 6, pair by pair."""
    positives = [unit for unit, is_one in enumerate(true) if is_one]
    negatives = [unit for unit, is_one in enumerate(true) if not is_one]
    m, n = len(positives), len(negatives)
    areas, v10, v01 = [], [], []
    for score in scores:
        areas.append(sum(above(score[i], score[j]) for i in positives for j in negatives) / (m * n))
        v10.append([sum(above(score[i], score[j]) for j in negatives) / n for i in positives])
        v01.append([sum(above(score[i], score[j]) for i in positives) / m for j in negatives])

    def covariance(r: int, s: int) -> float:
        s10 = sum((v10[r][i] - areas[r]) * (v10[s][i] - areas[s]) for i in range(m)) / (m - 1)
        s01 = sum((v01[r][j] - areas[r]) * (v01[s][j] - areas[s]) for j in range(n)) / (n - 1)
        return s10 / m + s01 / n

    size = range(len(scores))
    return [[covariance(r, s) for s in size] for r in size]


def normal_tail(z: float) -> float:
    """Probability of a standard normal number above z."""
    return math.erfc(z / math.sqrt(2)) / 2


def signed_rank_p(differences: Sequence[float]) -> float:
    """Wilcoxon's exact two-sided p for differences without zeros or ties: all signs, one by one."""
    ordered = sorted(differences, key=abs)
    ranks = range(1, len(ordered) + 1)
    total = sum(ranks)
    observed = sum(rank for rank, one in zip(ranks, ordered, strict=True) if one > 0)
    extreme = min(observed, total - observed)
    sums = [
        sum(rank for rank, sign in zip(ranks, signs, strict=True) if sign)
        for signs in product([False, True], repeat=len(ordered))
    ]
    return min(1.0, 2 * sum(one <= extreme for one in sums) / len(sums))
