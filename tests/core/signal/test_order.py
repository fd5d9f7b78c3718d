"""The median is NumPy's, whatever the numbers."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pahcl_core.signal.order import median


def numbers(kind, size):
    """Some for which a few do not stand for all."""
    rng = np.random.default_rng(size)
    return {
        "random": rng.normal(size=size),
        "ascending": np.arange(size),
        "equal": np.full(size, 2.5),
        "two values": rng.integers(0, 2, size),
        "mostly zero": np.where(rng.random(size) < 0.7, 0.0, rng.normal(size=size)),
        "every sixteenth is large": np.where(np.arange(size) % 16 == 0, 100.0, rng.random(size)),
        "every sixteenth is small": np.where(np.arange(size) % 16 == 0, -9.0, rng.random(size)),
        "infinite": np.where(rng.random(size) < 0.7, np.inf, 0.0),
    }[kind].astype(np.float32)


@pytest.mark.parametrize("size", [1, 2, 3, 4095, 4096, 4097, 52_000, 52_001])
@pytest.mark.parametrize(
    "kind",
    [
        "random",
        "ascending",
        "equal",
        "two values",
        "mostly zero",
        "every sixteenth is large",
        "every sixteenth is small",
        "infinite",
    ],
)
def test_equals_numpys(kind, size):
    values = numbers(kind, size)

    assert median(values) == np.median(values)


@given(
    st.lists(st.floats(-(2.0**99), 2.0**99, width=32), min_size=1, max_size=40),
    st.integers(1, 600),
)
def test_equals_numpys_for_any_few_and_many(some, times):
    values = np.resize(np.array(some, dtype=np.float32), len(some) * times)

    assert median(values) == np.median(values)


def test_the_values_are_left_alone(rng):
    values = rng.normal(size=10_000)
    before = values.copy()

    median(values)

    np.testing.assert_array_equal(values, before)
