"""Comparisons against published formulas, scipy, counting and values worked out by hand."""

import math

import numpy as np
import pytest
from scipy import stats
from sklearn.metrics import roc_auc_score

from oracles.classification import all_metrics
from oracles.paired import delong_variance, normal_tail
from oracles.resampling import quantile, resamples
from pahcl_core.metrics.paired import PairedRuns, apart_by, paired_bootstrap
from pahcl_core.metrics.paired_units import delong, mcnemar

TWO = ("Normal", "Abnormal")
THREE = ("Absent", "Present", "Unknown")


def two_models(rng, num_persons, num_classes):
    """Units of persons, one or two each, and what two models say, with ties."""
    persons = np.repeat(np.arange(num_persons), rng.integers(1, 3, num_persons))
    labels = rng.integers(0, num_classes, len(persons))
    draws = rng.dirichlet(np.ones(num_classes), (2, len(persons)))
    both = (0.75 * draws + 0.25 * np.eye(num_classes)[labels]).round(1)
    return labels, (both[0], both[1]), [str(one) for one in persons]


def compared(labels, probabilities, persons, **options):
    """Of one run of each."""
    pair = PairedRuns(labels=labels, probabilities=probabilities, persons=persons)
    return paired_bootstrap([pair], **options)


@pytest.mark.parametrize("names", [TWO, THREE])
def test_differences_equal_a_loop_over_resamples(rng, names):
    """The size, the interval, p and how many were left out, of every metric."""
    labels, models, persons = two_models(rng, 7, len(names))
    drawn = resamples(persons, 250, np.random.default_rng(11))
    everyone = list(range(len(labels)))

    def scores(rows, units):
        return all_metrics(labels[units].tolist(), rows[units].tolist(), names, 1)

    found = compared(
        labels, models, persons, class_names=names, positive=names[1],
        confidence=0.8, num_resamples=250, seed=11,
    )  # fmt: skip

    real = [scores(rows, everyone) for rows in models]
    resampled = [[scores(rows, units) for rows in models] for units in drawn]
    assert set(found) == set(real[0])
    assert found["accuracy"].difference != 0
    assert 0.02 < found["accuracy"].p < 1
    for name, one in found.items():
        apart = [
            a[name] - b[name] for a, b in resampled if a[name] is not None and b[name] is not None
        ]
        assert one.num_left_out == 250 - len(apart)
        assert one.num == 7
        assert one.difference == pytest.approx(real[0][name] - real[1][name], abs=1e-12)
        expected = (quantile(apart, 0.1), quantile(apart, 0.9))
        assert (one.low, one.high) == pytest.approx(expected, abs=1e-12), name
        beyond = min(sum(d < 1e-9 for d in apart), sum(d > -1e-9 for d in apart))
        assert one.p == pytest.approx(min(1.0, 2 * (beyond + 1) / (len(apart) + 1))), name


def test_the_same_model_differs_by_nothing(rng):
    labels, (rows, _), persons = two_models(rng, 12, 3)

    found = compared(
        labels, (rows, rows), persons, class_names=THREE, positive="Present", num_resamples=100
    )

    for one in found.values():
        assert (one.difference, one.low, one.high, one.p) == (0.0, 0.0, 0.0, 1.0)


def test_a_difference_in_the_order_of_sums_is_none():
    """Around 1 and around the cost of a patient; a billionth of a share is a difference."""
    first = np.array([0.1 + 0.2, 14883.0 + 1e-9, 0.5, np.nan])
    second = np.array([0.3, 14883.0, 0.5 - 1e-9, 0.1])

    apart = apart_by(first, second)

    assert apart[:2].tolist() == [0.0, 0.0]
    assert apart[2] == pytest.approx(1e-9)
    assert np.isnan(apart[3])


def test_pairing_is_worth_something(rng):
    """Two models that err on the same units: their difference is known better than either."""
    labels = np.arange(100) % 2
    score = labels + rng.normal(0, 1, 100)
    rows, others = (np.stack([1 - s, s], axis=1) for s in (score, score + rng.normal(0, 0.1, 100)))
    persons = [str(number) for number in range(100)]

    one = compared(
        labels, (rows, others), persons, class_names=TWO, positive="Abnormal",
        names=["auroc"], num_resamples=500,
    )["auroc"]  # fmt: skip

    assert one.high - one.low < 0.05  # unpaired it would be about 0.25


def test_challenge_scores_can_be_compared():
    """Of two patients, missing the one with a murmur costs 5 of 6 points."""
    rows, others = np.eye(3)[[0, 1]], np.eye(3)[[0, 0]]

    found = compared(
        np.array([0, 1]), (rows, others), ["a", "b"], class_names=THREE, positive="Present",
        challenge="murmur", names=["weighted_accuracy"], num_resamples=100,
    )  # fmt: skip

    assert list(found) == ["weighted_accuracy"]
    assert found["weighted_accuracy"].difference == pytest.approx(5 / 6)


