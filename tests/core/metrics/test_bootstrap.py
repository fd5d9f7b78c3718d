"""Intervals against a plain loop over resamples, against scipy, by hand, and where none can be."""

import numpy as np
import pytest
from scipy import stats
from sklearn import metrics

from oracles.challenge2022 import counts, outcome_cost, weighted_accuracy
from oracles.classification import auroc
from oracles.resampling import quantile, resamples, scores_of
from pahcl_core.metrics.bootstrap import bca_limits, bootstrap
from pahcl_core.metrics.classification import classification_metrics
from pahcl_core.metrics.resampled import ResampledMetrics

TWO = ("Normal", "Abnormal")
THREE = ("Absent", "Present", "Unknown")
SKLEARN = {
    "accuracy": metrics.accuracy_score,
    "auroc": metrics.roc_auc_score,
    "auprc": metrics.average_precision_score,
}


def people(rng, num_persons, num_classes, *, most=3):
    """Persons of one to `most` units, whose probabilities have one digit, so that there are ties.

    Units of one person may differ in class. They are shuffled, so a person's are apart.
    """
    count = rng.integers(1, most + 1, num_persons)
    persons = np.repeat([f"p{number}" for number in range(num_persons)], count)
    labels = rng.integers(0, num_classes, len(persons))
    drawn = rng.dirichlet(np.ones(num_classes), len(persons))
    rows = 0.75 * drawn + 0.25 * np.eye(num_classes)[labels]
    order = rng.permutation(len(persons))
    return labels[order], rows.round(1)[order], persons[order].tolist()


@pytest.mark.parametrize(("names", "positive"), [(TWO, 0), (TWO, 1), (THREE, 1), (THREE, 2)])
def test_intervals_equal_a_loop_over_resamples(rng, names, positive):
    """Ends, and how many resamples were left out, of every metric."""
    labels, rows, persons = people(rng, 6, len(names))
    drawn = resamples(persons, 300, np.random.default_rng(7))
    scores = scores_of(labels.tolist(), rows.tolist(), names, positive, drawn)

    found = bootstrap(
        labels, rows, persons, class_names=names, positive=names[positive],
        confidence=0.9, num_resamples=300, seed=7,
    )  # fmt: skip

    assert set(found) == set(scores[0])
    assert sum(interval.num_left_out for interval in found.values()) > 0
    assert 0.4 < found["accuracy"].value < 0.9
    for name, interval in found.items():
        defined = [one[name] for one in scores if one[name] is not None]
        assert interval.num_left_out == 300 - len(defined), name
        expected = (quantile(defined, 0.05), quantile(defined, 0.95))
        assert (interval.low, interval.high) == pytest.approx(expected, rel=1e-12), name


@pytest.mark.parametrize("names", [TWO, THREE])
@pytest.mark.parametrize("seed", range(3))
def test_values_are_those_without_resampling(names, seed):
    labels, rows, persons = people(np.random.default_rng(seed), 30, len(names))

    found = bootstrap(labels, rows, persons, class_names=names, positive=names[1], num_resamples=1)

    expected = classification_metrics(labels, rows, class_names=names, positive=names[1])
    values = {name: interval.value for name, interval in found.items()}
    assert values == pytest.approx(dict(expected.values), rel=1e-12)


@pytest.mark.parametrize(("challenge", "names"), [("murmur", THREE), ("outcome", TWO)])
def test_challenge_scores_of_a_resample_equal_counting(rng, challenge, names):
    """The unit with the number n is there n times."""
    labels, rows, _ = people(rng, 20, len(names), most=1)
    times = np.arange(20) % 4
    scorer = ResampledMetrics(
        labels, rows, class_names=names, positive=names[1], challenge=challenge
    )

    found = scorer(times[:, None].astype(float))

    true = [names[label] for label in np.repeat(labels, times)]
    said = [names[label] for label in np.repeat(rows.argmax(axis=1), times)]
    table = counts(true, said)
    expected = {"weighted_accuracy": float(weighted_accuracy(table))}
    if challenge == "outcome":
        expected["cost"] = float(outcome_cost(table))
    assert {name: found[name].item() for name in expected} == pytest.approx(expected)
    assert true.count(names[1]) != said.count(names[1])
    assert ("cost" in found) == (challenge == "outcome")


