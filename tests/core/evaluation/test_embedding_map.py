"""Embeddings on a plane: scikit-learn agrees, and the same seed gives the same picture."""

import numpy as np
import pytest
from sklearn.decomposition import PCA

from pahcl_core.errors import DataError
from pahcl_core.evaluation.embedding_map import plane_of, principal_plane


@pytest.fixture
def rows():
    rng = np.random.default_rng(1)
    return (rng.normal(size=(20, 6)) * [5, 3, 1, 1, 1, 1] + 7).astype(np.float32)


def test_components_are_those_of_scikit_learn(rows):
    found = plane_of(rows, "pca", seed=0)

    fitted = PCA(2, svd_solver="full")
    expected = fitted.fit_transform(rows.astype(np.float64))
    signs = np.sign((expected * found.points).sum(axis=0))
    np.testing.assert_allclose(found.points, expected * signs, atol=1e-6)
    first, second = fitted.explained_variance_ratio_
    assert found.axes == (
        f"component 1: {first:.0%} of the variance",
        f"component 2: {second:.0%} of the variance",
    )


def test_signs_do_not_depend_on_the_decomposition(rows):
    """The coordinate that a component leans on most counts as positive: here the first two."""
    found = principal_plane(rows).points

    centred = rows - rows.mean(axis=0)
    assert np.corrcoef(found[:, 0], centred[:, 0])[0, 1] > 0.9
    assert np.corrcoef(found[:, 1], centred[:, 1])[0, 1] > 0.9


def test_neighbours_are_the_same_from_the_same_seed(rows):
    """Two groups far apart stay apart."""
    rows[:10] += 100

    found = plane_of(rows, "tsne", seed=3)

    np.testing.assert_array_equal(found.points, plane_of(rows, "tsne", seed=3).points)
    between = np.linalg.norm(found.points[:10].mean(axis=0) - found.points[10:].mean(axis=0))
    within = max(
        np.linalg.norm(g - g.mean(axis=0), axis=1).mean() for g in np.split(found.points, 2)
    )
    assert between > within


@pytest.mark.parametrize("projection", ["pca", "tsne"])
def test_a_map_needs_three_points(rows, projection):
    with pytest.raises(DataError, match="three embeddings or more, and there are 2"):
        plane_of(rows[:2], projection, seed=0)