def test_what_no_resample_defines_has_a_difference_at_most():
    """One person; and one class."""
    rows = (np.eye(2), np.eye(2)[[1, 0]])
    labels = np.array([0, 1])
    alone = compared(
        labels, rows, ["a", "a"], class_names=TWO, positive="Abnormal", num_resamples=5
    )["accuracy"]
    healthy = compared(
        np.array([0, 0]), rows, ["a", "b"], class_names=TWO, positive="Abnormal", num_resamples=5
    )["auroc"]

    assert (alone.difference, alone.low, alone.p) == (1.0, None, None)
    assert alone.undefined == "there is only one person, who cannot be resampled"
    assert (healthy.difference, healthy.p, healthy.num_left_out) == (None, None, 5)
    assert healthy.undefined == "the metric is undefined for one of the two"


@pytest.mark.parametrize("digits", [0, 1, 6])
@pytest.mark.parametrize("seed", range(4))
def test_delong_equals_the_published_formula(seed, digits):
    """Pair by pair; scores without digits are nearly all ties."""
    rng = np.random.default_rng(seed)
    true = np.arange(40) % 3 == 0
    first = (true + rng.normal(0, 1, 40)).round(digits)
    second = (first + rng.normal(0, 1, 40)).round(digits)

    found = delong(true, first, second, confidence=0.9)

    covariance = delong_variance(true.tolist(), [first.tolist(), second.tolist()])
    error = math.sqrt(covariance[0][0] + covariance[1][1] - 2 * covariance[0][1])
    difference = roc_auc_score(true, first) - roc_auc_score(true, second)
    assert found.difference == pytest.approx(difference, abs=1e-12)
    assert found.p == pytest.approx(2 * normal_tail(abs(difference) / error), rel=1e-9)
    half = 1.6448536269514722 * error  # the 95th percentile of the normal distribution
    assert (found.low, found.high) == pytest.approx((difference - half, difference + half))
    assert found.num == 40


def test_delong_by_hand():
    """Two of the class and two others: one model ranks all right, the other one of four pairs.

    The first's shares are all 1. The second beats (0, 1/2) of the others and is below (1/2, 0) of
    its own: variance of the difference (1/8) / 2 + (1/8) / 2 = 1/8.
    """
    true = np.array([True, True, False, False])

    found = delong(true, np.array([3.0, 4.0, 1.0, 2.0]), np.array([1.0, 3.0, 2.0, 4.0]))

    assert found.difference == pytest.approx(0.75)
    assert found.p == pytest.approx(2 * normal_tail(0.75 * math.sqrt(8)))


def test_delong_does_not_depend_on_who_is_first_nor_on_scale(rng):
    true = np.arange(30) % 2 == 0
    first, second = true + rng.normal(0, 1, (2, 30))

    one = delong(true, first, second)
    turned = delong(true, 7 * second - 100, np.exp(first))

    assert turned.difference == pytest.approx(-one.difference)
    assert turned.p == pytest.approx(one.p)
    assert (turned.low, turned.high) == pytest.approx((-one.high, -one.low))


@pytest.mark.parametrize(
    ("true", "difference", "reason"),
    [
        ([True, True, True], None, "everything is of the class"),
        ([False, False, False], None, "nothing is of the class"),
        ([True, False, False], 0.0, "a variance needs two units of the class and two others"),
        ([True, True, False, False], 0.0, "no unit stands higher or lower in one than in"),
    ],
)
def test_delong_is_undefined_where_nothing_varies(true, difference, reason):
    score = np.arange(len(true), dtype=float)

    found = delong(np.array(true), score, 2 * score)

    assert found.difference == difference
    assert (found.p, found.low, found.high) == (None, None, None)
    assert found.undefined.startswith(reason)


@pytest.mark.parametrize(("only_first", "only_second"), [(1, 0), (3, 3), (10, 2), (2, 10), (0, 9)])
def test_mcnemar_is_the_binomial_test(only_first, only_second):
    first = np.repeat([True, False, True, False], [only_first, only_second, 5, 4])
    second = np.repeat([False, True, True, False], [only_first, only_second, 5, 4])

    found = mcnemar(first, second)

    either = only_first + only_second
    assert found.p == pytest.approx(stats.binomtest(only_first, either, 0.5).pvalue)
    assert found.difference == pytest.approx((only_first - only_second) / (either + 9))
    assert found.num == either + 9


def test_mcnemar_by_hand():
    """Five units that only the first has right: two in 32 if chance decides each."""
    right = np.ones(5, dtype=bool)

    assert mcnemar(right, ~right).p == pytest.approx(2 / 32)
    assert mcnemar(right, right).p == 1.0
    assert mcnemar(right, right).difference == 0.0


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: mcnemar(np.ones(2, bool), np.ones(3, bool)), "2 and 3 units cannot be paired"),
        (lambda: mcnemar(np.ones(0, bool), np.ones(0, bool)), "0 and 0 units cannot be paired"),
        (
            lambda: delong(np.ones(2, bool), np.ones(2), np.array([1.0, np.nan])),
            "needs finite scores",
        ),
        (
            lambda: delong(np.ones(2, bool), np.ones(2), np.ones(3)),
            "2 units, but 2 and 3 scores",
        ),
        (
            lambda: delong(np.ones(2, bool), np.ones(2), np.ones(2), confidence=1.0),
            "confidence must be above 0 and below 1, got 1",
        ),
    ],
)
def test_what_cannot_be_compared_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()
