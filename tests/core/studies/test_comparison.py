"""From what was said of each unit to a table, against scikit-learn and by hand."""

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from pahcl_core.data.tasks import TASKS
from pahcl_core.studies.comparison import compared, difference
from pahcl_core.studies.probing import Probed, Said

TASK = TASKS["physionet2016"]
PASCAL = TASKS["pascal"]
NUM = 40


def said(abnormal, *, names=None, labels=None):
    """Every other unit is abnormal, so that `abnormal` is what was said of each."""
    names = [f"r{n}" for n in range(len(abnormal))] if names is None else names
    labels = [n % 2 for n in range(len(abnormal))] if labels is None else labels
    return Said(
        subjects=tuple(names),
        persons=tuple(f"person of {name}" for name in names),
        labels=tuple(labels),
        probabilities=tuple((1 - float(p), float(p)) for p in abnormal),
    )


def guesses(seed, *, better=0.0):
    rng = np.random.default_rng(seed)
    return rng.normal(0.5, 0.1, NUM) + better * (np.arange(NUM) % 2)


def probed(one, task=TASK):
    return Probed(said={task.name: one}, refused={}, provenance="synthetic", seconds=1.0)


def area(abnormal):
    return roc_auc_score(np.arange(NUM) % 2, abnormal)


def test_a_row_is_the_mean_over_seeds():
    scores = {seed: guesses(seed) for seed in (1, 2, 3)}

    (row,) = compared("base", {"base": {s: probed(said(p)) for s, p in scores.items()}}, [TASK])

    areas = [area(scores[seed]) for seed in (1, 2, 3)]
    assert row.by_seed == pytest.approx(dict(zip((1, 2, 3), areas, strict=True)))
    assert row.mean == pytest.approx(sum(areas) / 3)
    assert row.spread == pytest.approx(np.sqrt(sum((a - np.mean(areas)) ** 2 for a in areas) / 2))
    assert (row.variant, row.task, row.num_units) == ("base", "physionet2016", NUM)
    assert row.difference is None
    assert row.num_better is None
    assert row.undefined == ""


def test_three_classes_have_the_mean_of_their_areas():
    rng = np.random.default_rng(4)
    labels, rows = np.arange(30) % 3, rng.dirichlet(np.ones(3), 30)
    one = Said(
        subjects=tuple(map(str, range(30))),
        persons=tuple(map(str, range(30))),
        labels=tuple(labels.tolist()),
        probabilities=tuple(map(tuple, rows.tolist())),
    )

    (row,) = compared("base", {"base": {0: probed(one, PASCAL)}}, [PASCAL])

    expected = np.mean([roc_auc_score(labels == c, rows[:, c]) for c in range(3)])
    assert row.mean == pytest.approx(expected)
    assert row.spread is None


def test_a_difference_is_that_of_runs_with_the_same_seed():
    """Over the seeds that both have: 2 and 3."""
    base = {seed: guesses(seed) for seed in (1, 2, 3)}
    other = {seed: guesses(10 + seed, better=0.1) for seed in (2, 3, 4)}

    rows = compared(
        "base",
        {
            "base": {s: probed(said(p)) for s, p in base.items()},
            "other": {s: probed(said(p)) for s, p in other.items()},
        },
        [TASK],
    )

    apart = rows[1].difference
    both = [area(other[seed]) - area(base[seed]) for seed in (2, 3)]
    assert apart.difference == pytest.approx(np.mean(both))
    assert apart.low < apart.difference < apart.high
    assert apart.num == NUM
    assert rows[1].num_better == sum(one > 0 for one in both)
    assert list(rows[1].by_seed) == [2, 3, 4]


def test_what_is_better_is_above_and_what_is_equal_is_not():
    plain, good = guesses(1), guesses(1, better=0.3)

    apart = difference({0: said(good)}, {0: said(plain)}, TASK)
    same = difference({0: said(plain)}, {0: said(plain)}, TASK)

    assert apart.low > 0
    assert apart.p == pytest.approx(2 / 10_001)
    assert (same.difference, same.low, same.high, same.p) == (0, 0, 0, 1)


def test_units_that_only_one_has_are_left_out_whatever_their_order():
    """Of the first the last two are missing, the second has them in another order."""
    one, other = guesses(1), guesses(2)
    order = np.random.default_rng(0).permutation(NUM)
    names = [f"r{n}" for n in order]
    first = said(one[: NUM - 2])
    second = said(other[order], names=names, labels=[int(n % 2) for n in order])

    apart = difference({0: first}, {0: second}, TASK)

    both, labels = slice(0, NUM - 2), np.arange(NUM - 2) % 2
    assert apart.num == NUM - 2
    assert apart.difference == pytest.approx(
        roc_auc_score(labels, one[both]) - roc_auc_score(labels, other[both])
    )


@pytest.mark.parametrize(
    ("first", "second", "reason"),
    [
        ({1: said(guesses(1))}, {2: said(guesses(2))}, "no seed was completed by both"),
        ({}, {2: said(guesses(2))}, "no seed was completed by both"),
        ({1: said(guesses(1)[:2], names="ab")}, {1: said(guesses(1)[:2], names="cd")}, "no one in"),
    ],
)
def test_what_cannot_be_compared_says_why(first, second, reason):
    apart = difference(first, second, TASK)

    assert apart.difference is None
    assert reason in apart.undefined


def test_no_figure_is_made_up():
    refused = Probed(said={}, refused={TASK.name: "too few"}, provenance="real", seconds=None)
    alike = probed(said(guesses(1)[:6], labels=[1] * 6))

    rows = compared("base", {"base": {}, "few": {1: refused}, "one": {1: alike}}, [TASK])

    assert [row.mean for row in rows] == [None, None, None]
    assert [row.undefined for row in rows] == [
        "no run was completed", "too few", "only one class occurs",
    ]  # fmt: skip
    assert [row.num_units for row in rows] == [0, 0, 6]


def test_tasks_come_one_after_the_other():
    one = Probed(
        said={TASK.name: said(guesses(1))}, refused={}, provenance="synthetic", seconds=None
    )

    rows = compared("base", {"base": {1: one}, "other": {1: one}}, [PASCAL, TASK])

    assert [(row.task, row.variant) for row in rows] == [
        ("pascal", "base"), ("pascal", "other"),
        ("physionet2016", "base"), ("physionet2016", "other"),
    ]  # fmt: skip