def test_more_resamples_than_are_scored_at_once_are_a_loops(rng):
    """And names can be chosen."""
    labels, rows, persons = people(rng, 9, 2)
    drawn = resamples(persons, 450, np.random.default_rng(0))
    areas = [auroc((labels[units] == 1).tolist(), rows[units, 1].tolist()) for units in drawn]

    found = bootstrap(
        labels, rows, persons, class_names=TWO, positive="Abnormal",
        names=["auroc"], num_resamples=450,
    )  # fmt: skip

    assert set(found) == {"auroc"}
    defined = [area for area in areas if area is not None]
    assert found["auroc"].low == pytest.approx(quantile(defined, 0.025), rel=1e-12)
    assert found["auroc"].high == pytest.approx(quantile(defined, 0.975), rel=1e-12)


@pytest.mark.parametrize("method", ["percentile", "BCa"])
@pytest.mark.parametrize("name", SKLEARN)
def test_both_methods_agree_with_scipy(rng, method, name):
    """It draws the same numbers from the same seed, so its intervals are the same."""
    labels, rows, persons = people(rng, 25, 2)
    labels[:2] = (0, 1)
    units_of = [np.flatnonzero(np.array(persons) == one) for one in np.unique(persons)]

    def statistic(drawn):
        units = np.concatenate([units_of[int(person)] for person in drawn])
        score = rows[units].argmax(axis=1) if name == "accuracy" else rows[units, 1]
        # scipy takes a rounding error for a difference
        return round(SKLEARN[name](labels[units], score), 12)

    expected = stats.bootstrap(
        (np.arange(25),), statistic, vectorized=False, n_resamples=300, method=method,
        rng=np.random.default_rng(3),
    ).confidence_interval  # fmt: skip
    found = bootstrap(
        labels, rows, persons, class_names=TWO, positive="Abnormal",
        names=[name], method=method.lower(), num_resamples=300, seed=3,
    )[name]  # fmt: skip

    assert (found.low, found.high) == pytest.approx((expected.low, expected.high), rel=1e-9)


def test_the_interval_of_a_share_by_hand():
    """Four persons, two right: the share right is binomial, its quantiles are 0 and 1 at 95 %."""
    rows = np.eye(2)[[0, 0, 0, 0]]
    found = bootstrap(
        np.array([0, 0, 1, 1]), rows, list("abcd"), class_names=TWO, positive="Abnormal"
    )["accuracy"]

    assert (found.value, found.low, found.high) == (0.5, 0.0, 1.0)  # each end has 1/16


def test_a_person_is_drawn_with_all_that_is_theirs():
    """Two persons, one all right and one all wrong: no share between 0, 1/2 and 1 is possible."""
    labels = np.array([0, 1, 0, 1] * 2)
    rows = np.eye(2)[[0, 1, 0, 1, 1, 0, 1, 0]]
    scorer = ResampledMetrics(labels, rows, class_names=TWO, positive="Abnormal")
    found = bootstrap(
        labels, rows, ["a"] * 4 + ["b"] * 4, class_names=TWO, positive="Abnormal",
        names=["accuracy"], confidence=0.4, num_resamples=2000,
    )["accuracy"]  # fmt: skip
    alone = bootstrap(
        labels, rows, list("abcdefgh"), class_names=TWO, positive="Abnormal",
        names=["accuracy"], confidence=0.4, num_resamples=2000,
    )["accuracy"]  # fmt: skip

    assert scorer(np.ones((8, 1)))["accuracy"].item() == 0.5
    assert (found.low, found.high) == (0.5, 0.5)  # half of the resamples hold both
    assert (alone.low, alone.high) == (0.375, 0.625)


def test_the_seed_decides(rng):
    labels, rows, persons = people(rng, 40, 2)
    first, again, other = (
        bootstrap(
            labels, rows, persons, class_names=TWO, positive="Abnormal", num_resamples=200,
            seed=seed,
        )["auroc"]
        for seed in (1, 1, 2)
    )  # fmt: skip

    assert first == again
    assert first.low != other.low


def test_bca_corrects_towards_the_tail_of_a_skewed_metric(rng):
    """An area near 1 has its tail below: both ends move down."""
    labels = np.repeat([0, 1], 20)
    score = labels + rng.normal(0, 0.5, 40)
    rows = np.stack([1 - score, score], axis=1)
    persons = [str(number) for number in range(40)]
    plain, corrected = (
        bootstrap(
            labels, rows, persons, class_names=TWO, positive="Abnormal", names=["auroc"],
            method=method, num_resamples=2000,
        )["auroc"]
        for method in ("percentile", "bca")
    )  # fmt: skip

    assert corrected.low < plain.low
    assert corrected.high < plain.high


def test_bca_without_bias_or_skew_is_the_percentile_interval():
    drawn = np.array([-2.0, -1.0, 0.0, 1.0, 2.0])

    low, high = bca_limits(0.0, drawn, np.array([-1.0, 0.0, 1.0]), (0.05, 0.95))

    assert (low, high) == pytest.approx((0.05, 0.95), rel=1e-12)


