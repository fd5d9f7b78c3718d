"""Is one method better than another, over several seeds and over the persons they are scored on?

Two things vary: what a method makes of another seed, and who happens to be in the collection. The
difference here is the mean over seeds; its interval is over resamples of persons, all seeds being
scored on the same resample. `paired_runs.wilcoxon` and `paired_runs.corrected_t` judge the other
way, over seeds.
"""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float64, Int64

from pahcl_core.metrics.bootstrap import (
    NUM_RESAMPLES,
    interval_limits,
    multiplicities,
    numbered,
)
from pahcl_core.metrics.paired import Comparison, apart_by, of_resamples
from pahcl_core.metrics.resampled import ResampledMetrics

Probabilities = Float64[np.ndarray, "units classes"]


def paired_bootstrap_over_seeds(
    labels: Int64[np.ndarray, "units"],
    pairs: Sequence[tuple[Probabilities, Probabilities]],
    persons: Sequence[str],
    *,
    class_names: Sequence[str],
    positive: str,
    name: str,
    confidence: float = 0.95,
    num_resamples: int = NUM_RESAMPLES,
    seed: int = 0,
) -> Comparison:
    """The mean over seeds of the difference of a metric, first minus second.

    Args:
        labels: Index of the true class of each unit.
        pairs: For each seed, what the first method says of the units, and what the second says.
        persons: Whose each unit is.
        class_names: In the order of the columns.
        positive: The class that the two-sided metrics are about.
        name: Of the metric, such as `auroc`.
        confidence: Share of resamples inside the interval, above 0 and below 1.
        num_resamples: How many.
        seed: Of the draws.

    Returns:
        As `paired_bootstrap`.

    Raises:
        ValueError: If there is no seed, shapes do not fit, or a number is out of range.
    """
    if len(pairs) == 0:
        raise ValueError("there must be at least one seed")
    scored = [
        tuple(
            ResampledMetrics(labels, one, class_names=class_names, positive=positive)
            for one in pair
        )
        for pair in pairs
    ]
    owner, num_persons = numbered(persons, len(labels))
    limits = interval_limits(confidence)

    def difference(
        weights: Float64[np.ndarray, "units resamples"],
    ) -> Float64[np.ndarray, "resamples"]:
        apart = [apart_by(first(weights)[name], second(weights)[name]) for first, second in scored]
        mean: Float64[np.ndarray, "resamples"] = np.mean(apart, axis=0)
        return mean

    whole = float(difference(np.ones((len(labels), 1))).item())
    drawn = np.empty(num_resamples)
    for those, multiplicity in multiplicities(num_persons, num_resamples, seed):
        drawn[those] = difference(multiplicity[owner])
    return of_resamples(whole, drawn, limits, num_persons)
