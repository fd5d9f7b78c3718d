"""Intervals of the mean over runs: each resample scored by itself, run by run."""

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from oracles.resampling import quantile, resamples
from pahcl_core.metrics.bootstrap import bootstrap
from pahcl_core.metrics.bootstrap_runs import (
    ScoredRun,
    bootstrap_mean_over_runs,
    bootstrap_over_runs,
)
from pahcl_core.metrics.challenge2022 import present_against_absent

NAMES = ("Absent", "Present", "Unknown")


def scored(rng, persons, labels) -> ScoredRun:
    return ScoredRun(
        labels=labels, probabilities=rng.dirichlet([1, 1, 1], len(labels)), persons=persons
    )


def test_the_interval_is_that_of_a_loop_over_resamples_and_runs(rng):
    """Twelve persons, some with two units, three runs; of accuracy and of an area."""
    persons = [f"p{number}" for number in (*range(12), 0, 5)]
    labels = np.array([0, 1, 2] * 4 + [0, 2])
    runs = [scored(rng, persons, labels) for _ in range(3)]

    found = bootstrap_over_runs(
        runs, class_names=NAMES, positive="Present", names=["accuracy", "auroc_Present"],
        confidence=0.8, num_resamples=200, seed=3,
    )  # fmt: skip

    draws = resamples(persons, 200, np.random.default_rng(3))
    accuracy = [
        np.mean([(r.probabilities[u].argmax(axis=1) == labels[u]).mean() for r in runs])
        for u in draws
    ]
    area = [
        np.mean([roc_auc_score(labels[u] == 1, r.probabilities[u, 1]) for r in runs])
        for u in draws
        if 0 < (labels[u] == 1).sum() < len(u)
    ]
    for name, drawn in (("accuracy", accuracy), ("auroc_Present", area)):
        assert found[name].low == pytest.approx(quantile(drawn, 0.1), abs=1e-12)
        assert found[name].high == pytest.approx(quantile(drawn, 0.9), abs=1e-12)
    assert found["accuracy"].value == pytest.approx(
        np.mean([(r.probabilities.argmax(axis=1) == labels).mean() for r in runs])
    )


def test_of_one_run_it_is_the_usual_one(rng):
    persons = [f"p{number}" for number in range(15)]
    run = scored(rng, persons, np.arange(15) % 3)

    alone = bootstrap(
        run.labels, run.probabilities, persons, class_names=NAMES, positive="Present",
        challenge="murmur", num_resamples=50,
    )  # fmt: skip
    found = bootstrap_over_runs(
        [run], class_names=NAMES, positive="Present", challenge="murmur", num_resamples=50
    )

    assert found == alone


def test_runs_may_be_tested_on_different_persons(rng):
    """A resample holds each person as often in the one as in the other."""
    one = scored(rng, ["a", "b", "c", "d"], np.array([0, 1, 0, 1]))
    two = scored(rng, ["c", "d", "e"], np.array([0, 1, 1]))

    found = bootstrap_over_runs(
        [one, two], class_names=NAMES, positive="Present", names=["accuracy"], num_resamples=100
    )["accuracy"]

    rights = [r.probabilities.argmax(axis=1) == r.labels for r in (one, two)]
    assert found.value == pytest.approx(np.mean([right.mean() for right in rights]))


def test_a_mean_is_undefined_where_one_run_is(rng):
    one = scored(rng, ["a", "b"], np.array([0, 1]))
    two = scored(rng, ["a", "b"], np.array([0, 0]))

    found = bootstrap_over_runs(
        [one, two], class_names=NAMES, positive="Present", names=["sensitivity"], num_resamples=5
    )["sensitivity"]

    assert (found.value, found.undefined) == (None, "it is undefined for these units")


def test_refuses_no_run_and_too_few_persons(rng):
    with pytest.raises(ValueError, match="at least one run"):
        bootstrap_over_runs([], class_names=NAMES, positive="Present")
    run = scored(rng, ["a"], np.array([0, 1]))
    with pytest.raises(ValueError, match="1 persons for 2 units"):
        bootstrap_over_runs([run], class_names=NAMES, positive="Present")


