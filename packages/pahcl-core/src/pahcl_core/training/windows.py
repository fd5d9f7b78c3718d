"""Batches: windows of sound gathered by index from the packed signal, on the device."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float, Int64
from torch import Tensor

from pahcl_core.data.cycle_set import CycleSet


class Windows(NamedTuple):
    """A batch of cycles as an encoder takes them."""

    samples: Float[Tensor, "batch samples"]
    bounds: Int64[Tensor, "batch 5"]
    """In samples from the start of each window."""


class WindowSource:
    """A `CycleSet` on a device."""

    def __init__(self, cycles: CycleSet, *, window_s: float, device: torch.device) -> None:
        self.sample_rate = cycles.sample_rate
        self._window = torch.arange(round(window_s * cycles.sample_rate), device=device)
        self._samples = torch.from_numpy(cycles.samples).to(device)
        self._bounds = torch.from_numpy(cycles.bounds).to(device)
        self._first = torch.from_numpy(cycles.offsets[cycles.recording]).to(device)
        self._last = torch.from_numpy(cycles.offsets[cycles.recording + 1]).to(device)

    def __getitem__(self, cycle: Int64[np.ndarray, "batch"]) -> Windows:
        """The windows of these cycles, each starting at its S1."""
        return self.shifted(cycle, torch.zeros(len(cycle), dtype=torch.int64))

    def shifted(self, cycle: Int64[np.ndarray, "batch"], shift: Int64[Tensor, "batch"]) -> Windows:
        """The windows of these cycles, each starting so many samples after its S1.

        What lies outside of the recording is silence: a window never shows another recording.
        """
        index = torch.from_numpy(cycle).to(self._samples.device)
        start = self._bounds[index, 0] + shift.to(index.device)
        position = start[:, None] + self._window  # (B, N)
        inside = (position >= self._first[index, None]) & (position < self._last[index, None])
        samples = self._samples[position.clamp(0, len(self._samples) - 1)] * inside
        return Windows(samples, self._bounds[index] - start[:, None])


@dataclass(frozen=True, kw_only=True, slots=True)
class AugmentationConfig:
    """What may change in a cycle without changing what it says of the heart."""

    gain: float = 0.3
    """Standard deviation of the logarithm of the loudness: pressure of the stethoscope."""

    noise: float = 0.1
    """Largest standard deviation of added white noise, in units of the recording's spread."""

    shift_s: float = 0.01
    """Largest shift of the window, in seconds: the onset of S1 is not known better."""

    mask_s: float = 0.0
    """Longest stretch of silence put into the window, in seconds; 0 for none."""

    def __post_init__(self) -> None:
        for name in ("gain", "noise", "shift_s", "mask_s"):
            if getattr(self, name) < 0:
                raise ValueError(f"{name} must be at least 0, got {getattr(self, name)}")


def augmented(
    source: WindowSource,
    cycle: Int64[np.ndarray, "batch"],
    config: AugmentationConfig,
    generator: torch.Generator,
) -> Windows:
    """Windows of these cycles, each changed at random.

    The random numbers are drawn on the host, so that a seed means the same on every device.
    """
    batch = len(cycle)
    reach = round(config.shift_s * source.sample_rate)
    shift = torch.randint(-reach, reach + 1, (batch,), generator=generator)
    samples, bounds = source.shifted(cycle, shift)

    gain = torch.exp(config.gain * torch.randn(batch, 1, generator=generator))
    level = config.noise * torch.rand(batch, 1, generator=generator)
    noise = level * torch.randn(samples.shape, generator=generator)
    samples = samples * gain.to(samples.device) + noise.to(samples.device)
    if config.mask_s > 0:
        samples = samples * _mask(samples.shape, config.mask_s * source.sample_rate, generator).to(
            samples.device
        )
    return Windows(samples, bounds)


def _mask(
    shape: torch.Size, longest: float, generator: torch.Generator
) -> Float[Tensor, "batch samples"]:
    batch, length = shape
    start = torch.rand(batch, 1, generator=generator) * length
    stop = start + torch.rand(batch, 1, generator=generator) * longest
    position = torch.arange(length)
    return ((position < start) | (position >= stop)).float()


def epoch_of(
    cycles: CycleSet,
    chosen: Int64[np.ndarray, "chosen"],
    *,
    per_recording: int,
    rng: np.random.Generator,
) -> Int64[np.ndarray, "drawn"]:
    """Indices of one epoch, shuffled: at most `per_recording` cycles of each recording.

    Without the limit a long recording would weigh more than a short one.
    """
    shuffled = rng.permutation(chosen)
    recording = cycles.recording[shuffled]
    order = np.argsort(recording, kind="stable")
    ordered = recording[order]
    rank = np.arange(len(ordered)) - np.searchsorted(ordered, ordered)
    drawn = np.sort(order[rank < per_recording])  # back into the shuffled order
    result: Int64[np.ndarray, "drawn"] = shuffled[drawn]
    return result


def batches(
    index: Int64[np.ndarray, "drawn"], batch_size: int
) -> Sequence[Int64[np.ndarray, "batch"]]:
    """Cut into batches of nearly equal size, none above `batch_size`: no tiny last one."""
    return np.array_split(index, num_batches(len(index), batch_size))


def num_batches(num_cycles: int, batch_size: int) -> int:
    """How many batches that makes."""
    return max(1, -(-num_cycles // batch_size))


def pairs_of(
    cycles: CycleSet, anchor: Int64[np.ndarray, "batch"], rng: np.random.Generator
) -> Int64[np.ndarray, "batch"]:
    """For each cycle another one of the same recording, or itself where there is no other."""
    recording = cycles.recording[anchor]
    first = np.searchsorted(cycles.recording, recording, side="left")
    count = np.searchsorted(cycles.recording, recording, side="right") - first
    step = 1 + np.floor(rng.random(len(anchor)) * np.maximum(count - 1, 0)).astype(np.int64)
    result: Int64[np.ndarray, "batch"] = first + (anchor - first + step) % count
    return result


def in_order(
    index: Int64[np.ndarray, "chosen"], batch_size: int
) -> Iterator[Int64[np.ndarray, "batch"]]:
    """Batches for evaluation."""
    for start in range(0, len(index), batch_size):
        yield index[start : start + batch_size]
