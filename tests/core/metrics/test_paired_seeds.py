"""Two methods over several seeds, scored on the same resamples of persons."""

import numpy as np
import pytest

from oracles.resampling import quantile, resamples, scores_of
from pahcl_core.metrics.paired import PairedRuns, paired_bootstrap

NAMES = {"class_names": ("no", "yes"), "positive": "yes"}


def made_up(seed, shift, num=60):
    rng = np.random.default_rng(seed)
    labels = np.arange(num) % 2
    score = rng.normal(size=num) + shift * labels
    yes = 1 / (1 + np.exp(-score))
    return labels, np.column_stack([1 - yes, yes])


def over_seeds(labels, pairs, persons, **options):
    """Of the same units with each seed."""
    runs = [PairedRuns(labels=labels, probabilities=pair, persons=persons) for pair in pairs]
    return paired_bootstrap(runs, **options, **NAMES)


@pytest.fixture
def persons():
    return [f"p{number // 3}" for number in range(60)]


def test_it_is_what_a_loop_over_resamples_makes_of_the_means(persons):
    """Two seeds, every one of the metrics asked for, scored on the same persons."""
    labels = made_up(0, 0)[0]
    pairs = [(made_up(s, 1.5)[1], made_up(s + 10, 0.5)[1]) for s in range(2)]
    metrics = ["auroc", "accuracy", "sensitivity"]

    found = over_seeds(
        labels, pairs, persons, names=metrics, confidence=0.8, num_resamples=150, seed=11
    )

    drawn = resamples(persons, 150, np.random.default_rng(11))
    scored = [
        [scores_of(labels.tolist(), rows.tolist(), ("no", "yes"), 1, drawn) for rows in pair]
        for pair in pairs
    ]
    assert list(found) == metrics
    for name in metrics:
        apart = [
            np.mean([first[n][name] - second[n][name] for first, second in scored])
            for n in range(150)
        ]
        expected = (quantile(apart, 0.1), quantile(apart, 0.9))
        assert (found[name].low, found[name].high) == pytest.approx(expected, abs=1e-12)
        beyond = min(sum(d < 1e-9 for d in apart), sum(d > -1e-9 for d in apart))
        assert found[name].p == pytest.approx(min(1.0, 2 * (beyond + 1) / 151))


def test_the_difference_is_the_mean_over_seeds(persons):
    pairs = [(made_up(s, 1.5)[1], made_up(s + 10, 0.5)[1]) for s in range(3)]
    labels = made_up(0, 0)[0]

    whole = over_seeds(labels, pairs, persons, names=["auroc"], num_resamples=400)["auroc"]

    single = [
        over_seeds(labels, [pair], persons, names=["auroc"], num_resamples=400)["auroc"]
        for pair in pairs
    ]
    assert whole.difference == pytest.approx(np.mean([one.difference for one in single]))
    width = whole.high - whole.low
    assert width < max(one.high - one.low for one in single)  # seeds' own luck evens out


def test_the_same_method_twice_is_no_better_than_itself(persons):
    labels, good = made_up(0, 1.5)

    found = over_seeds(labels, [(good, good)] * 2, persons, names=["auroc"], num_resamples=100)[
        "auroc"
    ]

    assert (found.difference, found.low, found.high, found.p) == (0.0, 0.0, 0.0, 1.0)


def test_what_is_undefined_has_a_reason(persons):
    _, good = made_up(0, 1.5)

    found = over_seeds(
        np.zeros(60, dtype=np.int64), [(good, good)], persons, names=["auroc"], num_resamples=50,
    )["auroc"]  # fmt: skip

    assert found.difference is None
    assert "undefined" in found.undefined