def test_bca_takes_a_difference_in_rounding_for_none():
    """Of three resamples one is below 0.3, one above and one is 0.1 + 0.2: there is no bias."""
    drawn = np.array([0.2, 0.1 + 0.2, 0.4])
    assert drawn[1] != 0.3

    low, high = bca_limits(0.3, drawn, np.array([-1.0, 0.0, 1.0]), (0.05, 0.95))

    assert (low, high) == pytest.approx((0.05, 0.95), rel=1e-12)


def test_bca_of_persons_who_make_no_difference_corrects_no_skew():
    low, high = bca_limits(0.5, np.array([0.0, 1.0]), np.array([0.5, 0.5]), (0.1, 0.9))

    assert (low, high) == pytest.approx((0.1, 0.9), rel=1e-12)


def test_bca_leaves_out_whom_the_metric_needs():
    """Without the only ill person there is no sensitivity: the others tell the skew."""
    rest = np.array([np.nan, 0.2, 0.4, 0.9])
    limits = (0.1, 0.9)
    drawn = np.array([0.0, 1.0])

    assert bca_limits(0.5, drawn, rest, limits) == bca_limits(0.5, drawn, rest[1:], limits)


def test_bca_is_undefined_where_all_resamples_are_on_one_side():
    assert bca_limits(1.0, np.array([0.1, 0.2]), np.array([0.5, 0.6]), (0.1, 0.9)) is None
    assert bca_limits(0.0, np.array([0.1, 0.2]), np.array([0.5, 0.6]), (0.1, 0.9)) is None


@pytest.mark.parametrize("method", ["percentile", "bca"])
def test_one_person_has_values_but_no_interval(method):
    found = bootstrap(
        np.array([0, 1]), np.eye(2), ["a", "a"], class_names=TWO, positive="Abnormal",
        method=method, num_resamples=10,
    )["accuracy"]  # fmt: skip

    assert (found.value, found.low, found.high) == (1.0, None, None)
    assert found.undefined == "there is only one person, who cannot be resampled"


def test_one_class_leaves_undefined_what_needs_two():
    """With the reason of the metric itself, and every resample left out."""
    found = bootstrap(
        np.array([0, 0, 0]), np.eye(2)[[0, 0, 1]], list("abc"), class_names=TWO,
        positive="Abnormal", num_resamples=20,
    )  # fmt: skip

    assert found["accuracy"].value == pytest.approx(2 / 3)
    for name in ("auroc", "sensitivity", "balanced_accuracy"):
        interval = found[name]
        assert (interval.value, interval.low, interval.high) == (None, None, None)
        assert interval.num_left_out == 20
    assert found["auroc"].undefined == "nobody is Abnormal"
    assert found["balanced_accuracy"].undefined == "only one class occurs"


def test_a_metric_that_no_resample_defines_has_no_interval():
    """Only one of two persons is drawn."""
    labels = np.array([0, 1])
    found = bootstrap(
        labels, np.eye(2), ["a", "b"], class_names=TWO, positive="Abnormal",
        names=["auroc"], num_resamples=1, seed=4,
    )["auroc"]  # fmt: skip

    assert np.random.default_rng(4).integers(0, 2, 2).tolist() == [1, 1]
    assert (found.value, found.low, found.num_left_out) == (1.0, None, 1)
    assert found.undefined == "it is undefined in every resample"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"persons": ["a"]}, "1 persons for 3 units"),
        ({"names": ["aurok"]}, "no metric named 'aurok'; there are accuracy, "),
        ({"confidence": 1.0}, "confidence must be above 0 and below 1, got 1"),
        ({"confidence": 0.0}, "confidence must be above 0 and below 1, got 0"),
        ({"num_resamples": 0}, "num_resamples must be at least 1, got 0"),
        ({"challenge": "2022"}, "challenge must be one of murmur, outcome, .*pascal, got '2022'"),
        ({"positive": "ill"}, "'ill' is not one of Normal, Abnormal"),
        ({"labels": np.array([0, 1, 2])}, "labels must be 0 to 1, got 0 to 2"),
    ],
)
def test_what_cannot_be_resampled_is_refused(changes, message):
    settled = {
        "labels": np.array([0, 1, 1]),
        "probabilities": np.eye(2)[[0, 1, 0]],
        "persons": list("abc"),
        "class_names": TWO,
        "positive": "Abnormal",
        **changes,
    }
    labels, probabilities, persons = (
        settled.pop(name) for name in ("labels", "probabilities", "persons")
    )
    with pytest.raises(ValueError, match=message):
        bootstrap(labels, probabilities, persons, **settled)
