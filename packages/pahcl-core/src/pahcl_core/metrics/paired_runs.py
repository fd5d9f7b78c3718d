"""Is one way of training better than another, over the same seeds and folds?

As in `paired`, the size of the difference comes first, first minus second, and a two-sided p after.

`corrected_t` is the test to use: runs share most of their training persons, and it allows for that.
`wilcoxon` does without normality, but takes the differences to be independent, which those of
overlapping folds are not: its p is too small there.

Sources:
    Nadeau and Bengio, "Inference for the Generalization Error", Machine Learning 52, 2003, section
    3: the corrected resampled t-test.
    Wilcoxon, Biometrics Bulletin 1, 1945; Hodges and Lehmann, Annals of Mathematical Statistics 34,
    1963: the estimate that goes with the test.
"""

import numpy as np
from jaxtyping import Float64
from scipy import stats

from pahcl_core.metrics.bootstrap import interval_limits
from pahcl_core.metrics.paired import Comparison, apart_by

_DIGITS = 12  # after the point; scores have no more that mean something


def wilcoxon(
    first: Float64[np.ndarray, "runs"], second: Float64[np.ndarray, "partners"]
) -> Comparison:
    """Wilcoxon's signed-rank test of scores over the same seeds and folds.

    The difference is the median of the means of all pairs of differences. Runs without a
    difference take no part in p.

    Args:
        first: A score of the first model for each run; NaN where it is undefined.
        second: Of the second, row-aligned.

    Raises:
        ValueError: If the lengths differ.
    """
    apart, left_out = _differences(first, second)
    if len(apart) == 0:
        return _no_runs(left_out)
    pairs = (apart[:, None] + apart[None, :])[np.triu_indices(len(apart))] / 2
    difference = float(np.median(pairs))
    if not apart.any():
        return Comparison(
            difference=difference,
            num=len(apart),
            num_left_out=left_out,
            undefined="no run differs from its partner",
        )
    # Equal differences share a rank, so their last digits, which are rounding, must not differ.
    p = float(stats.wilcoxon(apart.round(_DIGITS)).pvalue)
    return Comparison(difference=difference, p=p, num=len(apart), num_left_out=left_out)


def corrected_t(
    first: Float64[np.ndarray, "runs"],
    second: Float64[np.ndarray, "partners"],
    *,
    num_train: int,
    num_test: int,
    confidence: float = 0.95,
) -> Comparison:
    """Nadeau and Bengio's t-test of scores over the same seeds and folds.

    Runs share most of their training persons, so their scores vary less than those of independent
    runs would; the variance of the mean is raised by `num_test / num_train` of the variance.

    Args:
        first: A score of the first model for each run; NaN where it is undefined.
        second: Of the second, row-aligned.
        num_train: Persons that a run is trained on.
        num_test: Persons that it is tested on.
        confidence: Of the interval, above 0 and below 1.

    Raises:
        ValueError: If the lengths differ or a number is out of range.
    """
    if min(num_train, num_test) < 1:
        raise ValueError(f"num_train and num_test must be positive, got {num_train}, {num_test}")
    limits = interval_limits(confidence)
    apart, left_out = _differences(first, second)
    if len(apart) == 0:
        return _no_runs(left_out)
    difference = float(apart.mean())
    if not apart_by(apart, np.full(len(apart), apart[0])).any():
        reason = "a variance needs two runs" if len(apart) == 1 else "the differences do not vary"
        return Comparison(
            difference=difference, num=len(apart), num_left_out=left_out, undefined=reason
        )
    error = float(np.sqrt((1 / len(apart) + num_test / num_train) * apart.var(ddof=1)))
    chance = stats.t(len(apart) - 1)
    low, high = (difference + error * float(chance.ppf(limit)) for limit in limits)
    return Comparison(
        difference=difference,
        low=low,
        high=high,
        p=float(2 * chance.sf(abs(difference) / error)),
        num=len(apart),
        num_left_out=left_out,
    )


def _differences(
    first: Float64[np.ndarray, "runs"], second: Float64[np.ndarray, "partners"]
) -> tuple[Float64[np.ndarray, "pairs"], int]:
    """Where both are defined, and how many are not."""
    if len(first) != len(second):
        raise ValueError(f"{len(first)} and {len(second)} runs cannot be paired")
    apart = apart_by(first, second)
    defined = apart[~np.isnan(apart)]
    return defined, len(apart) - len(defined)


def _no_runs(left_out: int) -> Comparison:
    return Comparison(
        difference=None, num=0, num_left_out=left_out, undefined="no run is scored for both"
    )
