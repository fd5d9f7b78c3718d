"""Levels of bands against a Fourier sum, and the network in NumPy against PyTorch."""

import numpy as np
import pytest
import torch
from torch import nn

from oracles.band_levels import band_levels as levels_by_definition
from pahcl_core.signal import segmentation_parameters as shipped
from pahcl_core.signal.emissions import BAND_EDGES_HZ, NUM_BANDS, band_levels, log_posteriors


@pytest.fixture
def rng():
    return np.random.default_rng(21)


def noise(rng, duration_s, sample_rate=1000):
    """Noise that comes and goes, so that levels differ."""
    time_s = np.arange(round(duration_s * sample_rate)) / sample_rate
    loudness = 1.0 + 0.9 * np.sin(2 * np.pi * 1.3 * time_s)
    return (loudness * rng.normal(size=len(time_s))).astype(np.float32)


@pytest.mark.parametrize("num_samples", [790, 801])
def test_levels_equal_the_definition(rng, num_samples):
    """Every band of every frame, also where the last frame is not full."""
    samples = noise(rng, 1.0)[:num_samples] + np.float32(0.3)

    found = band_levels(samples, sample_rate=1000)

    expected = levels_by_definition(samples.astype(float).tolist())
    np.testing.assert_allclose(found, expected, atol=2e-4)


@pytest.mark.parametrize("reach_s", [2.0, 8.0])
def test_loudness_is_told_relative_to_what_is_near(rng, reach_s):
    """A hundred times louder from some point on: six seconds away from it, nothing is changed."""
    samples = noise(rng, 24.0)
    louder = samples.copy()
    louder[round(reach_s * 1000) :] *= 100.0

    plain, stepped = (band_levels(one, sample_rate=1000) for one in (samples, louder))

    # The step widens the spread that all levels are divided by, and nothing else out there.
    away = slice(round((reach_s + 6.0) * 50), None)
    ratio = (plain[away] / stepped[away])[np.abs(plain[away]) < 3.9]
    assert np.quantile(ratio, 0.95) / np.quantile(ratio, 0.05) < 1.2


def test_a_tone_is_loud_in_its_own_band(rng):
    """A burst of 62 Hz: only the band from 55 to 70 Hz stands out far above the noise."""
    samples = rng.normal(size=6000)
    time_s = np.arange(100) / 1000
    samples[3000:3100] += np.hanning(100) * np.sin(2 * np.pi * 62 * time_s)

    level = band_levels(samples.astype(np.float32), sample_rate=1000)

    assert level[150:155].max(axis=0).argmax() == BAND_EDGES_HZ.index(55.0)


@pytest.mark.parametrize(("gain", "offset"), [(1e-4, 0.0), (300.0, 0.0), (1.0, 0.7), (-1.0, 0.0)])
def test_gain_offset_and_polarity_do_not_matter(rng, gain, offset):
    samples = noise(rng, 5.0)
    changed = (gain * samples + offset).astype(np.float32)

    np.testing.assert_allclose(
        band_levels(changed, sample_rate=1000), band_levels(samples, sample_rate=1000), atol=2e-3
    )


@pytest.mark.parametrize("sample_rate", [800, 2000, 4000, 44100])
def test_the_sample_rate_hardly_matters(rng, sample_rate):
    """The same tones at another rate: the levels are those at 1000 Hz, to a tenth."""
    pitches_hz, phases = rng.uniform(25, 300, size=30), rng.uniform(0, 2 * np.pi, size=30)

    def sound(rate):
        time_s = np.arange(4 * rate) / rate
        tones = np.sin(2 * np.pi * pitches_hz[:, None] * time_s + phases[:, None]).sum(axis=0)
        return (tones * (1.2 + np.sin(2 * np.pi * 1.1 * time_s))).astype(np.float32)

    expected = band_levels(sound(1000), sample_rate=1000)[5:-5, :-1]
    found = band_levels(sound(sample_rate), sample_rate=sample_rate)[5:-5, :-1]

    assert np.quantile(np.abs(found - expected), 0.95) < 0.1


def test_silence_has_no_levels():
    assert not band_levels(np.zeros(3000, dtype=np.float32), sample_rate=1000).any()


def torch_network(weights):
    """The same network, built from PyTorch's layers."""

    def layer(kernel, bias, dilation=1):
        taps, inputs, outputs = kernel.shape
        conv = nn.Conv1d(inputs, outputs, taps, padding=dilation * (taps // 2), dilation=dilation)
        with torch.no_grad():
            conv.weight.copy_(torch.from_numpy(kernel.transpose(2, 1, 0).copy()))
            conv.bias.copy_(torch.from_numpy(bias))
        return conv

    first = layer(weights.first, weights.first_bias)
    blocks = [
        (
            layer(weights.dilated[k], weights.dilated_bias[k], int(dilation)),
            layer(weights.mixing[k][None], weights.mixing_bias[k]),
        )
        for k, dilation in enumerate(weights.dilations)
    ]
    last = layer(weights.last[None], weights.last_bias)

    def forward(levels):
        hidden = torch.relu(first(torch.from_numpy(levels.T[None].copy())))
        for dilated, mixing in blocks:
            hidden = hidden + mixing(torch.relu(dilated(hidden)))
        scores = last(torch.relu(hidden))
        return torch.log_softmax(scores, dim=1)[0].T.detach().numpy()

    return forward


@pytest.mark.parametrize("num_frames", [1, 3, 50, 700])
def test_the_network_equals_pytorch(rng, num_frames):
    """With the weights that come with the package, also where its taps reach beyond both ends."""
    weights = shipped.segmentation_parameters().network
    levels = rng.normal(size=(num_frames, NUM_BANDS)).astype(np.float32)

    found = log_posteriors(levels, weights)

    np.testing.assert_allclose(found, torch_network(weights)(levels), atol=1e-4)


def test_posteriors_are_probabilities(rng):
    """Over the four states they add up to one, also where scores are extreme."""
    weights = shipped.segmentation_parameters().network
    levels = (1e4 * rng.normal(size=(200, NUM_BANDS))).astype(np.float32)

    np.testing.assert_allclose(np.exp(log_posteriors(levels, weights)).sum(axis=1), 1.0)
