"""Views of a cycle: changed as much as the settings allow, and the same again for the same seed."""

import math

import numpy as np
import pytest
import torch

from pahcl_core.data.cycle_set import CycleSet
from pahcl_core.training.windows import AugmentationConfig, WindowSource, augmented

RATE = 1000
NOTHING = {"gain": 0.0, "noise": 0.0, "shift_s": 0.0, "mask_s": 0.0}
BATCH = np.zeros(2000, dtype=np.int64)


@pytest.fixture(scope="module")
def source() -> WindowSource:
    """One recording whose every sample is its own position, from 1 on; S1 at sample 400."""
    cycles = CycleSet(
        recordings=(),
        sources=(),
        sample_rate=RATE,
        samples=np.arange(1, 1001, dtype=np.float32),
        offsets=np.array([0, 1000]),
        recording=np.array([0]),
        bounds=np.array([[400, 420, 450, 470, 500]]),
    )
    return WindowSource(cycles, window_s=0.1, device=torch.device("cpu"))


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def views(source, seed: int = 0, **changes):
    return augmented(source, BATCH, AugmentationConfig(**{**NOTHING, **changes}), generator(seed))


def test_with_everything_off_a_view_is_the_window(source):
    samples, bounds = views(source)

    assert torch.equal(samples, source[BATCH].samples)
    assert torch.equal(bounds, source[BATCH].bounds)


def test_the_same_seed_gives_the_same_views(source):
    """To the bit, whatever the global seed; another seed gives others."""
    config = AugmentationConfig(mask_s=0.02)
    torch.manual_seed(1)
    first = augmented(source, BATCH, config, generator(7))
    torch.manual_seed(2)
    second = augmented(source, BATCH, config, generator(7))
    other = augmented(source, BATCH, config, generator(8))

    assert torch.equal(first.samples, second.samples)
    assert torch.equal(first.bounds, second.bounds)
    assert not torch.equal(first.samples, other.samples)


def test_two_views_of_one_generator_differ(source):
    shared = generator()
    config = AugmentationConfig()

    first = augmented(source, BATCH, config, shared)
    second = augmented(source, BATCH, config, shared)

    assert not torch.equal(first.samples, second.samples)


def test_the_shift_stays_within_its_limit_and_moves_the_bounds_with_the_sound(source):
    samples, bounds = views(source, shift_s=0.01)

    assert bounds[:, 0].unique().tolist() == list(range(-10, 11))  # 10 ms are 10 samples
    assert torch.equal(samples[:, 0], 401.0 - bounds[:, 0])
    assert torch.equal(bounds.diff(dim=1), source[BATCH].bounds.diff(dim=1))


def test_the_gain_is_one_factor_for_a_window(source):
    """Log-normal: its logarithm has mean 0 and the deviation asked for, within 5 errors."""
    samples, _ = views(source, gain=0.3)
    factor = samples / source[BATCH].samples

    assert torch.allclose(factor, factor[:, :1].expand_as(factor), rtol=1e-5)
    logarithm = factor[:, 0].log()
    assert abs(logarithm.mean().item()) < 5 * 0.3 / math.sqrt(2000)
    assert abs(logarithm.std().item() - 0.3) < 5 * 0.3 / math.sqrt(2 * 2000)


def test_noise_is_white_and_no_louder_than_its_limit(source):
    """Its deviation is uniform from 0 to the limit, another one for each window."""
    samples, _ = views(source, noise=0.1)
    noise = (samples - source[BATCH].samples).double()
    deviation = noise.std(dim=1)

    assert deviation.max().item() < 0.1 * (1 + 5 / math.sqrt(2 * 100))
    assert abs(deviation.mean().item() - 0.05) < 0.005
    assert deviation.min().item() < 0.005
    neighbours = (noise[:, 1:] * noise[:, :-1]).mean() / noise.square().mean()
    assert abs(neighbours.item()) < 5 / math.sqrt(2000 * 99)


def test_a_mask_is_one_stretch_of_silence_no_longer_than_its_limit(source):
    samples, _ = views(source, mask_s=0.02)
    silent = samples == 0

    lengths = silent.sum(dim=1)
    assert lengths.max().item() == 20
    assert lengths.min().item() == 0
    inside = ~silent[:, -1]  # not cut off by the window's end
    spread = 20 / math.sqrt(12)  # of a uniform length
    error = 5 * spread / math.sqrt(inside.sum().item())
    assert abs(lengths[inside].double().mean().item() - 10) < error
    edges = torch.nn.functional.pad(silent.int(), (1, 1)).diff(dim=1).abs().sum(dim=1)
    assert set(edges.tolist()) == {0, 2}
    assert silent[:, 1:].any(dim=0).all()  # anywhere in the window
    assert torch.equal(samples[~silent], source[BATCH].samples[~silent])


@pytest.mark.parametrize("name", list(NOTHING))
def test_a_negative_setting_is_refused(name):
    with pytest.raises(ValueError, match=f"{name} must be at least 0, got -0.1"):
        AugmentationConfig(**{name: -0.1})
