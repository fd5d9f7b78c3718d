"""Comparisons over runs against scipy, counting and values worked out by hand."""

import math

import numpy as np
import pytest
from scipy import stats

from oracles.paired import signed_rank_p
from pahcl_core.metrics.paired_runs import corrected_t, wilcoxon


@pytest.mark.parametrize("seed", range(4))
def test_wilcoxon_equals_counting_all_signs(seed):
    rng = np.random.default_rng(seed)
    first, second = rng.normal(0.3, 1, 9), rng.normal(0, 1, 9)

    found = wilcoxon(first, second)

    assert found.p == pytest.approx(signed_rank_p((first - second).tolist()))
    assert found.num == 9


def test_wilcoxons_difference_is_the_median_of_means_of_pairs():
    """Of 0, 1 and 5: means 0, 1/2, 1, 5/2, 3 and 5, whose median is 7/4."""
    found = wilcoxon(np.array([0.0, 1.0, 5.0]), np.zeros(3))

    assert found.difference == pytest.approx(1.75)


def test_equal_differences_share_a_rank_in_spite_of_rounding():
    """0.85 - 0.80 and 0.90 - 0.85 differ in the last digit only."""
    first, second = np.array([0.85, 0.90, 0.30, 0.7]), np.array([0.80, 0.85, 0.35, 0.4])
    assert first[0] - second[0] != first[1] - second[1]

    found = wilcoxon(first, second)

    assert found.p == stats.wilcoxon([1, 1, -1, 6]).pvalue
    assert found.p != stats.wilcoxon([1, 2, -3, 6]).pvalue


def test_the_corrected_t_by_hand():
    """Differences 1, 2, 3, 4: mean 5/2, variance 5/3; tested on a quarter of those trained on."""
    first, second = np.array([2.0, 2.0, 6.0, 4.0]), np.array([1.0, 0.0, 3.0, 0.0])

    found = corrected_t(first, second, num_train=80, num_test=20, confidence=0.95)

    error = math.sqrt((1 / 4 + 1 / 4) * 5 / 3)
    assert found.difference == pytest.approx(2.5)
    assert found.p == pytest.approx(2 * stats.t.sf(2.5 / error, 3))
    half = 3.182446305284263 * error  # Student's table, 3 degrees of freedom, 97.5 %
    assert (found.low, found.high) == pytest.approx((2.5 - half, 2.5 + half))


def test_without_test_persons_to_speak_of_it_is_students_test(rng):
    first, second = rng.normal(0.5, 1, (2, 12))

    found = corrected_t(first, second, num_train=10**9, num_test=1)

    assert found.p == pytest.approx(stats.ttest_rel(first, second).pvalue, rel=1e-6)
    assert corrected_t(first, second, num_train=4, num_test=1).p > found.p


@pytest.mark.parametrize(
    "compared", [wilcoxon, lambda a, b: corrected_t(a, b, num_train=4, num_test=1)]
)
def test_runs_without_a_score_are_left_out(compared):
    first = np.array([0.7, np.nan, 0.9, 0.6, 0.8])
    second = np.array([0.5, 0.5, 0.6, np.nan, 0.4])

    found, without = compared(first, second), compared(first[[0, 2, 4]], second[[0, 2, 4]])

    assert (found.num, found.num_left_out) == (3, 2)
    assert (found.difference, found.p) == (without.difference, without.p)
    nothing = compared(first[1:2], second[1:2])
    assert (nothing.difference, nothing.p, nothing.num_left_out) == (None, None, 1)
    assert nothing.undefined == "no run is scored for both"


@pytest.mark.parametrize(
    ("found", "difference", "reason"),
    [
        (wilcoxon(np.ones(4), np.ones(4)), 0.0, "no run differs from its partner"),
        (
            corrected_t(np.array([0.3, 0.1 + 0.2]), np.zeros(2), num_train=4, num_test=1),
            0.3,
            "the differences do not vary",
        ),
        (
            corrected_t(np.array([0.3]), np.zeros(1), num_train=4, num_test=1),
            0.3,
            "a variance needs two runs",
        ),
    ],
)
def test_runs_that_do_not_vary_have_no_p(found, difference, reason):
    assert found.difference == pytest.approx(difference)
    assert (found.p, found.low, found.high) == (None, None, None)
    assert found.undefined == reason


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: wilcoxon(np.ones(2), np.ones(3)), "2 and 3 runs cannot be paired"),
        (
            lambda: corrected_t(np.ones(2), np.ones(3), num_train=1, num_test=1),
            "2 and 3 runs cannot be paired",
        ),
        (
            lambda: corrected_t(np.ones(2), np.ones(2), num_train=0, num_test=1),
            "num_train and num_test must be positive, got 0, 1",
        ),
    ],
)
def test_runs_that_cannot_be_compared_are_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()
