"""Cycles from annotated states."""

import numpy as np
import pytest

from pahcl_core.signal.cycles import Cycles, cycles_from_states

STATES = (1, 2, 3, 4)


def annotation(rows):
    start, end, state = (np.array(column) for column in zip(*rows, strict=True))
    return start.astype(float), end.astype(float), state.astype(np.int64)


def beats(num_cycles, *, start=0.0, durations=(0.12, 0.2, 0.1, 0.3)):
    """Rows of so many regular cycles."""
    rows, now = [], start
    for _ in range(num_cycles):
        for state, duration in zip(STATES, durations, strict=True):
            rows.append((now, now + duration, state))
            now += duration
    return rows


def test_every_complete_cycle_is_found():
    """Two cycles by hand: the bounds are the onsets of the states and the end of the diastole."""
    cycles = cycles_from_states(*annotation(beats(2, start=0.5)))

    np.testing.assert_allclose(
        cycles.bounds_s, [[0.5, 0.62, 0.82, 0.92, 1.22], [1.22, 1.34, 1.54, 1.64, 1.94]]
    )


def test_what_is_cut_off_or_unlabelled_is_left_out():
    """A diastole at the beginning, a gap, an unlabelled stretch, a systole at the end."""
    rows = beats(4)
    first_diastole, rest = rows[3:4], rows[4:]
    rows = [
        *first_diastole,
        *rest[:4],
        (1.44, 2.0, 0),
        *beats(1, start=2.0),
        *beats(1, start=5.0)[:2],
    ]

    cycles = cycles_from_states(*annotation(rows))

    np.testing.assert_allclose(cycles.bounds_s[:, 0], [0.72, 2.0])


def test_a_gap_inside_a_cycle_breaks_it():
    rows = beats(1)
    rows[2] = (rows[2][0] + 0.02, rows[2][1], 3)

    assert len(cycles_from_states(*annotation(rows))) == 0


def test_an_empty_annotation_has_no_cycles():
    empty = np.zeros(0)

    assert cycles_from_states(empty, empty, empty.astype(np.int64)).bounds_s.shape == (0, 5)


def test_the_heart_rate_is_that_of_the_median_length():
    """By hand: of lengths 0.5, 0.6 and 2 s the median gives 100 beats a minute."""
    ends_s = np.array([0.5, 1.1, 3.1])
    starts_s = np.array([0.0, 0.5, 1.1])
    bounds_s = starts_s[:, None] + (ends_s - starts_s)[:, None] * np.linspace(0, 1, 5)

    assert Cycles(bounds_s=bounds_s).heart_rate_bpm == pytest.approx(100.0)
    assert Cycles(bounds_s=np.zeros((0, 5))).heart_rate_bpm is None
