"""Pairs of runs with a test set each, scored on the same draw of all persons."""

import numpy as np
import pytest

from oracles.resampling import quantile
from pahcl_core.metrics.paired import PairedRuns, paired_bootstrap

NAMES = {"class_names": ("no", "yes"), "positive": "yes"}


def a_fold(seed, persons):
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 2, len(persons))
    both = rng.dirichlet([1, 1], (2, len(persons)))
    return PairedRuns(labels=labels, probabilities=(both[0], both[1]), persons=persons)


def test_it_is_a_loop_over_draws_of_all_persons():
    """Two folds that share one person; a fold nobody of which is drawn leaves the draw out."""
    folds = [a_fold(0, ["a", "a", "b", "c"]), a_fold(1, ["c", "d", "d"])]

    found = paired_bootstrap(
        folds, names=["accuracy"], confidence=0.8, num_resamples=400, seed=2, **NAMES
    )["accuracy"]

    def apart(fold, often):
        """First less second, by counting."""
        weight = [often[person] for person in fold.persons]
        right = [
            [int(row[1] > row[0]) == label for row, label in zip(rows, fold.labels, strict=True)]
            for rows in fold.probabilities
        ]
        total = sum(weight)
        scores = [sum(w for w, hit in zip(weight, one, strict=True) if hit) for one in right]
        return (scores[0] - scores[1]) / total if total else None

    rng, drawn, people = np.random.default_rng(2), [], ["a", "b", "c", "d"]
    draws = [rng.integers(0, 4, (size, 4)) for size in (200, 200)]
    for draw in np.concatenate(draws):
        often = {person: int((draw == n).sum()) for n, person in enumerate(people)}
        each = [apart(fold, often) for fold in folds]
        if None not in each:
            drawn.append(sum(each) / 2)
    once = dict.fromkeys(people, 1)
    assert found.difference == pytest.approx(sum(apart(fold, once) for fold in folds) / 2)
    assert found.num == 4
    assert found.num_left_out == 400 - len(drawn) > 0
    assert found.low == pytest.approx(quantile(drawn, 0.1), abs=1e-12)
    assert found.high == pytest.approx(quantile(drawn, 0.9), abs=1e-12)


def test_what_cannot_be_paired_is_refused():
    with pytest.raises(ValueError, match="at least one pair of runs"):
        paired_bootstrap([], **NAMES)
    with pytest.raises(ValueError, match="2 persons for 3 units"):
        paired_bootstrap(
            [
                PairedRuns(
                    labels=np.array([0, 1, 1]), probabilities=(np.eye(2)[[0, 1, 1]],) * 2,
                    persons=["a", "b"],
                )
            ],
            **NAMES,
        )  # fmt: skip
