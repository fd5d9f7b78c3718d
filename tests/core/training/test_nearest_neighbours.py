"""Votes of neighbours: against the definition, by hand, and never of the same person."""

import numpy as np
import pytest

from oracles import representation as oracle
from pahcl_core.errors import SettingError
from pahcl_core.training.nearest_neighbours import MonitorConfig, votes


@pytest.mark.parametrize("neighbours", [1, 3, 8, 100])
@pytest.mark.parametrize("num_classes", [2, 4])
def test_votes_equal_the_definition(rng, neighbours, num_classes):
    points = rng.normal(size=(30, 5))
    labels = rng.integers(0, num_classes, 30)
    person = rng.integers(0, 9, 30)

    found = votes(points, labels, person, num_classes=num_classes, neighbours=neighbours)

    expected = oracle.votes(points, labels, person, num_classes, neighbours)
    assert found == pytest.approx(np.array(expected), rel=1e-9)


def test_votes_by_hand():
    """At a right angle to one and opposite to another: weights 1 and exp(-1 / 0.07)."""
    points = np.array([[1.0, 0.0], [0.0, 3.0], [-2.0, 0.0]])

    found = votes(points, np.array([0, 1, 0]), np.arange(3), num_classes=2, neighbours=2)

    far = np.exp(-1 / 0.07)
    assert found[0] == pytest.approx([far / (1 + far), 1 / (1 + far)])


def test_nobody_votes_on_their_own(rng):
    """Two persons, each with recordings that are alike and of one class: the other's class wins."""
    points = np.repeat([[1.0, 0.1], [0.1, 1.0]], 3, axis=0)
    labels = np.repeat([0, 1], 3)

    found = votes(points, labels, np.repeat([5, 9], 3), num_classes=2, neighbours=20)

    assert found.argmax(axis=1).tolist() == [1, 1, 1, 0, 0, 0]
    assert found.max(axis=1).tolist() == [1.0] * 6


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"task": "circor_murmer"}, SettingError, "no task named 'circor_murmer', did you mean"),
        ({"neighbours": 0}, ValueError, "neighbours must be at least 1, got 0"),
    ],
)
def test_senseless_settings_are_refused(changes, error, message):
    with pytest.raises(error, match=message):
        MonitorConfig(**changes)
