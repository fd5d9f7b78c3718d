"""What is wrong with a recording: each flag where it should be, and its limits."""

import numpy as np
import pytest
from scipy import ndimage

from pahcl_core.signal.quality import rate_quality
from pahcl_core.signal.quality_flags import clipped_share, lost_contact, stuck_share
from support.clean_recordings import NO_CYCLES, clean_recording, white_noise


def test_clipping_is_flagged():
    samples, cycles = clean_recording()
    limit = 0.3 * np.max(np.abs(samples))

    quality = rate_quality(np.clip(samples, -limit, limit), sample_rate=4000, cycles=cycles)

    assert quality.flags == ("clipped",)


def test_clipping_on_one_side_is_flagged():
    samples, cycles = clean_recording()
    limit = 0.3 * np.max(np.abs(samples))

    quality = rate_quality(np.minimum(samples, limit), sample_rate=4000, cycles=cycles)

    assert quality.flags == ("clipped",)


@pytest.mark.parametrize("level", [0.0, 0.01], ids=["digital silence", "a hundredth"])
def test_lost_contact_is_flagged(level):
    """A fifth of the recording, from one second to the next."""
    samples, cycles = clean_recording(noise=0.01)
    samples = samples.copy()
    samples[32_000:48_000] *= level

    quality = rate_quality(samples, sample_rate=4000, cycles=cycles)

    assert quality.flags == ("contact_loss",)


def test_one_click_in_silence_is_lost_contact():
    samples = np.zeros(40_000, dtype=np.float32)
    samples[20_000] = 1

    flags = rate_quality(samples, sample_rate=4000, cycles=NO_CYCLES).flags

    assert "contact_loss" in flags
    assert "clipped" not in flags


@pytest.mark.parametrize("rate", [800, 4000, 44100])
def test_white_noise_is_flagged(rate):
    """With cycles that somebody saw in it."""
    _, cycles = clean_recording()

    quality = rate_quality(white_noise(rate=rate), sample_rate=rate, cycles=cycles)

    assert quality.flags == ("no_heartbeat", "noise")
    assert quality.index < 0.1


def test_loud_sounds_without_a_rhythm_are_no_heartbeat():
    """Noise whose loudness changes every 75 ms: it stands out, but nothing comes back."""
    rng = np.random.default_rng(0)
    loudness = np.exp(1.5 * rng.normal(size=267)).repeat(150)[:40_000]
    samples = (loudness * rng.normal(size=40_000)).astype(np.float32)
    _, cycles = clean_recording()

    assert rate_quality(samples, sample_rate=2000, cycles=NO_CYCLES).flags == ("no_heartbeat",)
    quality = rate_quality(samples, sample_rate=2000, cycles=cycles)
    assert quality.flags == ("no_heartbeat",)
    assert quality.index < 0.3


@pytest.mark.parametrize(
    ("samples", "share"),
    [
        ([0, 9, 9, 9, 0, 1, 2, 0, 9, 9], 0.3),
        ([0, 9, 9, 9, -5, -5, -5, -5, 0, 1], 0.7),
        ([0, 9, 9, 0, -5, -5, 0, 0, 0, 0], 0),
        ([9, 9, 9, 0, 1, 2, 3, 4, 9, 9], 0.3),
    ],
    ids=["a run of three", "both extremes", "two are none", "the ends do not touch"],
)
def test_samples_in_runs_of_an_extreme_value_are_clipped(samples, share):
    assert clipped_share(np.array(samples, dtype=np.float32), sample_rate=1000) == share


@pytest.mark.parametrize(("length", "share"), [(65, 0), (66, 0.066)])
def test_a_clipped_run_lasts_one_and_a_half_milliseconds(length, share):
    """66 samples at 44.1 kHz: a quiet recording's peaks can hold a value for shorter."""
    samples = np.zeros(1000, dtype=np.float32)
    samples[100 : 100 + length] = 1
    samples[::2] -= 0.1
    samples[100 : 100 + length] = 1

    assert clipped_share(samples, sample_rate=44100) == pytest.approx(share)


@pytest.mark.parametrize(
    ("quiet_frames", "level_db", "expected"),
    [(100, -27, 100), (99, -27, 0), (100, -25, 0), (250, -60, 250)],
    ids=["two seconds", "less than two", "less than 26 dB", "five seconds"],
)
def test_contact_is_lost_over_two_seconds_at_26_db(quiet_frames, level_db, expected):
    """Every frame of the stretch, and no other."""
    heart = np.ones(1000)
    heart[400 : 400 + quiet_frames] = 10 ** (level_db / 10)

    lost = lost_contact(heart)

    assert np.count_nonzero(lost) == expected
    assert lost[400 : 400 + quiet_frames].all() == (expected > 0)


def test_a_knock_does_not_make_the_rest_lost():
    """It lasts for less than a quarter of the time."""
    heart = np.ones(1000)
    heart[100:300] = 1e6

    assert not lost_contact(heart).any()


@pytest.mark.parametrize(("seconds", "share"), [(2, 0.2), (1.95, 0)])
def test_a_value_that_lasts_for_two_seconds_is_stuck(rng, seconds, share):
    """Whatever the value."""
    samples = rng.normal(size=10_000).astype(np.float32)
    samples[3000 : 3000 + int(1000 * seconds)] = 0.3

    assert stuck_share(samples, sample_rate=1000) == pytest.approx(share)


@pytest.mark.parametrize("num_frames", [1, 2, 3, 49, 99, 100, 101, 149, 150, 151, 601])
@pytest.mark.parametrize("shift", range(0, 60, 7))
def test_lost_frames_are_those_below_the_closing(rng, num_frames, shift):
    """Wherever the quiet stretch lies, also at an end, and however long it is."""
    heart = 10 ** rng.uniform(-1, 1, num_frames)
    quiet = rng.integers(20, 200)
    for first in (shift, num_frames - quiet - shift, -quiet + 45 + shift):
        one = heart.copy()
        one[max(0, first) : max(0, first + quiet)] *= 1e-5

        loud = ndimage.grey_closing(one, (min(100, num_frames),))

        expected = loud <= 10**-2.6 * np.quantile(loud, 0.75)
        np.testing.assert_array_equal(lost_contact(one), expected)


@pytest.mark.parametrize("first", range(0, 8000, 487))
def test_a_stuck_value_is_found_wherever_it_lies(rng, first):
    samples = rng.normal(size=10_000).astype(np.float32)
    samples[first : first + 2000] = -0.7

    assert stuck_share(samples, sample_rate=1000) == pytest.approx(0.2)
