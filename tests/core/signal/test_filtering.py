"""Resampling and band-pass keep what they should, where it was."""

import numpy as np
import pytest

from oracles.filtering import filtered as filtered_by_definition
from pahcl_core.signal.filtering import Wanted, bandpass, filtered, normalise, resample


def tone(frequency_hz, *, rate, seconds=4.0):
    return np.sin(2 * np.pi * frequency_hz * np.arange(int(rate * seconds)) / rate).astype(
        np.float32
    )


def gain_at(frequency_hz, **band):
    """What a filter leaves of a tone, away from the ends, in decibels."""
    samples = tone(frequency_hz, rate=2000)
    inner = slice(2000, -2000)
    after = bandpass(samples, sample_rate=2000, **band)[inner]
    return 20 * np.log10(np.sqrt(np.mean(after**2) / np.mean(samples[inner] ** 2)))


@pytest.mark.parametrize(("from_rate", "to_rate"), [(4000, 2000), (44100, 2000), (1000, 2000)])
def test_a_tone_stays_the_same_tone_at_the_same_time(from_rate, to_rate):
    """The resampled tone is the tone sampled at the new rate in the first place."""
    resampled = resample(tone(60, rate=from_rate), from_rate=from_rate, to_rate=to_rate)

    expected = tone(60, rate=to_rate)
    assert len(resampled) == len(expected)
    inner = slice(200, -200)
    np.testing.assert_allclose(resampled[inner], expected[inner], atol=5e-3)


@pytest.mark.parametrize("num_samples", [1, 2, 700, 4321])
@pytest.mark.parametrize(
    ("from_rate", "to_rate", "band_hz"),
    [
        (4000, 2000, (25.0, 600.0)),
        (2000, 2000, (25.0, 400.0)),
        (4000, 1000, None),
        (1000, 2000, None),
        (4410, 2000, (30.0, 300.0)),
    ],
)
def test_equals_the_definition(rng, num_samples, from_rate, to_rate, band_hz):
    """In blocks and in 32 bits as in one sum over all frequencies, to the very ends."""
    samples = (rng.normal(size=num_samples) + 0.5).astype(np.float32)
    wanted = Wanted(rate=to_rate, band_hz=band_hz)

    (found,) = filtered(samples, from_rate=from_rate, wanted=[wanted])

    expected = filtered_by_definition(samples.tolist(), from_rate, to_rate, band_hz)
    np.testing.assert_allclose(found, expected, atol=2e-4)
    assert found.dtype == np.float32


def test_what_else_is_wanted_does_not_matter(rng):
    """Nor in which order; what is there already is not made again."""
    samples = rng.normal(size=9001).astype(np.float32)
    wanted = [
        Wanted(rate=1000),
        Wanted(rate=4000),
        Wanted(rate=2000, band_hz=(25.0, 600.0)),
        Wanted(rate=500, band_hz=(40.0, 50.0)),
    ]

    found = filtered(samples, from_rate=4000, wanted=wanted)

    assert [len(one) for one in found] == [2251, 9001, 4501, 1126]
    assert found[1] is samples
    for one, each in zip(found, wanted, strict=True):
        (alone,) = filtered(samples, from_rate=4000, wanted=[each])
        np.testing.assert_allclose(one, alone, atol=1e-4)


@pytest.mark.parametrize("value", [0.0, 0.1, -1.0])
def test_a_constant_is_nothing_in_a_band_and_itself_at_any_rate(value):
    """To the bit: what is nothing but rounding would be scaled to noise."""
    constant = np.full(20_000, value, dtype=np.float32)

    slow, passed = filtered(
        constant, from_rate=4000, wanted=[Wanted(rate=999), Wanted(rate=2000, band_hz=(25, 600))]
    )

    assert (slow == np.float32(value)).all()
    assert not passed.any()


def test_the_input_is_left_alone(rng):
    samples = rng.normal(size=5000).astype(np.float32)
    before = samples.copy()

    filtered(samples, from_rate=4000, wanted=[Wanted(rate=2000, band_hz=(25, 600))])
    normalise(samples)

    np.testing.assert_array_equal(samples, before)


def test_nothing_stays_nothing():
    assert len(resample(np.zeros(0, dtype=np.float32), from_rate=4000, to_rate=2000)) == 0