@pytest.mark.parametrize("num_runs", [1, 3])
def test_the_interval_of_a_mean_is_that_of_a_loop(rng, num_runs):
    """Persons with one to three units, drawn whole, the same for each run."""
    persons = [f"p{number}" for number in (0, 0, 1, 2, 2, 2, 3, 4)]
    losses = rng.exponential(size=(num_runs, 8))

    found = bootstrap_mean_over_runs(
        [(one, persons) for one in losses], confidence=0.8, num_resamples=300, seed=5
    )

    draws = resamples(persons, 300, np.random.default_rng(5))
    drawn = [np.mean([one[units].mean() for one in losses]) for units in draws]
    assert found.value == pytest.approx(losses.mean())
    assert found.low == pytest.approx(quantile(drawn, 0.1), abs=1e-12)
    assert found.high == pytest.approx(quantile(drawn, 0.9), abs=1e-12)


def test_of_a_mean_resamples_without_anybody_of_a_run_are_left_out():
    """One run of a and b, the other of c alone: of 27 draws 8 have no c, and 1 is all c."""
    runs = [(np.array([1.0, 2.0]), ["a", "b"]), (np.array([4.0]), ["c"])]

    found = bootstrap_mean_over_runs(runs, num_resamples=2000)

    assert found.value == pytest.approx((1.5 + 4) / 2)
    assert (found.low, found.high) == (2.5, 3.0)
    assert found.num_left_out / 2000 == pytest.approx(9 / 27, abs=0.05)


def test_the_mean_of_one_person_has_no_interval():
    found = bootstrap_mean_over_runs([(np.array([1.0, 2.0]), ["a", "a"])], num_resamples=5)

    assert (found.value, found.low) == (1.5, None)
    assert found.undefined == "there is only one person, who cannot be resampled"


def test_present_against_absent_leaves_unknown_out_and_splits_what_is_left():
    """By hand: 0.75, 0.5 and 0.25 for Present, 0.5 and 0 for Absent: 4.5 of 6 pairs."""
    labels = np.array([1, 1, 1, 0, 0, 2, 2])
    rows = np.array(
        [[1, 3, 4], [4, 4, 0], [3, 1, 4], [2, 2, 4], [8, 0, 0], [0, 8, 0], [8, 0, 0]]
    ) / 8.0  # fmt: skip

    assert present_against_absent(labels, rows, NAMES) == pytest.approx((2 + 1.5 + 1) / 6)
    assert present_against_absent(labels[5:], rows[5:], NAMES) is None
    assert present_against_absent(labels[:3], rows[:3], NAMES) is None


def test_what_is_neither_by_any_chance_counts_as_a_half():
    labels = np.array([1, 0, 0])
    rows = np.array([[0, 0, 1.0], [0.3, 0.2, 0.5], [0.2, 0.3, 0.5]])

    assert present_against_absent(labels, rows, NAMES) == 0.5


def test_present_against_absent_of_resamples(rng):
    """Against the function, each resample by itself."""
    labels, rows = np.arange(12) % 3, rng.dirichlet([1, 1, 1], 12)
    persons = [str(number) for number in range(12)]

    found = bootstrap(
        labels, rows, persons, class_names=NAMES, positive="Present", challenge="murmur",
        names=["auroc_present_absent"], num_resamples=80, seed=1,
    )["auroc_present_absent"]  # fmt: skip

    draws = resamples(persons, 80, np.random.default_rng(1))
    drawn = [present_against_absent(labels[u], rows[u], NAMES) for u in draws]
    drawn = [one for one in drawn if one is not None]
    assert found.value == pytest.approx(present_against_absent(labels, rows, NAMES))
    assert found.low == pytest.approx(quantile(drawn, 0.025), abs=1e-12)
    assert found.high == pytest.approx(quantile(drawn, 0.975), abs=1e-12)
    assert found.num_left_out == 80 - len(drawn)
