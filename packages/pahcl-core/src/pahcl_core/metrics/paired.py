"""Is one model better than another on the same persons? Over seeds and folds, see `paired_runs`.

Every answer gives the size of the difference first, first model minus second, and p after: with
many persons a difference of no use has a small p, with few a large one has a great p. All p are
two-sided.

`paired_bootstrap` works for every metric and keeps a person's units together. `delong` and
`mcnemar` are the usual tests for the area under the ROC curve and for accuracy; they take units to
be independent, so they are for one unit to a person.

Sources:
    Efron and Tibshirani, "An Introduction to the Bootstrap", 1993, chapters 15 and 16.
    DeLong, DeLong and Clarke-Pearson, Biometrics 44, 1988; computed as Sun and Xu, IEEE Signal
    Processing Letters 21, 2014.
    McNemar, Psychometrika 12, 1947, with the exact binomial p.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float64, Int64
from scipy import stats

from pahcl_core.metrics.bootstrap import (
    NUM_RESAMPLES,
    ROUNDING,
    chosen_names,
    interval_limits,
    multiplicities,
    numbered,
    wants_auprc,
)
from pahcl_core.metrics.resampled import ResampledMetrics


@dataclass(frozen=True, kw_only=True, slots=True)
class Comparison:
    """How far two models are apart, and what chance would do."""

    difference: float | None
    """First minus second."""

    low: float | None = None
    high: float | None = None
    """The interval of the difference, where the method gives one."""

    p: float | None = None
    num: int
    """Persons, units, or pairs of runs that were compared."""

    num_left_out: int = 0
    """Resamples or pairs in which the metric is undefined."""

    undefined: str = ""
    """Why there is no difference, no interval or no p."""


def paired_bootstrap(
    labels: Int64[np.ndarray, "units"],
    probabilities: tuple[Float64[np.ndarray, "rows classes"], Float64[np.ndarray, "rows classes"]],
    persons: Sequence[str],
    *,
    class_names: Sequence[str],
    positive: str,
    challenge: str = "",
    names: Sequence[str] | None = None,
    confidence: float = 0.95,
    num_resamples: int = NUM_RESAMPLES,
    seed: int = 0,
) -> dict[str, Comparison]:
    """Differences of metrics between two models, both scored on the same resamples of persons.

    The interval holds the middle share of the resampled differences. p is twice the share of them
    on the far side of no difference, counting the real sample as one more, so it is never 0.

    Args:
        labels: Index of the true class of each unit.
        probabilities: What the first model says of the units, and what the second says.
        persons: Whose each unit is.
        class_names: In the order of the columns.
        positive: The class that the two-sided metrics are about.
        challenge: `murmur` or `outcome` for the scores of the Challenge 2022 too.
        names: Which metrics; None for all.
        confidence: Share of resamples inside, above 0 and below 1.
        num_resamples: How many.
        seed: Of the draws.

    Raises:
        ValueError: If shapes do not fit, a name is unknown or a number is out of range.
    """
    return paired_bootstrap_over_seeds(
        labels,
        [probabilities],
        persons,
        class_names=class_names,
        positive=positive,
        challenge=challenge,
        names=names,
        confidence=confidence,
        num_resamples=num_resamples,
        seed=seed,
    )


def paired_bootstrap_over_seeds(
    labels: Int64[np.ndarray, "units"],
    pairs: Sequence[
        tuple[Float64[np.ndarray, "rows classes"], Float64[np.ndarray, "rows classes"]]
    ],
    persons: Sequence[str],
    *,
    class_names: Sequence[str],
    positive: str,
    challenge: str = "",
    names: Sequence[str] | None = None,
    confidence: float = 0.95,
    num_resamples: int = NUM_RESAMPLES,
    seed: int = 0,
) -> dict[str, Comparison]:
    """The same for two methods over several seeds: the means over seeds of the differences.

    Two things vary then: what a method makes of another seed, and who happens to be in the
    collection. The interval is over persons, all seeds being scored on the same resample;
    `paired_runs` judges the other way, over seeds.

    Args:
        labels: Index of the true class of each unit.
        pairs: For each seed, what the first method says of the units, and what the second says.
        persons: Whose each unit is.
        class_names: In the order of the columns.
        positive: The class that the two-sided metrics are about.
        challenge: `murmur` or `outcome` for the scores of the Challenge 2022 too.
        names: Which metrics; None for all.
        confidence: Share of resamples inside, above 0 and below 1.
        num_resamples: How many.
        seed: Of the draws.

    Raises:
        ValueError: As `paired_bootstrap`, or if there is no seed.
    """
    if len(pairs) == 0:
        raise ValueError("there must be at least one seed")
    models = [
        tuple(
            ResampledMetrics(
                labels,
                one,
                class_names=class_names,
                positive=positive,
                challenge=challenge,
                with_auprc=wants_auprc(names),
            )
            for one in pair
        )
        for pair in pairs
    ]
    owner, num_persons = numbered(persons, len(labels))
    limits = interval_limits(confidence)
    measured = _mean_differences(models, np.ones((len(labels), 1)), names)
    drawn = {name: np.empty(num_resamples) for name in measured}
    for those, multiplicity in multiplicities(num_persons, num_resamples, seed):
        for name, apart in _mean_differences(models, multiplicity[owner], names).items():
            drawn[name][those] = apart
    return {
        name: _of_resamples(measured[name].item(), drawn[name], limits, num_persons)
        for name in measured
    }


def _mean_differences(
    models: Sequence[tuple[ResampledMetrics, ...]],
    weights: Float64[np.ndarray, "units resamples"],
    names: Sequence[str] | None,
) -> dict[str, Float64[np.ndarray, "resamples"]]:
    """By metric, over seeds; NaN where one of them is undefined."""
    scored = [(first(weights), second(weights)) for first, second in models]
    return {
        name: np.mean([apart_by(one[name], other[name]) for one, other in scored], axis=0)
        for name in chosen_names(scored[0][0], names)
    }


def _of_resamples(
    difference: float,
    drawn: Float64[np.ndarray, "resamples"],
    limits: tuple[float, float],
    num_persons: int,
) -> Comparison:
    defined = drawn[~np.isnan(drawn)]
    left_out = len(drawn) - len(defined)
    if np.isnan(difference):
        reason = "the metric is undefined for one of the two"
        return Comparison(difference=None, num=num_persons, num_left_out=left_out, undefined=reason)
    if num_persons < 2 or len(defined) == 0:
        reason = "it is undefined in every resample"
        if num_persons < 2:
            reason = "there is only one person, who cannot be resampled"
        return Comparison(
            difference=difference, num=num_persons, num_left_out=left_out, undefined=reason
        )
    low, high = np.quantile(defined, limits)
    beyond = min((defined <= 0).sum(), (defined >= 0).sum())
    return Comparison(
        difference=difference,
        low=float(low),
        high=float(high),
        p=min(1.0, 2 * (1 + float(beyond)) / (1 + len(defined))),
        num=num_persons,
        num_left_out=left_out,
    )


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


def apart_by(
    first: Float64[np.ndarray, "values"], second: Float64[np.ndarray, "values"]
) -> Float64[np.ndarray, "values"]:
    """First minus second, where what may be rounding is none."""
    apart = first - second
    return np.where(np.abs(apart) <= ROUNDING * np.maximum(1, np.abs(first)), 0.0, apart)
