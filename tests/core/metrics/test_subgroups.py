"""Metrics by group: each group alone is what `bootstrap` makes of it, and reasons are kept."""

import numpy as np
import pytest
from sklearn.metrics import accuracy_score, roc_auc_score

from oracles.resampling import quantile, resamples
from pahcl_core.metrics.subgroups import NOT_STATED, subgroups

NAMES = {"class_names": ("Normal", "Abnormal"), "positive": "Abnormal"}


def made_up(rng):
    """Twelve units of nine persons in three groups; the last group is of one class."""
    labels = np.array([0, 1, 0, 1, 0, 1, 0, 1, 1, 1, 1, 0])
    rows = rng.dirichlet([1, 1], 12)
    persons = [f"p{number}" for number in (0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 8, 5)]
    groups = [*["Child"] * 5, *[""] * 3, *["Adolescent"] * 3, ""]
    return labels, rows, persons, groups


def test_each_group_is_scored_by_itself(rng):
    """Values by scikit-learn, intervals by a loop over resamples of the group's own persons."""
    labels, rows, persons, groups = made_up(rng)

    found = subgroups(
        labels, rows, persons, groups, names=("auroc", "accuracy"), num_resamples=200, seed=3,
        **NAMES,
    )  # fmt: skip

    assert list(found) == ["Adolescent", "Child", NOT_STATED]
    child = found["Child"]
    assert (child.num, child.num_persons) == (5, 4)
    assert child.num_by_class == {"Normal": 3, "Abnormal": 2}
    assert child.metrics["auroc"].value == pytest.approx(roc_auc_score(labels[:5], rows[:5, 1]))
    right = rows[:5].argmax(axis=1) == labels[:5]
    assert child.metrics["accuracy"].value == accuracy_score(labels[:5], rows[:5].argmax(axis=1))
    shares = [
        right[units].mean() for units in resamples(persons[:5], 200, np.random.default_rng(3))
    ]
    assert child.metrics["accuracy"].low == pytest.approx(quantile(shares, 0.025), abs=1e-12)
    assert child.metrics["accuracy"].high == pytest.approx(quantile(shares, 0.975), abs=1e-12)


def test_what_is_undefined_in_a_group_has_its_reason(rng):
    labels, rows, persons, groups = made_up(rng)

    found = subgroups(labels, rows, persons, groups, names=("auroc",), num_resamples=20, **NAMES)

    area = found["Adolescent"].metrics["auroc"]
    assert (area.value, area.low, area.high) == (None, None, None)
    assert area.undefined == "everybody is Abnormal"


def test_a_group_of_one_person_has_values_and_no_interval(rng):
    labels, rows = np.array([0, 1, 1]), rng.dirichlet([1, 1], 3)

    found = subgroups(
        labels, rows, ["a", "a", "b"], ["x", "x", "y"], names=("accuracy",), num_resamples=20,
        **NAMES,
    )  # fmt: skip

    one = found["x"].metrics["accuracy"]
    assert one.value is not None
    assert (one.low, one.undefined) == (None, "there is only one person, who cannot be resampled")


def test_one_group_for_each_unit(rng):
    with pytest.raises(ValueError, match="1 groups for 2 units"):
        subgroups(np.array([0, 1]), np.eye(2), ["a", "b"], ["x"], names=("accuracy",), **NAMES)
