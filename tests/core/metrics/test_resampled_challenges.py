"""The other challenges' scores on resamples: each resample by itself."""

import numpy as np
import pytest

from pahcl_core.metrics.bootstrap import bootstrap
from pahcl_core.metrics.challenge2016 import macc
from pahcl_core.metrics.pascal2011 import pascal_scores
from pahcl_core.metrics.resampled import ResampledMetrics

PASCAL = ("normal", "murmur", "extrasystole")


def columns_of(draws, num):
    """How often each unit is in each resample."""
    return np.stack([np.bincount(units, minlength=num) for units in draws], axis=1).astype(float)


def test_pascal_scores_of_a_resample(rng):
    """Against the scores of the units that the resample holds, repeated as often."""
    labels, rows = rng.integers(0, 3, 9), rng.dirichlet([1, 1, 1], 9)
    draws = [rng.integers(0, 9, 9) for _ in range(60)]

    found = ResampledMetrics(
        labels, rows, class_names=PASCAL, positive="murmur", challenge="pascal"
    )(columns_of(draws, 9))

    undefined = set()
    for column, units in enumerate(draws):
        expected = pascal_scores(labels[units], rows[units].argmax(axis=1), PASCAL, normal="normal")
        undefined |= set(expected.undefined)
        for name, value in expected.values.items():
            assert found[name][column] == pytest.approx(value, abs=1e-12)
        for name in expected.undefined:
            assert np.isnan(found[name][column])
    assert "discriminant_power" in undefined  # some resamples are perfect on one side


def test_macc_of_a_resample_is_the_official_one_where_nobody_is_unsure(rng):
    """The quality does not matter then, whatever it is."""
    labels, rows = np.arange(8) % 2, rng.dirichlet([1, 1], 8)
    good = rng.integers(0, 2, 8).astype(bool)
    draws = [units for units in rng.integers(0, 8, (40, 8)) if 0 < labels[units].sum() < 8]

    found = ResampledMetrics(
        labels, rows, class_names=("normal", "abnormal"), positive="abnormal",
        challenge="physionet2016",
    )(columns_of(draws, 8))["macc"]  # fmt: skip

    said = rows.argmax(axis=1) == 1
    expected = [macc(labels[u] == 1, said[u], ~said[u], good[u]) for u in draws]
    assert found.tolist() == pytest.approx(expected, abs=1e-12)


def test_an_undefined_macc_has_a_reason():
    found = bootstrap(
        np.array([1, 1]), np.eye(2), ["a", "b"], class_names=("normal", "abnormal"),
        positive="abnormal", challenge="physionet2016", names=["macc"], num_resamples=5,
    )["macc"]  # fmt: skip

    assert (found.value, found.undefined) == (None, "it is undefined for these units")
