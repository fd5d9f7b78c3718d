"""Mel spectra and cepstra, against plain loops and values computed by hand."""

import numpy as np
import pytest

from oracles import mel as oracle
from pahcl_core.baselines.spectral import (
    SpectrumConfig,
    changes,
    log_mel,
    mel_filters,
    mel_of,
    mfcc,
    statistics,
)
from pahcl_core.data.preparation import SignalConfig

SIGNAL = SignalConfig(sample_rate=500, low_hz=25.0, high_hz=200.0)
SMALL = SpectrumConfig(frame_s=0.064, hop_s=0.016, num_mels=6, num_coefficients=4)


@pytest.fixture
def sound():
    return np.random.default_rng(3).normal(size=120)


def test_the_mel_scale_is_that_of_the_literature():
    """1000 Hz is close to 1000 mel, by the choice of the constants."""
    assert mel_of(0) == 0
    assert mel_of(1000) == pytest.approx(999.99, abs=0.01)
    assert mel_of(6300) == pytest.approx(2595)  # 1 + 6300 / 700 = 10


def test_the_spectrum_equals_plain_loops(sound):
    found = log_mel(sound, SMALL, SIGNAL)

    expected = oracle.log_mel(
        sound, rate=500, size=32, hop=8, fft_size=128, num_mels=6, low_hz=25, high_hz=200
    )
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-9)


@pytest.mark.parametrize("band", range(6))
def test_a_tone_is_loudest_in_its_band(band):
    step = (oracle.mel(200) - oracle.mel(25)) / 7
    tone_hz = oracle.hertz(oracle.mel(25) + (band + 1) * step)

    found = log_mel(np.sin(2 * np.pi * tone_hz * np.arange(500) / 500), SMALL, SIGNAL)

    assert (found.argmax(axis=1) == band).all()


def test_white_noise_of_spread_1_is_at_0():
    noise = np.random.default_rng(0).normal(size=500 * 200)

    power = np.exp(log_mel(noise, SMALL, SIGNAL)).mean(axis=0)

    np.testing.assert_allclose(power, 1.0, atol=0.05)


def test_silence_is_60_decibels_below():
    np.testing.assert_allclose(log_mel(np.zeros(64), SMALL, SIGNAL), np.log(1e-6))


def test_what_is_shorter_than_a_frame_is_one_frame(sound):
    short = log_mel(sound[:20], SMALL, SIGNAL)

    np.testing.assert_array_equal(short, log_mel(np.append(sound[:20], [0] * 12), SMALL, SIGNAL))
    assert short.shape == (1, 6)


def test_the_cepstrum_equals_plain_loops(sound):
    energies = log_mel(sound, SMALL, SIGNAL)

    expected = [oracle.cepstrum(row, 4) for row in energies.tolist()]
    np.testing.assert_allclose(mfcc(energies, 4), expected, rtol=0, atol=1e-12)


def test_changes_are_slopes():
    """Of a line its slope, but where its ends are thought to stay as they are."""
    line = 3.0 * np.arange(8)[:, None]

    np.testing.assert_allclose(changes(line)[2:-2], 3.0)
    np.testing.assert_allclose(changes(line)[0], [(1 * 3 + 2 * 6) / 10])


def test_statistics_equal_plain_loops(sound):
    energies = log_mel(sound, SMALL, SIGNAL)

    expected = oracle.statistics(energies.tolist())
    np.testing.assert_allclose(statistics(energies), expected, rtol=0, atol=1e-12)


def test_every_line_in_the_band_counts_and_none_outside():
    lines = np.arange(65) * 500 / 128
    used = mel_filters(SMALL, SIGNAL).max(axis=1) > 0

    assert used[(lines > 25) & (lines < 200)].all()
    assert not used[(lines <= 25) | (lines >= 200)].any()


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"hop_s": 0.0}, "hop_s must lie between 0 and frame_s = 0.064, got 0"),
        ({"hop_s": 0.1}, "hop_s must lie between 0 and frame_s = 0.064, got 0.1"),
        ({"num_bands": 0}, "num_bands must be at least 1, got 0"),
        ({"num_coefficients": 33}, "between 1 and num_mels = 32, got 33"),
        ({"num_coefficients": 0}, "between 1 and num_mels = 32, got 0"),
    ],
)
def test_refuses_what_makes_no_spectrum(settings, said):
    with pytest.raises(ValueError, match=said):
        SpectrumConfig(**settings)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"hop_s": 0.0001}, "hop_s = 0.0001 is less than a sample at 500 Hz"),
        ({"num_mels": 200}, "num_mels = 200 bands between 25 and 200 Hz are too narrow"),
    ],
)
def test_refuses_what_does_not_fit_the_signal(settings, said):
    with pytest.raises(ValueError, match=said):
        SpectrumConfig(**settings).check_fits(SIGNAL)
