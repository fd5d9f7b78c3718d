"""Means by group, and patients who are positive where any recording is."""

import numpy as np
import pytest

from oracles import aggregation as by_loops
from pahcl_core.metrics.aggregation import mean_by, pool_any


def rows_of(num, classes=3, seed=0):
    """Random probabilities that add up to 1."""
    return np.random.default_rng(seed).dirichlet(np.ones(classes), size=num)


@pytest.mark.parametrize("seed", range(5))
def test_means_equal_loops(seed):
    """Groups of any size and number, in any order."""
    rng = np.random.default_rng(seed)
    group, rows = rng.choice([7, -2, 0, 31, 5, 1000], size=40), rows_of(40, seed=seed)

    groups, means = mean_by(group, rows)

    expected = by_loops.mean_by(group.tolist(), rows.tolist())
    assert groups.tolist() == list(expected)
    np.testing.assert_allclose(means, list(expected.values()), rtol=1e-12)


def test_means_by_hand():
    """A long recording has no more say than a short one: each becomes one row."""
    group = np.array([4, 2, 4, 4])
    rows = np.array([[0.2, 0.8], [0.5, 0.5], [0.4, 0.6], [0.9, 0.1]])

    groups, means = mean_by(group, rows)

    assert groups.tolist() == [2, 4]
    np.testing.assert_allclose(means, [[0.5, 0.5], [0.5, 0.5]])


def test_the_order_of_the_rows_does_not_matter():
    rng = np.random.default_rng(0)
    group, rows, order = rng.integers(0, 5, size=30), rows_of(30), rng.permutation(30)

    groups, means = mean_by(group, rows)
    same_groups, same_means = mean_by(group[order], rows[order])

    np.testing.assert_array_equal(groups, same_groups)
    np.testing.assert_allclose(means, same_means, rtol=1e-12)


def test_no_rows_are_no_groups():
    groups, means = mean_by(np.zeros(0, dtype=np.int64), np.zeros((0, 3)))

    assert groups.shape == (0,)
    assert means.shape == (0, 3)


def test_groups_and_rows_of_different_number_are_refused():
    with pytest.raises(ValueError, match="2 groups for 3 rows"):
        mean_by(np.array([0, 1]), rows_of(3))


@pytest.mark.parametrize("positive", range(3))
@pytest.mark.parametrize("num", [1, 2, 5])
def test_pooling_equals_loops(num, positive):
    rows = rows_of(num, seed=num)

    pooled = pool_any(rows, positive=positive)

    expected = by_loops.pool_any(rows.tolist(), positive)
    np.testing.assert_allclose(pooled, expected, rtol=1e-12)
    assert pooled.sum() == pytest.approx(1.0)


def test_pooling_by_hand():
    """Heard at one of two locations, 0.8; 0.2 is left, and the others stand 0.9 to 0.3."""
    rows = np.array([[0.05, 0.8, 0.15], [0.85, 0.0, 0.15]])

    np.testing.assert_allclose(pool_any(rows, positive=1), [0.15, 0.8, 0.05])


def test_a_murmur_at_one_location_is_not_averaged_away():
    """Three silent locations and one that is certain: the patient is Present, the mean is not."""
    rows = np.array([[0.9, 0.1]] * 3 + [[0.1, 0.9]])

    assert pool_any(rows, positive=1).argmax() == 1
    assert rows.mean(axis=0).argmax() == 0


def test_one_recording_is_the_patient():
    rows = rows_of(1)

    np.testing.assert_allclose(pool_any(rows, positive=0), rows[0], rtol=1e-12)


def test_where_all_are_certain_nothing_is_left_for_the_others():
    rows = np.array([[0.0, 1.0, 0.0]] * 2)

    np.testing.assert_array_equal(pool_any(rows, positive=1), [0.0, 1.0, 0.0])


def test_pooling_leaves_its_input_as_it_is():
    rows = rows_of(4)
    before = rows.copy()

    pool_any(rows, positive=1)

    np.testing.assert_array_equal(rows, before)
