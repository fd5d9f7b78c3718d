"""Classifiers on features: classes weigh alike, and strength is chosen across people."""

import numpy as np
import pytest
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression

from pahcl_core.baselines.classifiers import STRENGTHS, fit


def people(rng, counts, *, num_features=4, apart=1.0):
    """Two rows for each person; `counts` persons of each class, which moves the first feature."""
    labels = np.repeat(np.arange(len(counts)), counts)
    labels = np.repeat(labels, 2)
    rows = rng.normal(size=(len(labels), num_features))
    rows[:, 0] += apart * labels
    persons = np.array([f"p{number // 2}" for number in range(len(labels))])
    return rows, labels, persons


@pytest.fixture
def rng():
    return np.random.default_rng(5)


def test_a_rare_class_weighs_as_much_as_a_common_one(rng):
    """Halfway between the two, neither is more likely, though one has nine times the rows."""
    rows, labels, persons = people(rng, [90, 10], num_features=1, apart=4.0)

    for model in ("logistic", "boosting"):
        learnt = fit(model, rows, labels, persons, num_classes=2, seed=0)
        middle = (rows[labels == 0].mean() + rows[labels == 1].mean()) / 2
        said = learnt.probabilities(np.array([[middle - 1.5], [middle + 1.5]]))
        assert said[0, 0] > 0.7, model
        assert said[1, 1] > 0.7, model
    regression = fit("logistic", rows, labels, persons, num_classes=2, seed=0)
    assert regression.probabilities(np.array([[middle]]))[0, 1] == pytest.approx(0.5, abs=0.15)


def test_regression_is_scikit_learns_on_scaled_features(rng):
    rows, labels, persons = people(rng, [12, 12, 12])
    rows = rows * [1, 10, 100, 1000] + 7

    learnt = fit("logistic", rows, labels, persons, num_classes=3, seed=0)

    scaled = (rows - rows.mean(axis=0)) / rows.std(axis=0)
    alone = LogisticRegression(C=learnt.strength, class_weight="balanced", max_iter=2000)
    expected = alone.fit(scaled, labels).predict_proba(scaled)
    np.testing.assert_allclose(learnt.probabilities(rows), expected, atol=1e-6)


def test_trees_are_scikit_learns_and_see_every_row(rng):
    rows, labels, persons = people(rng, [40, 40])

    learnt = fit("boosting", rows, labels, persons, num_classes=2, seed=3)

    alone = HistGradientBoostingClassifier(
        early_stopping=False, class_weight="balanced", random_state=3
    )
    expected = alone.fit(rows, labels).predict_proba(rows)
    np.testing.assert_array_equal(learnt.probabilities(rows), expected)
    assert learnt.strength is None


@pytest.mark.parametrize("number", [2, 6, 19])
def test_trees_tell_few_people_apart(rng, number):
    """With scikit-learn's 20 rows in each leaf they would say the same of everybody."""
    labels = np.repeat([0, 1], [1, number - 1])
    rows = labels[:, None] + 0.01 * rng.normal(size=(number, 3))

    learnt = fit("boosting", rows, labels, np.arange(number).astype(str), num_classes=2, seed=0)

    told = learnt.probabilities(rows)[:, 1]
    assert told[labels == 1].min() > told[0] + 0.5


def test_strength_is_chosen_across_people(rng):
    """Features that tell who it is foretell a person's other rows, and no other person's."""
    labels = np.repeat(np.tile([0, 1], 15), 4)
    persons = np.repeat(np.arange(30), 4).astype(str)
    rows = np.repeat(np.eye(30), 4, axis=0) + 0.01 * rng.normal(size=(120, 30))

    across = fit("logistic", rows, labels, persons, num_classes=2, seed=0)
    alone = fit("logistic", rows, labels, np.arange(120).astype(str), num_classes=2, seed=0)

    assert across.strength == min(STRENGTHS)
    assert alone.strength == max(STRENGTHS)


def test_strength_is_chosen_with_classes_alike(rng):
    """The score that chooses, by hand: each class's mean, and their mean."""
    from pahcl_core.baselines.classifiers import _log_likelihood

    class Says:
        classes_ = np.array([0, 2])

        def predict_proba(self, rows):
            return np.array([[0.9, 0.1], [0.5, 0.5], [0.2, 0.8]])[: len(rows)]

    found = _log_likelihood(Says(), np.zeros((3, 1)), np.array([0, 0, 2]))

    assert found == pytest.approx(((np.log(0.9) + np.log(0.5)) / 2 + np.log(0.8)) / 2)
    assert _log_likelihood(Says(), np.zeros((1, 1)), np.array([1])) < -700  # never heard of


@pytest.mark.parametrize("model", ["logistic", "boosting"])
def test_a_class_that_nobody_has_gets_nothing(model, rng):
    rows, labels, persons = people(rng, [6, 6])

    said = fit(model, rows, labels * 2, persons, num_classes=4, seed=0).probabilities(rows)

    assert said.shape == (24, 4)
    assert (said[:, [1, 3]] == 0).all()
    np.testing.assert_allclose(said.sum(axis=1), 1)


@pytest.mark.parametrize(("counts", "strength"), [([5, 1, 5], 0.01), ([5, 2, 5], None)])
def test_few_people_are_learnt_from_too(counts, strength, rng):
    """With one person of a class there is nobody to choose on; with two, two parts."""
    rows, labels, persons = people(rng, counts)

    learnt = fit("logistic", rows, labels, persons, num_classes=3, seed=0)

    assert learnt.strength in STRENGTHS
    if strength is not None:
        assert learnt.strength == strength
