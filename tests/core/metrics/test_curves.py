"""ROC and precision-recall curves, against plain loops over every threshold."""

import itertools

import numpy as np
import pytest

from pahcl_core.metrics.classification import classification_metrics
from pahcl_core.metrics.curves import precision_recall_curve, roc_curve


@pytest.fixture
def units():
    rng = np.random.default_rng(3)
    true = rng.random(60) < 0.4
    probabilities = np.round(np.clip(rng.normal(0.4 + 0.25 * true, 0.2), 0, 1), 2)  # with ties
    return true, probabilities


def at_every_threshold(true, probabilities):
    """Share of false alarms, sensitivity and precision, by hand."""
    found = []
    for threshold in sorted(set(probabilities.tolist()), reverse=True):
        hits = sum(1 for t, p in zip(true, probabilities, strict=True) if t and p >= threshold)
        alarms = sum(
            1 for t, p in zip(true, probabilities, strict=True) if not t and p >= threshold
        )
        found.append((alarms / (~true).sum(), hits / true.sum(), hits / (hits + alarms)))
    return found


def test_every_point_of_the_roc_is_a_threshold_and_its_area_is_the_auroc(units):
    true, probabilities = units
    curve = roc_curve(true, probabilities)
    by_hand = {(round(x, 9), round(y, 9)) for x, y, _ in at_every_threshold(true, probabilities)}

    points = list(zip(curve.x.round(9).tolist(), curve.y.round(9).tolist(), strict=True))
    assert points[0] == (0, 0)
    assert points[-1] == (1, 1)
    assert set(points[1:]) <= by_hand
    area = sum((x1 - x0) * (y1 + y0) / 2 for (x0, y0), (x1, y1) in itertools.pairwise(points))
    assert area == pytest.approx(auc_of(true, probabilities, "auroc"), abs=1e-8)


def test_every_point_of_precision_and_recall_is_a_threshold_and_its_mean_the_auprc(units):
    true, probabilities = units
    curve = precision_recall_curve(true, probabilities)
    by_hand = [(y, p) for _, y, p in at_every_threshold(true, probabilities)]

    assert curve.x[0] == 0
    assert curve.y[0] == 1
    assert np.column_stack([curve.x, curve.y])[1:] == pytest.approx(np.array(by_hand))
    mean = sum(
        (x1 - x0) * y1 for x0, x1, y1 in zip(curve.x[:-1], curve.x[1:], curve.y[1:], strict=True)
    )
    assert mean == pytest.approx(auc_of(true, probabilities, "auprc"))


def auc_of(true, probabilities, name):
    rows = np.column_stack([1 - probabilities, probabilities])
    scores = classification_metrics(
        true.astype(np.int64), rows, class_names=("no", "yes"), positive="yes"
    )
    return scores.values[name]


@pytest.mark.parametrize("curve", [roc_curve, precision_recall_curve])
@pytest.mark.parametrize("value", [True, False])
def test_where_all_are_alike_there_is_no_curve(curve, value):
    assert curve(np.full(4, value), np.array([0.1, 0.2, 0.3, 0.4])) is None
