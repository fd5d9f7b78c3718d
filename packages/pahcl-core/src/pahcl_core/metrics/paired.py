"""Is one model better than another on the same persons? Over seeds and folds, see `paired_runs`.

Every answer gives the size of the difference first, first model minus second, and p after: with
many persons a difference of no use has a small p, with few a large one has a great p. All p are
two-sided.

The bootstrap works for every metric and keeps a person's units together. The usual tests for the
area under the ROC curve and for accuracy, which do not, are in `paired_units`.

Source: Efron and Tibshirani, "An Introduction to the Bootstrap", 1993, chapters 15 and 16.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64, Int64

from pahcl_core.metrics.bootstrap import (
    NUM_RESAMPLES,
    ROUNDING,
    chosen_names,
    interval_limits,
    wants_auprc,
)
from pahcl_core.metrics.resampled import ResampledMetrics
from pahcl_core.metrics.runs_together import numbered_together, over_resamples


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


@dataclass(frozen=True, kw_only=True, slots=True)
class PairedRuns:
    """What a run of the first method and one of the second say of the units both are tested on."""

    labels: Int64[np.ndarray, "units"]
    probabilities: tuple[Float64[np.ndarray, "rows classes"], Float64[np.ndarray, "rows classes"]]
    persons: Sequence[str]
    predicted: tuple[Int64[np.ndarray, "units"] | None, Int64[np.ndarray, "units"] | None] = (
        None,
        None,
    )
    """Index of the class that each says of each unit; None for the most probable."""


def paired_bootstrap(
    pairs: Sequence[PairedRuns],
    *,
    class_names: Sequence[str],
    positive: str,
    challenge: str = "",
    names: Sequence[str] | None = None,
    confidence: float = 0.95,
    num_resamples: int = NUM_RESAMPLES,
    seed: int = 0,
) -> dict[str, Comparison]:
    """Differences of metrics between two methods, both scored on the same resamples of persons.

    Several pairs are several seeds, or folds with a test set each: the figure is the mean over
    pairs of the differences. All persons who are in any of the test sets are drawn at once; each
    pair is scored on those of its own test set who were drawn, as often as they were. So the
    interval tells how much hangs on who happens to be in the collection; `paired_runs` judges by
    what another seed makes of it.

    The interval holds the middle share of the resampled differences. p is twice the share of them
    on the far side of no difference, counting the real sample as one more, so it is never 0.

    Args:
        pairs: A run of each method; at least one pair.
        class_names: In the order of the columns.
        positive: The class that the two-sided metrics are about.
        challenge: One of `CHALLENGES` for its scores too.
        names: Which metrics; None for all.
        confidence: Share of resamples inside, above 0 and below 1.
        num_resamples: How many.
        seed: Of the draws.

    Raises:
        ValueError: If there is no pair, shapes do not fit, a name is unknown or a number is out of
            range.
    """
    if len(pairs) == 0:
        raise ValueError("there must be at least one pair of runs")
    owners, num_persons = numbered_together([(pair.persons, len(pair.labels)) for pair in pairs])
    models = [
        tuple(
            ResampledMetrics(
                pair.labels,
                one,
                class_names=class_names,
                positive=positive,
                challenge=challenge,
                predicted=said,
                with_auprc=wants_auprc(names),
            )
            for one, said in zip(pair.probabilities, pair.predicted, strict=True)
        )
        for pair in pairs
    ]
    limits = interval_limits(confidence)
    everyone = np.ones((num_persons, 1))
    measured = _mean_differences(models, owners, everyone, names)
    drawn = over_resamples(
        lambda multiplicity: _mean_differences(models, owners, multiplicity, names),
        num_persons=num_persons,
        num_resamples=num_resamples,
        seed=seed,
    )
    return {
        name: _of_resamples(measured[name].item(), drawn[name], limits, num_persons)
        for name in measured
    }


def _mean_differences(
    models: Sequence[tuple[ResampledMetrics, ...]],
    owners: Sequence[Int64[np.ndarray, "_"]],
    multiplicity: Float64[np.ndarray, "persons resamples"],
    names: Sequence[str] | None,
) -> dict[str, Float64[np.ndarray, "resamples"]]:
    """By metric, over the pairs of runs; NaN where one of them is undefined."""
    scored = [
        (first(multiplicity[owner]), second(multiplicity[owner]))
        for (first, second), owner in zip(models, owners, strict=True)
    ]
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


def apart_by(
    first: Float64[np.ndarray, "values"], second: Float64[np.ndarray, "values"]
) -> Float64[np.ndarray, "values"]:
    """First minus second, where what may be rounding is none."""
    apart = first - second
    return np.where(np.abs(apart) <= ROUNDING * np.maximum(1, np.abs(first)), 0.0, apart)
