"""Cycles from the sound alone: where the beats are known, and where there are none."""

import numpy as np
import pytest

from pahcl_core.data.synthesis import RecordingProfile, SystolicMurmur, synthesise_recording
from pahcl_core.signal.filtering import resample
from pahcl_core.signal.segmentation import cycles_from_envelope

RATE = 2000
S1_S, S2_S = 0.122, 0.092  # mean durations: Schmidt et al. 2010, table 1
MURMUR = SystolicMurmur(timing="Holosystolic", shape="Plateau", pitch="Medium", level=0.15)


def heartbeat(*, period_s=0.8, systole_s=0.3, seconds=16.0, first_s=0.5, second=0.7, noise=0.01):
    """Tones that swell and fade, in noise, and the instants in the middle of each first one."""
    time = np.arange(round(seconds * RATE)) / RATE
    samples = noise * np.random.default_rng(0).normal(size=len(time))
    first = np.arange(first_s, seconds - systole_s - 0.2, period_s)
    for centre_s in first:
        for at, pitch_hz, size in ((centre_s, 50, 1.0), (centre_s + systole_s, 70, second)):
            swell = np.exp(-(((time - at) / 0.03) ** 2))
            samples += size * swell * np.sin(2 * np.pi * pitch_hz * time)
    return samples.astype(np.float32), first


def cycles_of(samples, *, sample_rate=RATE):
    """Bounds of the cycles found."""
    return cycles_from_envelope(samples, sample_rate=sample_rate).bounds_s


def centres(bounds_s):
    """Of S1 and of S2."""
    return bounds_s[:, 0:2].mean(axis=1), bounds_s[:, 2:4].mean(axis=1)


def distance_s(found_s, true_s):
    """From each instant found to the nearest true one."""
    return np.abs(found_s[:, None] - true_s).min(axis=1)


@pytest.mark.parametrize("murmur", [None, MURMUR], ids=["silent", "murmur"])
@pytest.mark.parametrize("noise", [0.03, 0.1])
@pytest.mark.parametrize("heart_rate_bpm", [45.0, 60.0, 75.0, 90.0])
def test_synthetic_sounds_begin_where_they_are_found(heart_rate_bpm, noise, murmur):
    """Rates that vary from beat to beat: each S1 and S2 within 65 ms, two missed at the most."""
    profile = RecordingProfile(
        duration_s=12.0, heart_rate_bpm=heart_rate_bpm, noise=noise, murmur=murmur
    )
    for seed in range(4):
        samples, rate, states = synthesise_recording(profile, np.random.default_rng(seed))
        bounds_s = cycles_of(resample(samples, from_rate=rate, to_rate=RATE))

        s1, s2 = (states.start_s[states.state == state] for state in (1, 3))
        # The states tell of whole beats only, and the first one may be cut.
        inner = bounds_s[(bounds_s[:, 0] > s1[0] - 0.065) & (bounds_s[:, 0] < s1[-1] + 0.065)]
        assert len(s1) - 2 <= len(inner) <= len(s1)
        assert distance_s(inner[:, 0], s1).max() < 0.065
        assert distance_s(inner[:, 2], s2).max() < 0.065


@pytest.mark.parametrize("to_rate", [400, 1000, 4000])
def test_the_sample_rate_does_not_matter(to_rate):
    """Within three frames of a hundredth of a second."""
    samples, _ = heartbeat()

    resampled = cycles_of(resample(samples, from_rate=RATE, to_rate=to_rate), sample_rate=to_rate)

    np.testing.assert_allclose(resampled, cycles_of(samples), atol=0.031)


@pytest.mark.parametrize(
    ("period_s", "systole_s"),
    [(0.5, 0.2), (0.6, 0.24), (0.8, 0.3), (1.0, 0.33), (1.3, 0.36)],
)
def test_a_steady_beat_is_found_to_two_frames(period_s, systole_s):
    """From 46 to 120 a minute: each beat once, but for one at either end."""
    samples, first = heartbeat(period_s=period_s, systole_s=systole_s)

    s1, s2 = centres(cycles_of(samples))

    assert len(first) - 2 <= len(s1) <= len(first)
    assert distance_s(s1, first).max() < 0.025
    assert distance_s(s2, first + systole_s).max() < 0.025
    np.testing.assert_allclose(np.diff(s1), period_s, atol=0.03)


@pytest.mark.parametrize(
    ("period_s", "systole_s", "noise"),
    [(0.45, 0.2, 0.1), (0.5, 0.2, 0.01), (1.0, 0.33, 0.01), (1.3, 0.36, 0.01)],
)
@pytest.mark.parametrize("second", [0.2, 0.4])
def test_a_faint_second_sound_is_found(period_s, systole_s, noise, second):
    """As faint as a fifth of the first, in slow hearts and in fast ones, at its own period."""
    samples, first = heartbeat(period_s=period_s, systole_s=systole_s, noise=noise, second=second)

    s1, s2 = centres(cycles_of(samples))

    assert len(first) - 2 <= len(s1) <= len(first)
    assert distance_s(s1, first).max() < 0.035
    assert distance_s(s2, first + systole_s).max() < 0.035


