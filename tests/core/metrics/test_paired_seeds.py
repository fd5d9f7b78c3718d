"""Two methods over several seeds, scored on the same resamples of persons."""

import numpy as np
import pytest

from pahcl_core.metrics.paired import paired_bootstrap
from pahcl_core.metrics.paired_seeds import paired_bootstrap_over_seeds

NAMES = {"class_names": ("no", "yes"), "positive": "yes"}


def made_up(seed, shift, num=60):
    rng = np.random.default_rng(seed)
    labels = np.arange(num) % 2
    score = rng.normal(size=num) + shift * labels
    yes = 1 / (1 + np.exp(-score))
    return labels, np.column_stack([1 - yes, yes])


@pytest.fixture
def persons():
    return [f"p{number // 3}" for number in range(60)]


def test_of_one_seed_it_is_the_paired_bootstrap(persons):
    labels, good = made_up(0, 1.5)
    _, poor = made_up(1, 0.5)

    found = paired_bootstrap_over_seeds(
        labels, [(good, poor)], persons, name="auroc", num_resamples=500, **NAMES
    )

    expected = paired_bootstrap(
        labels, (good, poor), persons, names=["auroc"], num_resamples=500, **NAMES
    )
    assert found == expected["auroc"]


def test_the_difference_is_the_mean_over_seeds(persons):
    pairs = [(made_up(s, 1.5)[1], made_up(s + 10, 0.5)[1]) for s in range(3)]
    labels = made_up(0, 0)[0]

    whole = paired_bootstrap_over_seeds(
        labels, pairs, persons, name="auroc", num_resamples=400, **NAMES
    )

    single = [
        paired_bootstrap_over_seeds(
            labels, [pair], persons, name="auroc", num_resamples=400, **NAMES
        )
        for pair in pairs
    ]
    assert whole.difference == pytest.approx(np.mean([one.difference for one in single]))
    width = whole.high - whole.low
    assert width < max(one.high - one.low for one in single)  # seeds' own luck evens out


def test_the_same_method_twice_is_no_better_than_itself(persons):
    labels, good = made_up(0, 1.5)

    found = paired_bootstrap_over_seeds(
        labels, [(good, good)] * 2, persons, name="auroc", num_resamples=100, **NAMES
    )

    assert (found.difference, found.low, found.high, found.p) == (0.0, 0.0, 0.0, 1.0)


def test_what_is_undefined_has_a_reason(persons):
    _, good = made_up(0, 1.5)

    found = paired_bootstrap_over_seeds(
        np.zeros(60, dtype=np.int64), [(good, good)], persons, name="auroc", num_resamples=50,
        **NAMES,
    )  # fmt: skip

    assert found.difference is None
    assert "undefined" in found.undefined


def test_no_seed_is_refused(persons):
    with pytest.raises(ValueError, match="at least one seed"):
        paired_bootstrap_over_seeds(
            np.zeros(60, dtype=np.int64), [], persons, name="auroc", **NAMES
        )