def test_what_the_new_rate_cannot_carry_is_gone():
    """A tone above the new half rate does not come back as another one."""
    folded = resample(tone(1500, rate=4000), from_rate=4000, to_rate=2000)

    assert np.sqrt(np.mean(folded[200:-200] ** 2)) < 0.01


def test_refuses_a_rate_of_zero():
    with pytest.raises(ValueError, match="a sample rate must be positive, got 0 Hz"):
        resample(tone(60, rate=2000), from_rate=0, to_rate=2000)


def test_the_band_has_its_edges_where_it_says():
    """-6 dB at the edges (two passes of -3 dB), nothing lost inside, 24 dB per octave outside."""
    band = {"low_hz": 50.0, "high_hz": 400.0}

    assert gain_at(50, **band) == pytest.approx(-6, abs=0.2)
    assert gain_at(400, **band) == pytest.approx(-6, abs=0.2)
    assert gain_at(140, **band) == pytest.approx(0, abs=0.2)
    assert gain_at(12.5, **band) < -45


def test_filtering_shifts_nothing():
    """A click stays where it was: forwards and backwards is no phase at all."""
    click = np.zeros(4000, dtype=np.float32)
    click[1234] = 1

    filtered = bandpass(click, sample_rate=2000, low_hz=25, high_hz=400)

    assert np.argmax(np.abs(filtered)) == 1234
    np.testing.assert_allclose(
        filtered[1234 - 50 : 1234], filtered[1235 : 1235 + 50][::-1], atol=1e-4
    )


@pytest.mark.parametrize(("low_hz", "high_hz"), [(0, 400), (400, 50), (50, 1000)])
def test_refuses_a_band_that_does_not_fit(low_hz, high_hz):
    with pytest.raises(ValueError, match="does not fit below half of 2000 Hz"):
        bandpass(tone(60, rate=2000), sample_rate=2000, low_hz=low_hz, high_hz=high_hz)


def test_a_short_recording_can_be_filtered():
    """Shorter than the padding that the filter would like."""
    assert (
        len(bandpass(np.ones(20, dtype=np.float32), sample_rate=2000, low_hz=25, high_hz=400)) == 20
    )


def test_loudness_does_not_matter_after_scaling(rng):
    """Gain cancels, and the noise floor has standard deviation 1."""
    noise = rng.normal(size=20_000).astype(np.float32)

    scaled = normalise(noise)

    np.testing.assert_allclose(normalise(7 * noise), scaled, atol=1e-5)
    assert scaled.std() == pytest.approx(1, abs=0.02)


def test_the_scale_is_that_of_the_median_amplitude(rng):
    """By NumPy, of as many samples as a recording has."""
    samples = (rng.normal(size=50_001) ** 3).astype(np.float32)

    np.testing.assert_allclose(
        normalise(samples), samples / (1.4826 * np.median(np.abs(samples))), rtol=1e-6
    )


def test_a_knock_does_not_change_the_scale(rng):
    noise = rng.normal(size=20_000).astype(np.float32)
    knocked = noise.copy()
    knocked[100:110] = 1000

    np.testing.assert_allclose(
        normalise(knocked)[200:], normalise(noise)[200:], rtol=0.01, atol=0.01
    )


def test_silence_stays_silence():
    assert not normalise(np.zeros(100, dtype=np.float32)).any()


def test_mostly_silent_recordings_are_scaled_too():
    """Where the median deviation is zero, the root mean square takes over."""
    samples = np.zeros(1000, dtype=np.float32)
    samples[:100] = 0.01

    assert np.sqrt(np.mean(normalise(samples) ** 2)) == pytest.approx(1)


@pytest.mark.parametrize("scale", [1e-45, 1e-39])
def test_what_is_nothing_but_rounding_becomes_silence(scale):
    """Numbers that 32 bit floats can hardly hold: dividing by them is dividing by zero."""
    samples = (scale * np.array([1, -1, 2, -2, 1], dtype=np.float64)).astype(np.float32)

    assert normalise(samples).tolist() == [0.0] * 5


def test_one_knock_in_faint_rounding_is_scaled_by_the_mean_square():
    samples = np.full(100, 1e-45, dtype=np.float32)
    samples[::3] = 0
    samples[50] = 0.5

    assert normalise(samples).max() == pytest.approx(10.0, rel=1e-6)
