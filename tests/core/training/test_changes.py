"""What an augmentation does to a window, against its definition in loops."""

import numpy as np
import pytest
import torch

from oracles import changes as oracle
from pahcl_core.training.changes import (
    band_response,
    breathing,
    in_band,
    noise_in_band,
    silenced,
)

RATE = 200


@pytest.fixture
def windows() -> torch.Tensor:
    return torch.from_numpy(np.random.default_rng(0).normal(size=(4, 60)).astype(np.float32))


def close(found, expected):
    np.testing.assert_allclose(found.double().numpy(), expected, rtol=2e-5, atol=1e-5)


def test_breathing_is_a_slow_sine_of_the_loudness(windows):
    depth, rate, phase = [0.0, 0.5, 1.0, 0.2], [0.15, 0.4, 2.0, 0.3], [0.9, 0.0, 0.25, 0.5]

    found = breathing(
        windows,
        depth=torch.tensor(depth),
        rate_hz=torch.tensor(rate),
        phase=torch.tensor(phase),
        sample_rate=RATE,
    )

    assert torch.equal(found[0], windows[0])
    rows = zip(windows.tolist(), depth, rate, phase, strict=True)
    close(found, [oracle.breathing(*row, RATE) for row in rows])


def test_silence_is_from_its_start_to_before_its_end(windows):
    start, length = [0.0, 10.0, 57.5, 20.0], [3.0, 4.5, 9.0, 0.0]

    found = silenced(windows, start=torch.tensor(start), length=torch.tensor(length))

    rows = zip(windows.tolist(), start, length, strict=True)
    assert found.tolist() == [oracle.silenced(*row) for row in rows]


LOW_HZ, HIGH_HZ = [10.0, 30.0, 5.0, 40.0], [20.0, 31.0, 90.0, 40.0]
BANDS = {"low": torch.tensor(LOW_HZ).log2(), "high": torch.tensor(HIGH_HZ).log2()}


def band(low_hz, high_hz):
    return {"low": torch.tensor([low_hz]).log2(), "high": torch.tensor([high_hz]).log2()}


def test_a_band_has_smooth_edges_of_a_quarter_octave():
    frequency = torch.arange(0.0, 100.0, 0.5)

    found = band_response(frequency, **BANDS)

    expected = [
        [oracle.response(one, low, high) for one in frequency.tolist()]
        for low, high in zip(LOW_HZ, HIGH_HZ, strict=True)
    ]
    close(found, expected)
    at = {one: found[0, round(2 * one)].item() for one in (0.0, 9.0, 10.0, 14.0, 20.0, 22.0)}
    assert at == pytest.approx({0.0: 0, 9.0: 0, 10.0: 0.5, 14.0: 1, 20.0: 0.5, 22.0: 0}, abs=0.05)


@pytest.mark.parametrize("num_samples", [60, 59])
def test_what_is_in_a_band_is_a_sum_of_its_waves(windows, num_samples):
    windows = windows[:, :num_samples]

    found = in_band(windows, **BANDS, sample_rate=RATE)

    rows = zip(windows.tolist(), LOW_HZ, HIGH_HZ, strict=True)
    close(found, [oracle.in_band(*row, RATE) for row in rows])


def test_what_is_in_a_band_stays_in_its_place():
    """A knock in the middle answers with one, and as much before it as after."""
    windows = torch.zeros(1, 401)
    windows[0, 200] = 1.0

    found = in_band(windows, **band(20.0, 60.0), sample_rate=RATE)[0]

    assert found.argmax() == 200
    assert torch.allclose(found, found.flip(0), atol=1e-6)


def test_a_knock_at_the_end_does_not_ring_at_the_start():
    windows = torch.zeros(1, 400)
    windows[0, -1] = 1.0

    found = in_band(windows, **band(20.0, 60.0), sample_rate=RATE)[0]

    assert found[-50:].abs().max() > 0.1
    assert found[:50].abs().max() < 0.001


@pytest.mark.parametrize("num_samples", [60, 58])
def test_noise_in_a_band_is_a_sum_of_waves_of_random_heights(num_samples):
    white = np.random.default_rng(1).normal(size=(4, num_samples + 2)).astype(np.float32)

    found = noise_in_band(torch.from_numpy(white), **BANDS, sample_rate=RATE)

    rows = zip(white.tolist(), LOW_HZ, HIGH_HZ, strict=True)
    close(found, [oracle.noise_in_band(*row, RATE) for row in rows])


def test_noise_in_a_band_has_the_variance_one():
    """On average over 2000 windows, within 5 errors: a window of 21 waves varies by 1 in 21."""
    white = np.random.default_rng(2).normal(size=(2000, 402)).astype(np.float32)
    edges = {name: edge.expand(2000) for name, edge in band(20.0, 30.0).items()}

    found = noise_in_band(torch.from_numpy(white), **edges, sample_rate=RATE)

    variance = found.double().var(dim=1, correction=0)
    assert abs(variance.mean().item() - 1) < 5 * np.sqrt(1 / 15 / 2000)


def test_a_band_between_two_frequencies_holds_no_noise():
    """A window too short to tell them apart; nothing is divided by zero."""
    found = noise_in_band(torch.ones(1, 12), **band(24.0, 25.0), sample_rate=RATE)

    assert found.tolist() == [[0.0] * 10]
