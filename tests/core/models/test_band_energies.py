"""How loud each band is around each token."""

import math

import numpy as np
import pytest
import torch

from oracles.band_energies import energies as by_loops
from pahcl_core.models.band_energies import BandEnergies


@pytest.fixture
def bands() -> BandEnergies:
    return BandEnergies(16, band_hz=(25.0, 400.0), sample_rate=2000)


@pytest.mark.parametrize("token", [0, 3, 9])
def test_they_are_what_loops_make_of_the_frame(bands, token):
    """Also at the ends, where a frame reaches beyond the window into silence."""
    samples = np.random.default_rng(0).normal(size=325)

    found = bands(torch.tensor(samples[None], dtype=torch.float32))

    assert found.shape == (1, 10, 16)  # the last 5 samples make no token
    expected = by_loops(
        samples.tolist(), token=token, bands_hz=(25.0, 400.0), num_bands=16, rate=2000,
        frame_size=128, fft_size=256,
    )  # fmt: skip
    np.testing.assert_allclose(found[0, token].numpy(), expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(("hz", "band"), [(25.0, 0), (100.0, 8), (400.0, 15)])
def test_a_tone_is_loudest_in_its_band(hz, band):
    bands = BandEnergies(16, band_hz=(25.0, 25.0 * 2**3.75), sample_rate=2000)
    hz = 25.0 * 2 ** (band / 4)
    time = torch.arange(2000) / 2000

    found = bands(torch.sin(2 * math.pi * hz * time)[None])[0, 10:50]

    assert (found.argmax(dim=1) == band).all()


def test_ten_times_as_loud_is_the_logarithm_of_a_hundred_more(bands):
    noise = torch.tensor(np.random.default_rng(1).normal(size=(2, 2000)), dtype=torch.float32)

    torch.testing.assert_close(
        bands(100 * noise) - bands(10 * noise), torch.full((2, 62, 16), math.log(100.0)),
        rtol=0, atol=1e-3,
    )  # fmt: skip


def test_noise_of_spread_one_has_a_power_of_one_in_every_band(bands):
    noise = torch.tensor(np.random.default_rng(2).normal(size=(200, 2000)), dtype=torch.float32)

    power = bands(noise)[:, 2:-2].exp().mean(dim=(0, 1))

    np.testing.assert_allclose(power.numpy(), 1.0, atol=0.05)


def test_silence_is_the_floor(bands):
    assert bands(torch.zeros(1, 320)).unique().tolist() == pytest.approx([math.log(1e-6)])
