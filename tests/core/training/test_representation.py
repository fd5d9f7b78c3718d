"""How embeddings lie in space: against the papers, by hand, and what counts as collapse."""

import math
import re

import numpy as np
import pytest

from oracles import representation as oracle
from pahcl_core.training.representation import (
    CollapseWatch,
    alignment,
    collapse,
    deviation,
    effective_rank,
    retrieval,
    spread,
    uniformity,
)

ONE = np.tile(np.eye(8)[0], (50, 1))
CORNERS = np.vstack([np.eye(3), -np.eye(3)])


@pytest.mark.parametrize(("num", "dims"), [(2, 3), (7, 4), (12, 5)])
def test_figures_equal_the_papers(rng, num, dims):
    """Of rows of any length."""
    first, second = rng.normal(0.5, 1, (2, num, dims))

    assert alignment(first, second) == pytest.approx(oracle.alignment(first, second), rel=1e-12)
    assert uniformity(first) == pytest.approx(oracle.uniformity(first), rel=1e-12)
    # Its square roots of variances are half as exact as singular values.
    assert effective_rank(first) == pytest.approx(oracle.effective_rank(first), rel=1e-5)


def test_figures_by_hand():
    """The six corners of an octahedron: 12 of 15 pairs are 2 apart, squared, and 3 are 4 apart."""
    assert alignment(CORNERS, 5 * CORNERS) == 0.0
    assert alignment(CORNERS, -CORNERS) == pytest.approx(4.0)
    expected = math.log((12 * math.exp(-4) + 3 * math.exp(-8)) / 15)
    assert uniformity(CORNERS) == pytest.approx(expected)
    assert effective_rank(CORNERS) == pytest.approx(3.0)
    assert spread(CORNERS) == pytest.approx(1.0)
    assert deviation(CORNERS) == pytest.approx(1 / math.sqrt(3))


def test_directions_alone_matter(rng):
    points = rng.normal(size=(9, 4))
    longer = points * rng.uniform(0.1, 10, (9, 1))

    for figure in (uniformity, effective_rank, spread, deviation):
        assert figure(longer) == pytest.approx(figure(points), rel=1e-9)
    assert alignment(longer, points) == pytest.approx(0.0, abs=1e-12)


def test_one_point_is_neither_spread_nor_of_a_rank():
    points = np.tile([0.3, -0.4, 1.2], (8, 1)) * np.arange(1, 9)[:, None]

    assert uniformity(points) == pytest.approx(0.0, abs=1e-12)
    assert spread(points) == pytest.approx(0.0, abs=1e-12)
    assert deviation(points) == pytest.approx(0.0, abs=1e-12)
    assert effective_rank(points) is None
    assert effective_rank(np.zeros((8, 3))) is None
    assert uniformity(points[:1]) is None


def test_a_line_has_rank_one():
    """Two directions, so that what varies is the way from one to the other."""
    points = np.repeat([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]], 5, axis=0)

    assert effective_rank(points) == pytest.approx(1.0, abs=1e-5)


@pytest.mark.parametrize("seed", range(4))
def test_retrieval_equals_asking_view_by_view(seed):
    rng = np.random.default_rng(seed)
    first = rng.normal(size=(15, 3))
    second = first + rng.normal(0, 0.4, (15, 3))
    person = rng.integers(0, 6, 15)

    found = retrieval(first, second, person)

    assert 0.2 < found < 1
    assert found == pytest.approx(oracle.retrieval(first, second, person.tolist()), rel=1e-12)


def test_retrieval_of_one_point_is_none_and_of_one_person_all(rng):
    person = np.arange(4)
    points = rng.normal(size=(4, 3))

    assert retrieval(np.ones((4, 3)), np.ones((4, 3)), person) == 0.0
    assert retrieval(points, points, person) == 1.0
    assert retrieval(points, -points, np.zeros(4, dtype=np.int64)) == 1.0  # nobody to mistake


def along(rank, num=200, dims=64, seed=0):
    """Points that vary evenly along so many axes, around a common direction."""
    rng = np.random.default_rng(seed)
    points = np.zeros((num, dims))
    points[:, :rank] = rng.normal(size=(num, rank))
    points[:, -1] = 10.0
    return points


@pytest.mark.parametrize(
    ("points", "verdict"),
    [
        (ONE, r"are one point \(spread 0.0e\+00 of 1\)"),
        (np.zeros((50, 8)), "are one point"),
        (along(1), r"vary in few dimensions \(effective rank 1\.\d of 64\)"),
        (along(3), r"vary in few dimensions \(effective rank [23]\.\d of 64\)"),
        (along(8), ""),
        (along(40), ""),
        (along(1, dims=4), r"vary in few dimensions \(effective rank 1\.\d of 4\)"),
        (along(3, dims=4), ""),
        (along(2, num=6, dims=64), ""),
        (np.ones((2, 8)), ""),
        (np.ones((0, 8)), ""),
    ],
)
def test_what_counts_as_collapse(points, verdict):
    """A sixteenth of the dimensions, or of the points less 1; two points are too few to tell."""
    found = collapse(points)

    assert bool(found) == bool(verdict)
    if verdict:
        assert re.match(verdict, found)


@pytest.mark.parametrize(("angle", "is_one_point"), [(0.001, True), (0.01, False)])
def test_how_close_is_one_point(angle, is_one_point):
    """Directions all around a common one, at an angle to it: a spread of its square."""
    rng = np.random.default_rng(0)
    around = rng.normal(size=(300, 20))
    around *= angle / np.linalg.norm(around, axis=1, keepdims=True)
    points = np.hstack([around, np.ones((300, 1))])

    assert spread(points) == pytest.approx(angle**2, rel=0.02)
    assert collapse(points).startswith("are one point") == is_one_point


def test_a_collapse_is_said_once_and_again_if_it_comes_again():
    watch = CollapseWatch()
    good, bad = along(40), ONE
    said = [
        watch.news({"projections": projections, "embeddings": embeddings})
        for projections, embeddings in [
            (good, good), (bad, good), (bad, bad), (good, bad), (bad, bad), (bad, bad),
        ]
    ]  # fmt: skip

    assert [[one.split()[0] for one in news] for news in said] == [
        [], ["projections"], ["embeddings"], [], ["projections"], [],
    ]  # fmt: skip
    assert said[1] == ["projections are one point (spread 0.0e+00 of 1)"]
    assert watch.num_collapsed == 2
    watch.news({"projections": good, "embeddings": bad})
    assert watch.num_collapsed == 1
