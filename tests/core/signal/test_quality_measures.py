"""The measures behind the quality index: against plain loops, and where the answer is known."""

import numpy as np
import pytest

from oracles.quality import band_powers, measures
from pahcl_core.signal.cycles import Cycles
from pahcl_core.signal.quality_measures import BandPower, band_power, measure

AGREEMENT, PURITY, RHYTHM, CONTRAST = range(4)
NONE = Cycles(bounds_s=np.zeros((0, 5)))


def cycles_every(period_s, *, num, first_s=0.1):
    """Cycles of one length, each of the same phases."""
    onsets = first_s + period_s * np.arange(num)
    return Cycles(bounds_s=onsets[:, None] + period_s * np.array([0, 0.15, 0.35, 0.5, 1.0]))


def noise_of_the_heart(rng, *, seconds, period_s=0.8):
    """Noise at 1000 Hz that swells with every beat, with rumble and an offset."""
    time_s = np.arange(int(1000 * seconds)) / 1000
    swell = 1.2 + np.sin(2 * np.pi * time_s / period_s)
    rumble = 3 * np.sin(2 * np.pi * 7 * time_s + 1)
    return (0.5 + 0.1 * (rumble + swell * rng.normal(size=len(time_s)))).astype(np.float32)


def measured(samples, cycles=NONE, *, rate=1000):
    return measure(band_power(samples.astype(np.float32), sample_rate=rate), cycles)


def test_band_power_is_the_fourier_sum(rng):
    """Up to the unit, which has no meaning; the last frame lies partly beyond the end."""
    samples = noise_of_the_heart(rng, seconds=1.27)

    power = band_power(samples, sample_rate=1000)

    expected = np.array(band_powers(samples.tolist()))
    expected /= np.max(np.abs(samples)) ** 2
    found = np.column_stack([power.rumble, power.heart, power.upper])
    assert len(found) == 64
    np.testing.assert_allclose(found, expected, rtol=2e-3, atol=1e-4 * expected.max())


@pytest.mark.parametrize("seconds", [3.3, 9.51])
def test_measures_are_those_of_the_loops(rng, seconds):
    samples = noise_of_the_heart(rng, seconds=seconds)
    cycles = cycles_every(0.77, num=int(seconds / 0.77) - 1)

    overall, per_cycle = measured(samples, cycles)

    expected, expected_per_cycle = measures(samples.tolist(), cycles.bounds_s.tolist())
    np.testing.assert_allclose(overall, expected, rtol=1e-3)
    np.testing.assert_allclose(per_cycle, expected_per_cycle, rtol=1e-3, atol=1e-3)


def test_long_recordings_are_measured_in_blocks(rng):
    """A second across the end of the first block, at frame 4096, is as it is alone."""
    second = rng.normal(size=1000).astype(np.float32)
    second -= second.mean()
    samples = np.zeros(100_000, dtype=np.float32)
    samples[81_400:82_400] = second

    power = band_power(samples, sample_rate=1000)

    alone = np.array(band_powers(second.tolist())) / np.abs(second).max() ** 2
    np.testing.assert_allclose(power.heart[4073:4117], alone[3:-3, 1], rtol=1e-3)


@pytest.mark.parametrize(
    ("frequency_hz", "low", "high"),
    [(60, -0.01, 0), (100, -0.01, 0), (10, -14, -3), (250, -14, -5)],
)
def test_purity_tells_the_band_of_heart_sounds(frequency_hz, low, high):
    """A window of 64 ms lets a little of 10 Hz into the band."""
    tone = np.sin(2 * np.pi * frequency_hz * np.arange(5000) / 1000)

    assert low <= measured(tone)[0][PURITY] <= high


def test_purity_of_white_noise_is_the_share_of_the_bins(rng):
    """Eight of 23, of which the first, without a phase, carries half."""
    assert measured(rng.normal(size=200_000))[0][PURITY] == pytest.approx(
        np.log(8 / 22.5), abs=0.03
    )


def test_purity_leaves_out_seconds_without_any_sound(rng):
    """What is silent says nothing of the microphone's surroundings."""
    heard = rng.normal(size=5000)
    with_silence = np.concatenate([heard - heard.mean(), np.zeros(5000)])

    assert measured(with_silence)[0][PURITY] == pytest.approx(measured(heard)[0][PURITY], abs=0.02)


@pytest.mark.parametrize("period_s", [0.32, 0.5, 0.8, 1.4])
def test_rhythm_of_a_regular_beat_is_nearly_one(rng, period_s):
    """From 188 to 43 beats a minute."""
    time_s = np.arange(12_000) / 1000
    beat = np.exp(-(((time_s % period_s) / 0.05 - 1) ** 2)) * np.sin(2 * np.pi * 60 * time_s)

    assert measured(beat)[0][RHYTHM] > 0.9


def test_rhythm_of_noise_is_low(rng):
    assert measured(rng.normal(size=20_000))[0][RHYTHM] < 0.3


def test_rhythm_of_what_is_too_short_for_one_is_zero(rng):
    """The shortest cycle has to fit in twice."""
    assert measured(rng.normal(size=580))[0][RHYTHM] == 0


def test_a_level_that_never_changes_has_no_rhythm():
    """Nor any contrast."""
    overall, _ = measure(power_of(np.zeros(500)), NONE)

    assert overall[RHYTHM] == 0
    assert overall[CONTRAST] == 0


def power_of(level_db):
    """Frames of this level in the band of heart sounds alone."""
    power = 10.0 ** (np.asarray(level_db) / 10)
    silence = np.zeros(len(power))
    return BandPower(rumble=silence, heart=power, upper=silence)