def test_the_shorter_interval_is_taken_for_the_systole():
    """As the docstring says: with 0.5 s from the first sound to the second and 0.3 s back."""
    samples, first = heartbeat(period_s=0.8, systole_s=0.5)

    s1, s2 = centres(cycles_of(samples))

    assert distance_s(s1[1:], first + 0.5).max() < 0.025  # before the first, there is no sound
    assert distance_s(s2, first).max() < 0.025


def test_cycles_follow_on_each_other():
    """Four phases in order, S1 and S2 of their mean length, the end of one the start of the next.

    All lies inside of the recording.
    """
    bounds_s = cycles_of(heartbeat()[0])

    assert (np.diff(bounds_s, axis=1) > 0).all()
    np.testing.assert_allclose(bounds_s[:, 1] - bounds_s[:, 0], S1_S)
    np.testing.assert_allclose(bounds_s[:, 3] - bounds_s[:, 2], S2_S)
    np.testing.assert_array_equal(bounds_s[:-1, 4], bounds_s[1:, 0])
    assert bounds_s.min() >= 0
    assert bounds_s.max() <= 16.0


def test_a_first_sound_that_is_cut_begins_no_cycle():
    """Its middle is at 40 ms: it would have to begin before the recording does."""
    samples, first = heartbeat(first_s=0.04)

    s1, _ = centres(cycles_of(samples))

    assert abs(s1[0] - first[1]) < 0.02


@pytest.mark.parametrize("factor", [2.0**-20, 2.0**15, -1.0])
def test_neither_gain_nor_sign_matters(factor):
    samples, _ = heartbeat()

    np.testing.assert_array_equal(cycles_of(factor * samples), cycles_of(samples))


def test_an_offset_does_not_matter():
    """Faint heart sounds on a constant a thousand times as large."""
    samples, _ = heartbeat()

    moved = cycles_of(np.float32(0.5) + 5e-4 * samples)

    np.testing.assert_allclose(moved, cycles_of(samples), atol=0.011)


def test_silence_before_the_first_beat_moves_the_cycles():
    """By the length of the silence, to a frame."""
    samples, _ = heartbeat()
    silence = np.zeros(RATE, dtype=np.float32)

    later = cycles_of(np.concatenate([silence, samples]))

    later = later[later[:, 0] > 1.4]  # what is found in the silence is no cycle of ours
    np.testing.assert_allclose(later - 1.0, cycles_of(samples), atol=0.021)


def test_a_knock_costs_the_beats_around_it():
    """Thirty times as loud as the heart, for 50 ms: further away than 1.5 s nothing is lost."""
    samples, first = heartbeat()
    knocked = samples.copy()
    knocked[16_000:16_100] += 30 * np.random.default_rng(1).normal(size=100).astype(np.float32)

    s1, _ = centres(cycles_of(knocked))

    far = s1[np.abs(s1 - 8.0) > 1.5]
    assert distance_s(far, first).max() < 0.03
    assert len(far) >= (np.abs(first - 8.0) > 1.5).sum() - 2


def test_noise_is_taken_to_beat():
    """As the docstring says; each cycle lasts as long as one could, 0.7 to 1.4 mean periods."""
    noise = np.random.default_rng(0).normal(size=10 * RATE).astype(np.float32)

    length_s = np.diff(cycles_of(noise)[:, [0, 4]], axis=1)

    assert len(length_s) > 3
    assert length_s.min() >= 0.7 * 0.33 - 0.01
    assert length_s.max() <= 1.4 * 1.7 + 0.01


@pytest.mark.parametrize("length", [0, 1, 500, 2 * RATE - 1])
def test_what_is_shorter_than_two_seconds_has_no_cycles(length):
    bounds_s = cycles_of(heartbeat()[0][:length])

    assert bounds_s.shape == (0, 5)


def test_two_seconds_are_enough():
    samples, first = heartbeat(seconds=2.0)

    s1, _ = centres(cycles_of(samples))

    assert len(s1) >= 1
    assert distance_s(s1, first).max() < 0.02


@pytest.mark.parametrize("level", [0.0, 0.1, 0.5, 1.0, -1.0])
@pytest.mark.parametrize("sample_rate", [400, 2000, 4000])
def test_silence_has_no_cycles(level, sample_rate):
    """Nor has a constant, of which the filter leaves nothing but its own rounding."""
    constant = np.full(10 * sample_rate, level, dtype=np.float32)

    assert cycles_of(constant, sample_rate=sample_rate).shape == (0, 5)


def test_one_click_in_ten_minutes_is_no_beat():
    click = np.zeros(600 * RATE, dtype=np.float32)
    click[300 * RATE] = 1.0

    assert cycles_of(click).shape == (0, 5)


@pytest.mark.parametrize("sample_rate", [200, 300])
def test_a_rate_too_low_for_heart_sounds_is_refused(sample_rate):
    samples = np.ones(10 * sample_rate, dtype=np.float32)

    with pytest.raises(ValueError, match=f"does not fit below half of {sample_rate} Hz"):
        cycles_of(samples, sample_rate=sample_rate)
