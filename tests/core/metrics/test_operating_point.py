"""From which probability on: every way to part units by their score, and the best of them."""

import numpy as np
import pytest
from sklearn.metrics import roc_curve

from pahcl_core.metrics.operating_point import best_threshold, said_at, thresholds


def test_the_positive_class_from_the_threshold_on_else_the_best_of_the_others():
    rows = np.array([[0.5, 0.3, 0.2], [0.1, 0.2, 0.7], [0.3, 0.31, 0.39], [0.35, 0.3, 0.35]])

    assert said_at(rows, positive=1, threshold=0.3).tolist() == [1, 2, 1, 1]
    assert said_at(rows, positive=1, threshold=0.31).tolist() == [0, 2, 1, 0]
    assert said_at(rows, positive=1, threshold=0.0).tolist() == [1] * 4
    assert said_at(rows, positive=0, threshold=0.4).tolist() == [0, 2, 2, 2]


def test_candidates_part_the_units_in_every_way():
    scores = np.array([0.2, 0.8, 0.2, 0.4])

    found = thresholds(scores)

    assert found.tolist() == pytest.approx([0.0, 0.3, 0.6, 0.9])
    assert [(scores >= one).sum() for one in found] == [4, 2, 1, 0]


def test_of_two_floats_without_one_between_the_upper_parts_them():
    low = 0.3
    high = np.nextafter(low, 1.0)

    found = thresholds(np.array([low, high]))

    assert found[1] == high
    assert [(np.array([low, high]) >= one).sum() for one in found] == [2, 1, 0]


def test_what_has_probability_1_is_always_positive():
    found = thresholds(np.array([1.0, 0.5]))

    assert found.tolist() == [0.0, 0.75]


@pytest.mark.parametrize("seed", range(5))
def test_the_best_by_youden_is_that_of_the_curve(seed):
    """scikit-learn's ROC curve has the highest TPR - FPR; ties in the scores included."""
    rng = np.random.default_rng(seed)
    true = rng.random(40) < 0.4
    score = np.round(np.clip(0.3 * true + rng.random(40) * 0.7, 0, 1), 1)

    def youden(said):
        return said[true].mean() - said[~true].mean()

    threshold, worth = best_threshold(np.column_stack([1 - score, score]), positive=1, worth=youden)

    away, hit, _ = roc_curve(true, score, drop_intermediate=False)
    assert worth == pytest.approx((hit - away).max())
    said = score >= threshold
    assert said[true].mean() - said[~true].mean() == pytest.approx(worth)


def test_of_equals_the_one_nearest_to_a_half_then_the_lower():
    rows = np.array([[0.8, 0.2], [0.6, 0.4], [0.4, 0.6], [0.2, 0.8]])

    assert best_threshold(rows, positive=1, worth=lambda said: 1.0) == (0.5, 1.0)
    ends = {0: 1.0, 4: 1.0}  # nobody is said to be positive, or everybody: 0.9 is nearer than 0
    found, _ = best_threshold(rows, positive=1, worth=lambda said: ends.get(said.sum(), 0.0))
    assert found == pytest.approx(0.9)
    middle = {3: 1.0 + 1e-15, 1: 1.0}  # 0.3 and 0.7, which differ by no more than rounding
    found, _ = best_threshold(rows, positive=1, worth=lambda said: middle.get(said.sum(), 0.0))
    assert found == pytest.approx(0.3)