def test_equal_cycles_agree_and_an_opposite_one_does_not():
    """Four cycles of one second, the last upside down: worked out by hand.

    The first three have the mean of two like them and one unlike, which is a third of them: 1.
    The last has the mean of three opposite ones: -1.
    """
    shape = 5 * np.sin(2 * np.pi * (np.arange(50) + 0.5) / 50)
    power = power_of(np.concatenate([shape, shape, shape, -shape]))
    cycles = Cycles(bounds_s=np.arange(4.0)[:, None] + np.array([0, 0.2, 0.4, 0.6, 1.0]))

    _, per_cycle = measure(power, cycles)

    np.testing.assert_allclose(per_cycle[:, AGREEMENT], [1, 1, 1, -1], atol=0.02)


def test_cycles_of_different_length_agree_phase_by_phase():
    """The same levels in each phase, which lasts 0.2 s in one cycle and 0.4 s in the next."""
    phases = [0.0, -10.0, -3.0, -12.0]
    power = power_of(np.concatenate([np.repeat(phases, 10), np.repeat(phases, 20)]))
    bounds_s = np.array([[0.0, 0.2, 0.4, 0.6, 0.8], [0.8, 1.2, 1.6, 2.0, 2.4]])

    _, per_cycle = measure(power, Cycles(bounds_s=bounds_s))

    assert per_cycle[:, AGREEMENT].min() > 0.95


def test_a_cycle_alone_has_none_to_agree_with(rng):
    overall, per_cycle = measured(rng.normal(size=5000), cycles_every(1.0, num=1))

    assert per_cycle[0, AGREEMENT] == 0
    assert overall[AGREEMENT] == 0


def test_without_cycles_there_is_no_agreement(rng):
    overall, per_cycle = measured(rng.normal(size=5000))

    assert overall[AGREEMENT] == 0
    assert per_cycle.shape == (0, 4)


def test_a_flat_cycle_agrees_with_nothing():
    """Silence correlates with nothing, and does not divide by zero."""
    shape = 5 * np.sin(2 * np.pi * (np.arange(50) + 0.5) / 50)
    power = power_of(np.concatenate([shape, shape, np.zeros(50)]))
    cycles = Cycles(bounds_s=np.arange(3.0)[:, None] + np.array([0, 0.2, 0.4, 0.6, 0.98]))

    _, per_cycle = measure(power, cycles)

    assert abs(per_cycle[2, AGREEMENT]) < 0.3


def test_a_cycle_has_the_purity_of_its_own_frames():
    """Half of the power of the second one lies in the upper band."""
    heart = np.ones(100)
    upper = np.repeat([0.0, 1.0], 50)
    power = BandPower(rumble=np.zeros(100), heart=heart, upper=upper)
    cycles = Cycles(bounds_s=np.array([[0, 0.2, 0.4, 0.6, 1.0], [1.0, 1.2, 1.4, 1.6, 2.0]]))

    _, per_cycle = measure(power, cycles)

    np.testing.assert_allclose(per_cycle[:, PURITY], [0, np.log(0.5)], atol=1e-12)


def test_a_cycle_too_faint_to_be_heard_has_no_purity():
    """The second is 40 dB below the first, and 30 dB below the mean is the least that counts."""
    power = power_of(np.repeat([0.0, -40.0], 50))
    cycles = Cycles(bounds_s=np.array([[0, 0.2, 0.4, 0.6, 1.0], [1.0, 1.2, 1.4, 1.6, 2.0]]))

    _, per_cycle = measure(power, cycles)

    np.testing.assert_allclose(per_cycle[:, PURITY], [0, np.log(0.2)], atol=1e-3)


@pytest.mark.parametrize(("loud_frames", "expected_db"), [(34, 8), (5, 8), (4, 0), (35, 0)])
def test_contrast_is_of_the_loud_tenth_against_the_quiet_third(loud_frames, expected_db):
    """In each second some frames are 8 dB above the others."""
    second = np.zeros(50)
    second[:loud_frames] = 8

    overall, _ = measure(power_of(np.tile(second, 7)), NONE)

    assert overall[CONTRAST] == pytest.approx(expected_db)


def test_more_contrast_than_10_db_is_no_better():
    """A tenth of the time is 30 dB above the rest."""
    second = np.repeat([30.0, 0.0], [5, 45])

    overall, _ = measure(power_of(np.tile(second, 7)), NONE)

    assert overall[CONTRAST] == 10


def test_contrast_is_that_of_most_seconds():
    """What is left over is no second; three of five are without contrast."""
    loud = np.repeat([8.0, 0.0], 25)
    quiet = np.zeros(50)
    power = power_of(np.concatenate([loud, quiet, quiet, loud, quiet, loud[:40]]))

    overall, _ = measure(power, NONE)

    assert overall[CONTRAST] == pytest.approx(0)


def test_cycles_beyond_the_ends_count_as_their_ends(rng):
    """One before the recording and one after it: no error, and the values at the ends."""
    bounds_s = np.array([[-3.0, -2.9, -2.8, -2.7, -2.0], [9.0, 9.1, 9.2, 9.3, 9.9]])
    power = band_power(rng.normal(size=5000).astype(np.float32), sample_rate=1000)

    _, per_cycle = measure(power, Cycles(bounds_s=bounds_s))

    total = power.rumble + power.heart + power.upper
    expected = np.log(power.heart[[0, -1]] / total[[0, -1]])
    np.testing.assert_allclose(per_cycle[:, PURITY], expected)
    assert not per_cycle[:, AGREEMENT].any()
