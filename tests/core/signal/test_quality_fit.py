"""How the quality index is fitted and judged: the script's arithmetic, on made-up numbers."""

import importlib.util
import sys
from pathlib import Path

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

SCRIPTS = Path(__file__).resolve().parents[3] / "scripts"


@pytest.fixture(scope="module")
def script():
    """The script, which is no part of a package, and the modules beside it that it imports."""
    for name in ("fit_provenance", "segmentation_recordings", "fit_quality"):
        spec = importlib.util.spec_from_file_location(name, SCRIPTS / f"{name}.py")
        sys.modules[name] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(sys.modules[name])
    return sys.modules["fit_quality"]


def examples(rng, *, num=200):
    """Measures of different sizes, and whether each recording is good."""
    measures = rng.normal(size=(num, 4)) * [0.2, 3.0, 0.1, 9.0] + [0.7, -1.0, 0.5, 15.0]
    score = 8 * (measures[:, 0] - 0.7) + 0.5 * (measures[:, 1] + 1) + rng.normal(size=num)
    return measures, score > -1


def test_the_weights_are_those_of_standardised_measures(script, rng):
    """Told in the measures' own units: the pipeline of scikit-learn decides alike."""
    measures, good = examples(rng)

    weights = script.fit(measures, good, chosen=(0, 1))

    pipeline = make_pipeline(StandardScaler(), LogisticRegression())
    expected = pipeline.fit(measures[:, :2], good).decision_function(measures[:, :2])
    np.testing.assert_allclose(weights.score(measures), expected, atol=2e-3)
    assert weights.weights[2:].tolist() == [0, 0]


def test_auroc_within_groups_counts_pairs_of_one_group(script):
    """By hand: one of two pairs is in order in group 0, both are in group 1; 7 of 9 in all."""
    group = np.array([0, 0, 0, 1, 1, 1])
    good = np.array([True, False, False, True, True, False])
    score = np.array([0.2, 0.1, 0.3, 0.8, 0.9, 0.7])

    assert script.auroc_within(group, good, score) == 3 / 4
    assert script.auroc(good, score) == 7 / 9


def test_a_group_of_one_class_has_no_pair(script):
    group = np.array([0, 0, 1, 1])
    good = np.array([True, True, True, False])

    assert script.auroc_within(group, good, np.array([0.0, 0.1, 0.9, 0.3])) == 1
    assert np.isnan(script.auroc(good[:2], np.zeros(2)))


class Rated:
    """As much of a rated recording as the folds look at."""

    def __init__(self, person, measures, good):
        self.person, self.measures, self.good = person, measures, good


def test_nobody_is_judged_by_a_fit_to_themselves(script, rng):
    """A person's score does not change with what is said of that person's recordings."""
    measures, good = examples(rng)
    people = [f"person {index // 4}" for index in range(len(good))]
    rated = [Rated(*one) for one in zip(people, measures, good, strict=True)]
    before = script.held_out_scores(rated, chosen=(0, 1))

    for one in rated:
        if one.person == "person 7":
            one.good = not one.good
    after = script.held_out_scores(rated, chosen=(0, 1))

    mine = np.array(people) == "person 7"
    fold = np.array([script.fold_of(one) == script.fold_of("person 7") for one in people])
    np.testing.assert_array_equal(after[mine], before[mine])
    assert (after[~fold] != before[~fold]).all()
    assert len({script.fold_of(one) for one in people}) == script.NUM_FOLDS
