"""What no augmentation may do: lose an event, mix up their order, or show another recording."""

import numpy as np
import pytest
import torch
from scipy import signal

from pahcl_core.data.cycle_set import CycleSet
from pahcl_core.training.augmentation import AugmentationConfig, augmented
from pahcl_core.training.draws import Draw
from pahcl_core.training.windows import WindowSource

RATE = 2000
LENGTH = 3000
NUM = 400
ONSET = np.array([0, 240, 620, 860, 1500])  # from S1 on
BATCH = np.arange(NUM)
ALWAYS = {
    f"{name}_probability": 1.0
    for name in ("stretch", "band_noise", "respiration", "frequency_mask")
}
MOVED = AugmentationConfig(
    gain=0.3, noise=0.1, shift_s=0.02, stretch=0.2, band_noise=0.2, respiration=0.5, **ALWAYS
)
EVERYTHING = AugmentationConfig(
    mask_s=0.1,
    stretch=0.2,
    band_noise=0.2,
    respiration=1.0,
    frequency_mask_octaves=1.0,
    **ALWAYS,
)


def source_of(samples, first=400) -> WindowSource:
    """Many cycles at the same place of the middle one of three recordings."""
    cycles = CycleSet(
        recordings=(),
        sources=(),
        sample_rate=RATE,
        samples=samples.astype(np.float32),
        offsets=LENGTH * np.arange(4),
        recording=np.ones(NUM, dtype=np.int64),
        bounds=np.tile(LENGTH + first + ONSET, (NUM, 1)),
    )
    return WindowSource(cycles, window_s=1.0, band_hz=(25.0, 600.0), device=torch.device("cpu"))


def test_bounds_point_at_the_events_they_pointed_at():
    """A knock at each is the loudest within 20 ms of where the view says it is, to a sample."""
    samples = np.zeros(3 * LENGTH)
    samples[LENGTH + 400 + ONSET] = 100.0

    views = augmented(source_of(samples), BATCH, MOVED, Draw(1, 1))

    for row in range(NUM):
        for bound in views.bounds[row].tolist():
            if bound < 2000 - 40:
                near = views.samples[row, max(0, bound - 40) : bound + 40].abs()
                assert abs(near.argmax().item() - min(bound, 40)) <= 1


@pytest.mark.parametrize("seed", range(3))
def test_bounds_ascend_and_s1_is_in_the_window(seed):
    """Up to the limits of every setting."""
    source = source_of(np.zeros(3 * LENGTH))

    bounds = augmented(source, BATCH, MOVED, Draw(seed, 1)).bounds

    assert (bounds.diff(dim=1) > 0).all()
    assert (bounds[:, 0] >= 0).all()
    assert (bounds[:, 0] < 2000).all()
    length = bounds[:, -1] - bounds[:, 0]
    assert length.min() < 0.85 * 1500
    assert length.max() > 1.15 * 1500


def test_unknown_phases_stay_unknown():
    source = source_of(np.zeros(3 * LENGTH))
    source._bounds[:, 1:4] = source._bounds[:, :1]

    bounds = augmented(source, BATCH, MOVED, Draw(1, 1)).bounds

    assert (bounds[:, :4] == bounds[:, :1]).all()
    assert (bounds[:, 4] > bounds[:, 3]).all()


@pytest.mark.parametrize("first", [0, 5, 1200, 1499])
def test_no_other_recording_is_heard(first):
    """Before this one and after it, they are deafening."""
    rng = np.random.default_rng(0)
    samples = np.full(3 * LENGTH, 1e30)
    samples[LENGTH : 2 * LENGTH] = rng.normal(size=LENGTH)

    views = augmented(source_of(samples, first), BATCH, EVERYTHING, Draw(1, 1))

    assert views.samples.abs().max() < 50


def test_beyond_the_recording_is_silence():
    """With everything on that leaves silence silent."""
    config = AugmentationConfig(noise=0.0, stretch=0.2, respiration=0.5, mask_s=0.1, **ALWAYS)
    samples, bounds = augmented(source_of(np.ones(3 * LENGTH), 1500), BATCH, config, Draw(1, 1))

    end = bounds[:, -1]  # of the cycle, and of the recording
    place = torch.arange(2000)
    assert (samples[place >= end[:, None] + 3] == 0).all()
    assert (samples[:, :-1][place[:-1] < end[:, None] - 300] > 0).double().mean() > 0.9


def test_no_frequency_mask_takes_a_heart_sound_away():
    """The widest, anywhere: of a sound like S1, from 30 to 150 Hz, a fifth of the energy stays."""
    samples = np.zeros(3 * LENGTH)
    samples[LENGTH + 500] = 1.0
    samples = signal.sosfiltfilt(
        signal.butter(2, [30, 150], "band", fs=RATE, output="sos"), samples
    )
    source = source_of(samples)
    config = AugmentationConfig(
        gain=0.0, noise=0.0, shift_s=0.0, frequency_mask_octaves=1.0, frequency_mask_probability=1.0
    )

    views = augmented(source, BATCH, config, Draw(1, 1)).samples

    kept = views.square().sum(dim=1) / source[BATCH].samples.square().sum(dim=1)
    assert kept.min() > 0.2
    assert kept.min() < 0.7
