"""Cycles from annotated states, and from the sound alone."""

import numpy as np
import pytest
from pahcl_core.signal.cycles import cycles_from_states
from pahcl_core.signal.envelope import shannon_envelope
from pahcl_core.signal.segmentation import cycles_from_envelope

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


def test_the_envelope_of_a_constant_tone_is_the_shannon_energy_of_its_size():
    """|x| = 1 everywhere but at the scale: -x² log x² of 0.5 is 0.25 log 4 = 0.3466."""
    samples = np.full(4000, 0.5, dtype=np.float32)
    samples[::50] = 1.0  # sets the scale, and has itself no Shannon energy

    envelope = shannon_envelope(samples, sample_rate=2000, frame_rate=100, width_s=0.05)

    assert len(envelope) == 200
    np.testing.assert_allclose(envelope[5:-5], 0.98 * 0.25 * np.log(4), rtol=1e-6)


def test_the_envelope_of_silence_is_zero():
    silence = np.zeros(2000, dtype=np.float32)

    assert not shannon_envelope(silence, sample_rate=2000, frame_rate=100, width_s=0.05).any()


def heartbeat(rng, *, period_s, systole_s, seconds=20.0, rate=2000, noise=0.02):
    """Damped 50 Hz and 70 Hz bursts in noise; returns samples and the centres of S1 and S2."""
    time = np.arange(int(seconds * rate)) / rate
    samples = noise * rng.normal(size=len(time))
    first = np.arange(0.3, seconds - systole_s - 0.1, period_s)
    for onset in first:
        for at, pitch, size in ((onset, 50, 1.0), (onset + systole_s, 70, 0.7)):
            samples += (
                size * np.exp(-(((time - at) / 0.03) ** 2)) * np.sin(2 * np.pi * pitch * time)
            )
    return samples.astype(np.float32), first, first + systole_s


@pytest.mark.parametrize(
    ("period_s", "systole_s"), [(0.55, 0.23), (0.75, 0.28), (0.9, 0.32), (1.2, 0.36)]
)
def test_beats_are_found_without_an_annotation(rng, period_s, systole_s):
    """From 50 to 110 beats a minute: each S1 and S2 within 50 ms, and nothing besides."""
    samples, first, second = heartbeat(rng, period_s=period_s, systole_s=systole_s)

    bounds_s = cycles_from_envelope(samples, sample_rate=2000).bounds_s

    s1, s2 = bounds_s[:, 0:2].mean(axis=1), bounds_s[:, 2:4].mean(axis=1)
    assert len(bounds_s) >= len(first) - 3
    assert np.abs(s1[:, None] - first).min(axis=1).max() < 0.05
    assert np.abs(s2[:, None] - second).min(axis=1).max() < 0.05
    assert np.diff(s1).max() < 1.1 * period_s


def test_a_knock_does_not_derail_the_beats(rng):
    samples, first, _ = heartbeat(rng, period_s=0.8, systole_s=0.3)
    samples[20_000:20_200] += 30 * rng.normal(size=200).astype(np.float32)

    s1 = cycles_from_envelope(samples, sample_rate=2000).bounds_s[:, 0:2].mean(axis=1)

    off = np.abs(s1[:, None] - first).min(axis=1)
    assert (off < 0.05).mean() > 0.85


@pytest.mark.parametrize("samples", [np.zeros(20_000), np.ones(3000)], ids=["silent", "short"])
def test_what_cannot_beat_has_no_cycles(samples):
    assert len(cycles_from_envelope(samples.astype(np.float32), sample_rate=2000)) == 0
