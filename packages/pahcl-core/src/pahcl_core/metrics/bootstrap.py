"""Intervals from resampling persons.

A person is drawn with all that is theirs, subjects and recordings, because two recordings of one
heart are not two witnesses. As many persons are drawn as there are, with replacement, and not by
class: a test set is a draw from the people who come to be screened, how many of them are ill is a
matter of chance too, and accuracy depends on it. (Where a person's recordings differ in class there
would be no class to draw by, either.) So a rare class may be missing from a resample; a metric that
is undefined there leaves that resample out, and says how many it left out.

What intervals cannot say: a perfect score comes out perfect in every resample, and its interval has
no width. That is the limit of the method, not a sign of certainty.

Source: Efron and Tibshirani, "An Introduction to the Bootstrap", 1993: percentile intervals in
chapter 13, BCa in chapter 14 (equations 14.9, 14.10, 14.14 and 14.15). In the bias correction, a
resample that equals the estimate counts half as below it, since most metrics take few values.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Float64, Int64
from scipy.stats import norm

from pahcl_core.metrics.classification import classification_metrics
from pahcl_core.metrics.resampled import ResampledMetrics

NUM_RESAMPLES = 10_000
Method = Literal["percentile", "bca"]

_AT_ONCE = 200  # resamples that are scored together: so many fit the caches


ROUNDING = 1e-12
"""Numbers around 1 that differ by no more than this differ in the order of their sums."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Interval:
    """A metric, and where resamples put it."""

    value: float | None
    """Of the units as they are."""

    low: float | None
    high: float | None
    num_left_out: int
    """Resamples in which the metric is undefined."""

    undefined: str = ""
    """Why there is no value, or no interval."""


def bootstrap(
    labels: Int64[np.ndarray, "units"],
    probabilities: Float64[np.ndarray, "rows classes"],
    persons: Sequence[str],
    *,
    class_names: Sequence[str],
    positive: str,
    challenge: str = "",
    predicted: Int64[np.ndarray, "units"] | None = None,
    names: Sequence[str] | None = None,
    confidence: float = 0.95,
    method: Method = "percentile",
    num_resamples: int = NUM_RESAMPLES,
    seed: int = 0,
) -> dict[str, Interval]:
    """Metrics of one set of predictions with their intervals.

    Args:
        labels: Index of the true class of each unit (cycle, recording or patient).
        probabilities: Of each class, one row to a unit.
        persons: Whose each unit is.
        class_names: In the order of the columns.
        positive: The class that the two-sided metrics are about.
        challenge: One of `CHALLENGES` for its scores too.
        predicted: Index of the class said of each unit; None for the most probable.
        names: Which metrics; None for all.
        confidence: Share of resamples inside, above 0 and below 1.
        method: `percentile`, or `bca`, which corrects for bias and for an error that grows with
            the value, at the price of one more resample for each person.
        num_resamples: How many.
        seed: Of the draws.

    Returns:
        By name, as `classification_metrics` and `challenge_scores` name them.

    Raises:
        ValueError: If shapes do not fit, a name is unknown or a number is out of range.
    """
    metrics = ResampledMetrics(
        labels,
        probabilities,
        class_names=class_names,
        positive=positive,
        challenge=challenge,
        predicted=predicted,
        with_auprc=wants_auprc(names),
    )
    owner, num_persons = numbered(persons, len(labels))
    values = metrics(np.ones((len(labels), 1)))
    chosen = chosen_names(values, names)
    limits = interval_limits(confidence)
    drawn = {name: np.empty(num_resamples) for name in chosen}
    for those, multiplicity in multiplicities(num_persons, num_resamples, seed):
        found = metrics(multiplicity[owner])
        for name in chosen:
            drawn[name][those] = found[name]
    without_one = _without_one(metrics, owner, num_persons) if method == "bca" else {}
    reasons = classification_metrics(
        labels, probabilities, class_names=class_names, positive=positive, predicted=predicted
    ).undefined
    return {
        name: interval_of(
            float(values[name][0]),
            drawn[name],
            limits,
            without_one=without_one.get(name),
            num_persons=num_persons,
            reason=reasons.get(name, ""),
        )
        for name in chosen
    }


def multiplicities(
    num_persons: int, num_resamples: int, seed: int
) -> Iterator[tuple[slice, Float64[np.ndarray, "persons resamples"]]]:
    """How often each person is in each resample, some resamples at a time.

    Yields:
        Which resamples, and their columns.

    Raises:
        ValueError: If there is to be no resample.
    """
    if num_resamples < 1:
        raise ValueError(f"num_resamples must be at least 1, got {num_resamples}")
    rng = np.random.default_rng(seed)
    for first in range(0, num_resamples, _AT_ONCE):
        those = slice(first, min(first + _AT_ONCE, num_resamples))
        size = those.stop - first
        place = rng.integers(0, num_persons, (size, num_persons)) * size + np.arange(size)[:, None]
        count = np.bincount(place.ravel(), minlength=num_persons * size)
        yield those, count.reshape(num_persons, size).astype(np.float64)


