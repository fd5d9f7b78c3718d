"""The usual tests of two models on the same units, which they take to be independent.

As in `paired`, the size of the difference comes first, first minus second, and a two-sided p after.

Sources:
    DeLong, DeLong and Clarke-Pearson, Biometrics 44, 1988; computed as Sun and Xu, IEEE Signal
    Processing Letters 21, 2014.
    McNemar, Psychometrika 12, 1947, with the exact binomial p.
"""

import numpy as np
from jaxtyping import Bool, Float64
from scipy import stats

from pahcl_core.metrics.bootstrap import ROUNDING, interval_limits
from pahcl_core.metrics.paired import Comparison


def delong(
    true: Bool[np.ndarray, "units"],
    first: Float64[np.ndarray, "scores"],
    second: Float64[np.ndarray, "others"],
    *,
    confidence: float = 0.95,
) -> Comparison:
    """The difference of two areas under the ROC curve on the same units, which are independent.

    Args:
        true: Whether each unit is of the class.
        first: What the first model says, the higher the more likely.
        second: What the second says.
        confidence: Of the interval, above 0 and below 1.

    Raises:
        ValueError: If the lengths differ, a score is not finite or `confidence` is out of range.
    """
    lengths = {len(true), len(first), len(second)}
    if len(lengths) > 1:
        raise ValueError(f"{len(true)} units, but {len(first)} and {len(second)} scores")
    if not (np.isfinite(first).all() and np.isfinite(second).all()):
        raise ValueError("DeLong's test needs finite scores")
    limits = interval_limits(confidence)
    num, num_true = len(true), int(true.sum())
    if num_true in (0, num):
        reason = "nothing is of the class" if num_true == 0 else "everything is of the class"
        return Comparison(difference=None, num=num, undefined=reason)
    (won_a, kept_a), (won_b, kept_b) = _placements(true, first), _placements(true, second)
    difference = float(won_a.mean() - won_b.mean())
    if min(num_true, num - num_true) < 2:
        reason = "a variance needs two units of the class and two others"
        return Comparison(difference=difference, num=num, undefined=reason)
    # The variance of the difference is that of the differences: no covariance is left to add.
    variance = (won_a - won_b).var(ddof=1) / num_true
    variance += (kept_a - kept_b).var(ddof=1) / (num - num_true)
    if variance < ROUNDING**2:
        reason = "no unit stands higher or lower in one than in the other, compared with the rest"
        return Comparison(difference=difference, num=num, undefined=reason)
    error = float(np.sqrt(variance))
    low, high = (difference + error * float(stats.norm.ppf(limit)) for limit in limits)
    p = float(2 * stats.norm.sf(abs(difference) / error))
    return Comparison(difference=difference, low=low, high=high, p=p, num=num)


def _placements(
    true: Bool[np.ndarray, "units"], score: Float64[np.ndarray, "units"]
) -> tuple[Float64[np.ndarray, "positives"], Float64[np.ndarray, "negatives"]]:
    """For each unit of the class, the share of the others it is above; and the other way round.

    From ranks, in which equal scores share the mean: a rank among all less that among one's own is
    the number of the others below, a tie counting half.
    """
    ranks = stats.rankdata(score)
    own, others = ranks[true], ranks[~true]
    won = (own - stats.rankdata(score[true])) / len(others)
    kept = 1 - (others - stats.rankdata(score[~true])) / len(own)
    return won, kept


def mcnemar(
    first_right: Bool[np.ndarray, "units"], second_right: Bool[np.ndarray, "others"]
) -> Comparison:
    """The difference of two accuracies on the same units, which are independent.

    Of the units that only one of the two has right, chance would give each half. Where there are
    none, chance could have done nothing else, and p is 1.

    Raises:
        ValueError: If there are no units or the lengths differ.
    """
    if len(first_right) != len(second_right) or len(first_right) == 0:
        raise ValueError(f"{len(first_right)} and {len(second_right)} units cannot be paired")
    only_first = int((first_right & ~second_right).sum())
    only_second = int((second_right & ~first_right).sum())
    fewer, either = min(only_first, only_second), only_first + only_second
    return Comparison(
        difference=(only_first - only_second) / len(first_right),
        p=min(1.0, 2 * float(stats.binom.cdf(fewer, either, 0.5))),
        num=len(first_right),
    )
