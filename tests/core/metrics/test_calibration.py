"""Calibration against the definitions, scikit-learn, a search over a grid, and by hand."""

import math

import numpy as np
import pytest
from sklearn.metrics import brier_score_loss

from oracles.calibration import (
    equal_mass_error,
    equal_width_error,
    mean_negative_log_probability,
)
from pahcl_core.metrics.calibration import brier, fit_temperature, reliability


def predictions(rng, num_units, num_classes):
    labels = rng.integers(0, num_classes, num_units)
    rows = rng.dirichlet(np.ones(num_classes), num_units)
    return labels, rows


@pytest.mark.parametrize("num_classes", [2, 3, 5])
@pytest.mark.parametrize("num_bins", [1, 7, 10, 15])
def test_the_error_of_equally_wide_bins_is_the_papers(rng, num_classes, num_bins):
    labels, rows = predictions(rng, 90, num_classes)
    confidence, right = rows.max(axis=1), rows.argmax(axis=1) == labels

    found = reliability(labels, rows, num_bins=num_bins, bins="equal_width")

    expected = equal_width_error(confidence.tolist(), right.tolist(), num_bins)
    assert found.error == pytest.approx(expected, rel=1e-12)
    assert found.count.sum() == 90


@pytest.mark.parametrize("num_bins", [1, 5, 10, 18, 90])
def test_the_error_of_bins_of_equally_many_units_is_that_of_pieces(rng, num_bins):
    """Those are the bins if nothing else is said."""
    labels, rows = predictions(rng, 90, 3)
    confidence, right = rows.max(axis=1), rows.argmax(axis=1) == labels

    found = reliability(labels, rows, num_bins=num_bins)

    expected = equal_mass_error(confidence.tolist(), right.tolist(), num_bins)
    assert found.error == pytest.approx(expected, rel=1e-12)
    assert found.count.tolist() == [90 // num_bins] * num_bins
    assert (np.diff(found.confidence) > 0).all()


def test_reliability_by_hand():
    """Ten answers given with 0.9, of which 7 are right, and ten with 0.6, of which 7 are right."""
    labels = np.array([0] * 7 + [1] * 3 + [0] * 7 + [1] * 3)
    rows = np.repeat([[0.9, 0.1], [0.6, 0.4]], 10, axis=0)

    for bins in ("equal_mass", "equal_width"):
        found = reliability(labels, rows, num_bins=5, bins=bins)

        assert found.confidence == pytest.approx([0.6, 0.9])
        assert found.accuracy == pytest.approx([0.7, 0.7])
        assert found.count.tolist() == [10, 10]
        assert found.error == pytest.approx((0.1 + 0.2) / 2)


def test_the_order_of_units_does_not_matter_to_ties(rng):
    labels, rows = predictions(rng, 60, 3)
    rows = rows.round(1)
    rows[:, 0] += 1 - rows.sum(axis=1)
    rows = np.abs(rows) / np.abs(rows).sum(axis=1, keepdims=True)
    order = rng.permutation(60)

    found, shuffled = reliability(labels, rows), reliability(labels[order], rows[order])

    assert len(np.unique(rows.max(axis=1))) < 30
    assert found.count.tolist() == shuffled.count.tolist()
    assert found.error == pytest.approx(shuffled.error, rel=1e-12)


@pytest.mark.parametrize(
    ("rows", "num_bins"),
    [
        ([[0.5, 0.3, 0.2], [0.45, 0.3, 0.25]], 10),
        ([[0.55, 0.45, 0.0], [0.545, 0.455, 0.0]], 100),  # 0.55 * 100 is above 55
    ],
)
def test_a_confidence_on_an_edge_is_in_the_bin_below_it(rows, num_bins):
    found = reliability(np.array([0, 0]), np.array(rows), num_bins=num_bins, bins="equal_width")

    assert found.count.tolist() == [2]


@pytest.mark.parametrize("num_classes", [2, 3, 4])
def test_brier_is_scikit_learns(rng, num_classes):
    labels, rows = predictions(rng, 50, num_classes)

    expected = brier_score_loss(labels, rows[:, 1] if num_classes == 2 else rows)
    assert brier(labels, rows) == pytest.approx(expected, rel=1e-12)


def test_brier_by_hand():
    """Sure and right is 0, sure and wrong 1 of two classes and 2 of three; one unit is enough."""
    assert brier(np.array([1]), np.array([[0.0, 1.0]])) == 0.0
    assert brier(np.array([0]), np.array([[0.0, 1.0]])) == 1.0
    assert brier(np.array([0]), np.array([[0.0, 1.0, 0.0]])) == 2.0
    assert brier(np.array([0]), np.array([[0.5, 0.3, 0.2]])) == pytest.approx(0.25 + 0.09 + 0.04)


@pytest.mark.parametrize("scale", [0.3, 1.0, 5.0])
def test_the_temperature_is_that_of_a_search(rng, scale):
    """Over a grid of a thousandth; logits that are too sure need more, others less."""
    logits = scale * rng.normal(size=(40, 3))
    labels = (logits / scale + rng.gumbel(size=(40, 3))).argmax(axis=1)

    found = fit_temperature(labels, logits).value

    grid = found * np.arange(0.95, 1.05, 0.001)
    losses = [mean_negative_log_probability(labels.tolist(), logits.tolist(), one) for one in grid]
    assert grid[int(np.argmin(losses))] == pytest.approx(found, rel=6e-4)
    everywhere = [
        mean_negative_log_probability(labels.tolist(), logits.tolist(), one)
        for one in np.geomspace(found / 100, found * 100, 61)
    ]
    assert int(np.argmin(everywhere)) == 30
    assert fit_temperature(labels, 10 * logits).value == pytest.approx(10 * found, rel=1e-8)


def test_the_temperature_by_hand():
    """Three of four answers with a lead of 1 are right: the odds of 3 are exp(1 / T)."""
    logits = np.tile([1.0, 0.0], (4, 1))

    found = fit_temperature(np.array([0, 0, 0, 1]), logits)

    assert found.value == pytest.approx(1 / math.log(3), rel=1e-9)
    assert not found.undefined


def test_large_logits_do_not_overflow():
    logits = 5000 * np.tile([1.0, 0.0], (4, 1))

    found = fit_temperature(np.array([0, 0, 0, 1]), logits)

    assert found.value == pytest.approx(5000 / math.log(3), rel=1e-9)


@pytest.mark.parametrize(
    ("labels", "logits", "reason"),
    [
        ([0, 1], [[1.0, 0.0], [0.0, 0.1]], "every answer is right"),
        ([0, 0], [[1.0, 0.0], [3.0, 0.0]], "every answer is right"),
        ([0], [[2.0, 1.0, 1.0]], "every answer is right"),
        ([1, 1, 0], [[1.0, 0.0], [1.0, 0.0], [1.0, 0.0]], "the logits are no better than chance"),
        ([0, 1], [[1.0, 0.0], [1.0, 0.0]], "the logits are no better than chance"),
        ([0, 1], [[0.5, 0.5], [2.0, 2.0]], "the logits of the classes do not differ"),
    ],
)
def test_there_is_not_always_a_temperature(labels, logits, reason):
    found = fit_temperature(np.array(labels), np.array(logits))

    assert found.value is None
    assert found.undefined.startswith(reason)


def test_an_answer_that_is_always_the_same_and_right_half_the_time_has_none():
    """However the sums are rounded: nothing is too high, and nothing is divided by 0."""
    for probability in np.linspace(0.51, 0.99, 49):
        for number in (2, 4, 6, 10):
            logits = np.log(np.tile([probability, 1 - probability], (number, 1)))

            found = fit_temperature(np.arange(number) % 2, logits)

            assert found.undefined.startswith("the logits are no better than chance"), probability


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: brier(np.zeros(0, int), np.zeros((0, 2))), "no units to calibrate on"),
        (lambda: brier(np.array([0]), np.eye(2)), "2 rows for 1 labels"),
        (lambda: brier(np.array([2, 0]), np.eye(2)), "labels must be 0 to 1, got 0 to 2"),
        (lambda: brier(np.array([-1, 0]), np.eye(2)), "labels must be 0 to 1, got -1 to 0"),
        (lambda: brier(np.array([0]), np.array([[0.6, 0.6]])), "rows of probabilities that add up"),
        (lambda: brier(np.array([0]), np.array([[-0.1, 0.6, 0.5]])), "rows of probabilities"),
        (
            lambda: reliability(np.array([0]), np.array([[np.nan, 0.5]])),
            "rows of probabilities",
        ),
        (
            lambda: reliability(np.array([0]), np.array([[1.0, 0.0]]), num_bins=0),
            "num_bins must be at least 1, got 0",
        ),
        (
            lambda: fit_temperature(np.array([0]), np.array([[np.inf, 0.0]])),
            "a temperature needs finite logits",
        ),
        (lambda: fit_temperature(np.zeros(0, int), np.zeros((0, 2))), "no units to calibrate on"),
    ],
)
def test_what_cannot_be_calibrated_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()