def numbered(persons: Sequence[str], num_units: int) -> tuple[Int64[np.ndarray, "units"], int]:
    """A number for the person of each unit, and how many there are.

    Raises:
        ValueError: If there is not one person for each unit.
    """
    if len(persons) != num_units:
        raise ValueError(f"{len(persons)} persons for {num_units} units")
    known, number = np.unique(np.asarray(persons), return_inverse=True)
    return number.astype(np.int64), len(known)


def wants_auprc(names: Sequence[str] | None) -> bool:
    """Whether the areas that take longest are among the names."""
    return names is None or any(name.startswith("auprc") for name in names)


def chosen_names(
    known: Mapping[str, Float64[np.ndarray, "resamples"]], names: Sequence[str] | None
) -> Sequence[str]:
    """The names asked for, all where none are.

    Raises:
        ValueError: If one is unknown.
    """
    for name in names or ():
        if name not in known:
            raise ValueError(f"no metric named {name!r}; there are {', '.join(known)}")
    return list(known) if names is None else names


def interval_limits(confidence: float) -> tuple[float, float]:
    """The quantiles that bound the middle of a distribution.

    Raises:
        ValueError: If `confidence` is not above 0 and below 1.
    """
    if not 0 < confidence < 1:
        raise ValueError(f"confidence must be above 0 and below 1, got {confidence:g}")
    return (1 - confidence) / 2, (1 + confidence) / 2


def _without_one(
    metrics: ResampledMetrics, owner: Int64[np.ndarray, "units"], num_persons: int
) -> dict[str, Float64[np.ndarray, "persons"]]:
    """Every metric of all persons but one, for each of them."""
    parts = [
        metrics((owner[:, None] != left_out).astype(np.float64))
        for left_out in np.array_split(np.arange(num_persons), -(-num_persons // _AT_ONCE))
    ]
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def interval_of(
    value: float,
    drawn: Float64[np.ndarray, "resamples"],
    limits: tuple[float, float],
    *,
    without_one: Float64[np.ndarray, "persons"] | None,
    num_persons: int,
    reason: str,
) -> Interval:
    """A value with its interval.

    Args:
        value: Of the units as they are; NaN where it is undefined.
        drawn: Of the resamples; NaN likewise.
        limits: The quantiles that bound the interval.
        without_one: As in `bca_limits`; None for percentiles.
        num_persons: How many there are to draw.
        reason: Why it is undefined, if it is.
    """
    defined = drawn[~np.isnan(drawn)]
    left_out = len(drawn) - len(defined)
    if np.isnan(value):
        reason = reason or "it is undefined for these units"
        return Interval(value=None, low=None, high=None, num_left_out=left_out, undefined=reason)
    if num_persons < 2:
        reason = "there is only one person, who cannot be resampled"
    elif len(defined) == 0:
        reason = "it is undefined in every resample"
    elif without_one is not None:
        corrected = bca_limits(value, defined, without_one, limits)
        reason = "all resamples lie on one side of the value" if corrected is None else ""
        limits = corrected or limits
    if reason:
        return Interval(value=value, low=None, high=None, num_left_out=left_out, undefined=reason)
    low, high = np.quantile(defined, limits)
    return Interval(value=value, low=float(low), high=float(high), num_left_out=left_out)


def bca_limits(
    value: float,
    drawn: Float64[np.ndarray, "resamples"],
    without_one: Float64[np.ndarray, "persons"],
    limits: tuple[float, float],
) -> tuple[float, float] | None:
    """Which quantiles of the resamples bound the interval, corrected for bias and skew.

    Args:
        value: The metric of the units as they are.
        drawn: Of the resamples, where it is defined.
        without_one: Of all persons but one, for each; NaN where it is undefined.
        limits: The quantiles before the correction.

    Returns:
        None where every resample is above the value, or every one below: the correction is infinite
        then.
    """
    rounding = ROUNDING * max(1.0, abs(value))
    below = ((drawn < value - rounding).mean() + (drawn <= value + rounding).mean()) / 2
    if below in (0.0, 1.0):
        return None
    bias = norm.ppf(below)
    rest = without_one[~np.isnan(without_one)]
    apart = rest.mean() - rest if len(rest) else np.zeros(1)
    spread = (apart**2).sum() ** 1.5
    acceleration = (apart**3).sum() / (6 * spread) if spread > 0 else 0.0
    shifted = bias + norm.ppf(limits)
    low, high = norm.cdf(bias + shifted / (1 - acceleration * shifted))
    return float(low), float(high)
