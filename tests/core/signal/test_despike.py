"""Spikes go, all of them and nothing else."""

import numpy as np
import pytest

from oracles.despike import despiked as despiked_by_loops
from pahcl_core.signal.despike import despike

RATE = 200  # windows of 100 samples


def tone(seconds=5.0, *, rate=RATE, peak=1.0):
    """A sine of 10 Hz, half-waves of 10 samples at 200 Hz; no sample is zero."""
    time_s = (np.arange(int(rate * seconds)) + 0.5) / rate
    return (peak * np.sin(2 * np.pi * 10 * time_s)).astype(np.float32)


@pytest.mark.parametrize("rate", [50, 333, 1000])
@pytest.mark.parametrize("seconds", [1.4, 3.0, 7.77])
@pytest.mark.parametrize("seed", range(4))
def test_equals_the_description(seed, seconds, rate):
    """All spikes at once leave what one after the other leaves; slow noise spans windows."""
    rng = np.random.default_rng(seed)
    samples = np.convolve(rng.normal(size=int(seconds * rate)), np.ones(5), mode="same")
    samples *= rng.choice([1, 1, 1, 2, 4, 8, 50, 0], size=len(samples) // 20 + 1).repeat(20)[
        : len(samples)
    ]
    samples = samples.astype(np.float32)

    found = despike(samples, sample_rate=rate)

    np.testing.assert_array_equal(found, despiked_by_loops(samples, sample_rate=rate))


def test_the_oracle_has_spikes_to_remove(rng):
    """The comparison above is not one of doing nothing."""
    samples = tone()
    samples[500:520] *= 20

    assert np.count_nonzero(np.array(despiked_by_loops(samples, sample_rate=RATE)) == 0) == 20


def test_a_spike_goes_from_zero_crossing_to_zero_crossing():
    samples = tone()
    samples[430:440] *= 5

    found = despike(samples, sample_rate=RATE)

    expected = samples.copy()
    expected[430:440] = 0
    np.testing.assert_array_equal(found, expected)
    assert found.dtype == np.float32


def test_a_spike_over_two_windows_goes_as_a_whole():
    """Its half-wave, from 490 to 520, has its top in one window and its foot in the next."""
    samples = tone()
    samples[490:520] = -0.5
    samples[492] = -9.0

    found = despike(samples, sample_rate=RATE)

    assert not found[490:520].any()
    np.testing.assert_array_equal(found[520:], samples[520:])
    np.testing.assert_array_equal(found[:490], samples[:490])


def test_a_sample_of_zero_ends_a_half_wave():
    """What lies beyond it has the same sign, but is no part of the spike."""
    samples = tone()
    samples[430:440] = [-2, -7, -9, -5, 0, -0.5, -0.5, -0.5, -0.5, -0.5]

    found = despike(samples, sample_rate=RATE)

    assert not found[430:435].any()
    np.testing.assert_array_equal(found[435:], samples[435:])


def test_what_is_left_over_at_the_end_is_looked_at():
    """Thirty samples after the last whole window."""
    samples = tone(5.15)
    samples[1010:1020] *= 5

    assert not despike(samples, sample_rate=RATE)[1010:1020].any()


def test_smaller_spikes_behind_a_great_one_go_too():
    """They are looked for again until there is none."""
    samples = tone()
    samples[100:110] *= 1000
    samples[120:130] *= 100
    samples[700:710] *= 4

    found = despike(samples, sample_rate=RATE)

    assert np.flatnonzero(found == 0).tolist() == [
        *range(100, 110),
        *range(120, 130),
        *range(700, 710),
    ]


@pytest.mark.parametrize(("height", "goes"), [(3.0, False), (3.001, True)])
def test_the_limit_is_three_times_the_median(height, goes):
    """A square wave of height 1 in every window but one."""
    samples = np.tile(np.repeat(np.float32([1, -1]), 10), 50)
    samples[500:510] = height

    assert (despike(samples, sample_rate=RATE)[500] == 0) == goes


def test_the_limit_may_lie_between_two_numbers_of_32_bits():
    """What rounds to the limit but lies below it stays, though a louder wave goes."""
    height = np.float32(0.7)
    limit = 3 * float(height)
    just_below = np.float32(limit)
    assert limit - 1e-7 < float(just_below) < limit  # it is rounded down
    samples = height * np.tile(np.repeat(np.float32([1, -1]), 10), 50)
    samples[500:510] = 5.0
    samples[700:710] = just_below

    found = despike(samples, sample_rate=RATE)

    assert found[505] == 0
    assert found[705] == just_below


def test_the_input_is_left_alone():
    samples = tone()
    samples[430:440] *= 5
    before = samples.copy()

    despike(samples, sample_rate=RATE)

    np.testing.assert_array_equal(samples, before)


@pytest.mark.parametrize(
    "samples",
    [
        tone(),
        tone(peak=3e38),
        np.zeros(1000),
        np.full(1000, 0.3),
        np.full(1000, -1.0),
        np.where(np.arange(1000) % 20 < 10, 1.0, -1.0),
        np.array([5.0]),
        np.array([0.0]),
        np.array([]),
        tone()[:70],
        np.append(tone()[:100], 50 * tone()[:99]),
    ],
    ids=[
        "tone",
        "the type's largest values",
        "silence",
        "constant",
        "clipped throughout",
        "clipped on both sides",
        "one sample",
        "one zero",
        "empty",
        "shorter than a window",
        "two windows",
    ],
)
def test_without_a_spike_nothing_changes(samples):
    samples = samples.astype(np.float32)

    found = despike(samples, sample_rate=RATE)

    assert found is samples


def test_sound_in_a_recording_that_is_mostly_silent_is_no_spike():
    """The median over all windows would be zero, and everything above it."""
    samples = tone()
    samples[:700] = 0

    np.testing.assert_array_equal(despike(samples, sample_rate=RATE), samples)


def test_gain_does_not_matter():
    samples = tone()
    samples[430:440] *= 5

    found = despike(samples * np.float32(2**-100), sample_rate=RATE)

    np.testing.assert_array_equal(found, despike(samples, sample_rate=RATE) * np.float32(2**-100))


def test_the_largest_values_of_the_type_are_no_problem():
    samples = tone() * np.float32(1e38)
    samples[430:440] *= np.float32(3.4)

    assert not despike(samples, sample_rate=RATE)[430:440].any()


def test_refuses_a_rate_of_zero():
    with pytest.raises(ValueError, match="the sample rate must be positive, got 0 Hz"):
        despike(tone(), sample_rate=0)
