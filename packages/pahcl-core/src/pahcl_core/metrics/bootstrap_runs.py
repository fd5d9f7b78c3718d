"""Intervals of what several runs come to on average: seeds, each with everyone's predictions.

As in `bootstrap` persons are drawn; all runs are scored on the same resample, and the mean over
runs is looked at. So an interval tells how much hangs on who happens to be in the collection, for a
method whose figure is that mean; what another seed makes of it is told by the spread over runs.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64, Int64

from pahcl_core.metrics.bootstrap import (
    NUM_RESAMPLES,
    Interval,
    chosen_names,
    interval_limits,
    interval_of,
    wants_auprc,
)
from pahcl_core.metrics.resampled import ResampledMetrics
from pahcl_core.metrics.runs_together import numbered_together, over_resamples


@dataclass(frozen=True, kw_only=True, slots=True)
class ScoredRun:
    """What one run says of the units that it is tested on."""

    labels: Int64[np.ndarray, "units"]
    """Index of the true class."""

    probabilities: Float64[np.ndarray, "units classes"]
    persons: Sequence[str]
    """Whose each unit is."""

    predicted: Int64[np.ndarray, "units"] | None = None
    """Index of the class said; None for the most probable."""


def bootstrap_over_runs(
    runs: Sequence[ScoredRun],
    *,
    class_names: Sequence[str],
    positive: str,
    challenge: str = "",
    names: Sequence[str] | None = None,
    confidence: float = 0.95,
    num_resamples: int = NUM_RESAMPLES,
    seed: int = 0,
) -> dict[str, Interval]:
    """The mean over runs of each metric, with its interval over persons.

    Args:
        runs: At least one; they may be tested on different persons.
        class_names: In the order of the columns.
        positive: The class that the two-sided metrics are about.
        challenge: One of `CHALLENGES` for its scores too.
        names: Which metrics; None for all.
        confidence: Share of resamples inside, above 0 and below 1.
        num_resamples: How many.
        seed: Of the draws.

    Returns:
        By name. A mean is undefined where the metric is for any run.

    Raises:
        ValueError: If there is no run, shapes do not fit, a name is unknown or a number is out of
            range.
    """
    if len(runs) == 0:
        raise ValueError("there must be at least one run")
    metrics = [
        ResampledMetrics(
            run.labels,
            run.probabilities,
            class_names=class_names,
            positive=positive,
            challenge=challenge,
            predicted=run.predicted,
            with_auprc=wants_auprc(names),
        )
        for run in runs
    ]
    owners, num_persons = numbered_together([(run.persons, len(run.labels)) for run in runs])
    limits = interval_limits(confidence)
    measured = _means(metrics, owners, np.ones((num_persons, 1)), names)
    drawn = over_resamples(
        lambda multiplicity: _means(metrics, owners, multiplicity, names),
        num_persons=num_persons,
        num_resamples=num_resamples,
        seed=seed,
    )
    return {
        name: interval_of(
            float(measured[name][0]),
            drawn[name],
            limits,
            without_one=None,
            num_persons=num_persons,
            reason="",
        )
        for name in measured
    }


def bootstrap_mean_over_runs(
    runs: Sequence[tuple[Float64[np.ndarray, "_"], Sequence[str]]],
    *,
    confidence: float = 0.95,
    num_resamples: int = NUM_RESAMPLES,
    seed: int = 0,
) -> Interval:
    """The mean over runs of the mean of a number per unit, such as its loss, with its interval.

    Args:
        runs: At least one: a number for each unit, and whose each unit is. They may be tested on
            different persons.
        confidence: Share of resamples inside, above 0 and below 1.
        num_resamples: How many.
        seed: Of the draws, which are those of `bootstrap_over_runs`.

    Raises:
        ValueError: If there is not one person for each unit, or a number is out of range.
    """
    owners, num_persons = numbered_together([(persons, len(values)) for values, persons in runs])
    limits = interval_limits(confidence)
    # A person's sum and number are all that a resample needs of them.
    sums = [
        (
            np.bincount(owner, weights=values, minlength=num_persons),
            np.bincount(owner, minlength=num_persons),
        )
        for owner, (values, _) in zip(owners, runs, strict=True)
    ]

    def means(
        multiplicity: Float64[np.ndarray, "persons resamples"],
    ) -> dict[str, Float64[np.ndarray, "resamples"]]:
        with np.errstate(invalid="ignore"):  # 0 / 0 where nobody of a run is in a resample
            own = [(total @ multiplicity) / (size @ multiplicity) for total, size in sums]
        return {"mean": np.mean(own, axis=0)}

    drawn = over_resamples(means, num_persons=num_persons, num_resamples=num_resamples, seed=seed)
    return interval_of(
        float(np.mean([values.mean() for values, _ in runs])),
        drawn["mean"],
        limits,
        without_one=None,
        num_persons=num_persons,
        reason="",
    )


def _means(
    metrics: Sequence[ResampledMetrics],
    owners: Sequence[Int64[np.ndarray, "_"]],
    multiplicity: Float64[np.ndarray, "persons resamples"],
    names: Sequence[str] | None,
) -> dict[str, Float64[np.ndarray, "resamples"]]:
    scored = [one(multiplicity[owner]) for one, owner in zip(metrics, owners, strict=True)]
    return {
        name: np.mean([one[name] for one in scored], axis=0)
        for name in chosen_names(scored[0], names)
    }
