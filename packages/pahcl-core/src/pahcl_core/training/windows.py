"""Batches: windows of sound gathered by index from the packed signal, on the device."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float, Int64
from torch import Tensor

from pahcl_core.data.cycle_set import CycleSet
from pahcl_core.data.preparation import SignalConfig
from pahcl_core.models.encoder import EncoderConfig


class Windows(NamedTuple):
    """A batch of cycles as an encoder takes them."""

    samples: Float[Tensor, "batch samples"]
    bounds: Int64[Tensor, "batch 5"]
    """In samples from the start of each window."""


class WindowSource:
    """A `CycleSet` on a device.

    Args:
        cycles: The sound, and where its cycles are.
        window_s: Length of a window, in seconds.
        band_hz: The pass band of the recordings: changes in frequency are made within it.
        device: Where windows are made, and are used.
    """

    def __init__(
        self,
        cycles: CycleSet,
        *,
        window_s: float,
        band_hz: tuple[float, float],
        device: torch.device,
    ) -> None:
        self.sample_rate = cycles.sample_rate
        self.band_hz = band_hz
        self.num_samples = round(window_s * cycles.sample_rate)
        self.device = device
        self._window = torch.arange(self.num_samples, device=device)
        self._samples = torch.from_numpy(cycles.samples).to(device)
        self._bounds = torch.from_numpy(cycles.bounds).to(device)
        self._num_cycles = len(cycles)
        self._first = torch.from_numpy(cycles.offsets[cycles.recording]).to(device)
        self._last = torch.from_numpy(cycles.offsets[cycles.recording + 1]).to(device)

    @classmethod
    def seen_by(
        cls, encoder: EncoderConfig, cycles: CycleSet, signal: SignalConfig, device: torch.device
    ) -> "WindowSource":
        """Windows as long as that encoder is shown, of recordings prepared so."""
        return cls(
            cycles,
            window_s=encoder.window_s,
            band_hz=(signal.low_hz, signal.high_hz),
            device=device,
        )

    def __getitem__(self, cycle: Int64[np.ndarray, "batch"]) -> Windows:
        """The windows of these cycles, each starting at its S1."""
        return self.shifted(cycle, torch.zeros(len(cycle), dtype=torch.int64))

    def shifted(
        self,
        cycle: Int64[np.ndarray, "batch"],
        shift: Int64[Tensor, "batch"],
        stretch: Float[Tensor, "batch"] | None = None,
    ) -> Windows:
        """The windows of these cycles, each starting so many samples after its S1.

        What lies outside of the recording is silence: a window never shows another recording.

        Args:
            cycle: Which cycles; a number beyond the last is as `epoch_of` means it.
            shift: Samples of the window from S1 to its start; negative to start before.
            stretch: How many times as long everything lasts, S1 staying where it is; None for 1.
                Values between samples are interpolated, bounds are rounded to samples. Systole and
                diastole change alike, where a heart that beats faster shortens diastole more.
        """
        index = torch.from_numpy(cycle % self._num_cycles).to(self.device)
        place = self._window + shift.to(self.device)[:, None]  # (B, N), from S1 on
        onset = self._bounds[index, :1]
        bounds = self._bounds[index] - onset
        if stretch is None:
            samples = self._at(index, onset + place)
        else:
            samples = self._between(index, onset, place / stretch[:, None])
            bounds = torch.round(bounds * stretch[:, None]).long()
        return Windows(samples, bounds - place[:, :1])

    def _at(
        self, index: Int64[Tensor, "batch"], position: Int64[Tensor, "batch samples"]
    ) -> Float[Tensor, "batch samples"]:
        """Samples by their position in the packed signal; zero outside of the recording."""
        inside = (position >= self._first[index, None]) & (position < self._last[index, None])
        place = position.clamp(0, len(self._samples) - 1).flatten()
        found = self._samples.index_select(0, place)  # a quarter of the time of plain indexing
        return found.view_as(position).mul_(inside)

    def _between(
        self,
        index: Int64[Tensor, "batch"],
        onset: Int64[Tensor, "batch 1"],
        place: Float[Tensor, "batch samples"],
    ) -> Float[Tensor, "batch samples"]:
        """Values between samples, `place` samples after the onset, by cubic convolution.

        A tone of a tenth of the sample rate keeps 0.996 of its height or more, one of a fifth
        0.95; linear interpolation would leave 0.95 and 0.81.

        Source:
            Keys, 1981, "Cubic convolution interpolation", doi:10.1109/TASSP.1981.1163711, with
            a = -1/2.
        """
        whole = place.floor()
        t = place - whole
        before = onset + whole.long()
        weights = (
            ((-0.5 * t + 1.0) * t - 0.5) * t,
            (1.5 * t - 2.5) * t * t + 1.0,
            ((-1.5 * t + 2.0) * t + 0.5) * t,
            (0.5 * t - 0.5) * t * t,
        )
        samples = torch.zeros_like(place)
        for tap, weight in enumerate(weights, start=-1):
            samples = samples + weight * self._at(index, before + tap)
        return samples


@dataclass(frozen=True, kw_only=True, slots=True)
class Mix:
    """What share of an epoch is of which part of a `CycleSet`: of which collection or class."""

    part: Int64[np.ndarray, "cycles"]
    """Which part each cycle of the `CycleSet` is of."""

    weights: tuple[float, ...]
    """Of each part; positive."""

    def counts(self, without: Int64[np.ndarray, "parts"]) -> list[int]:
        """How many cycles of each part make an epoch.

        As many in all as without weights, and of each in proportion to its weight times what it
        has without: whole numbers by largest remainder, the first part where two are equal.

        Args:
            without: How many there would be without weights.
        """
        shares = [
            Fraction(weight) * int(n) for weight, n in zip(self.weights, without, strict=True)
        ]
        quotas = [share * int(without.sum()) / sum(shares) for share in shares]
        counts = [int(quota) for quota in quotas]
        by_remainder = sorted(range(len(quotas)), key=lambda i: counts[i] - quotas[i])
        for i in by_remainder[: int(without.sum()) - sum(counts)]:
            counts[i] += 1
        return counts


def epoch_of(
    cycles: CycleSet,
    chosen: Int64[np.ndarray, "chosen"],
    *,
    per_recording: int,
    rng: np.random.Generator,
    mix: Mix | None = None,
) -> Int64[np.ndarray, "drawn"]:
    """Indices of one epoch, shuffled: at most `per_recording` cycles of each recording.

    Without the limit a long recording would weigh more than a short one.

    Args:
        cycles: Those there are.
        chosen: Those to draw from.
        per_recording: The limit.
        rng: What the result depends on, besides.
        mix: Draw as many of each part as it says (`Mix.counts`), and as evenly over the part's
            recordings as they have cycles: a second one of none before a first one
            of all, and so on. Once there are no more, each is drawn again, as the index plus
            `len(cycles)`, then plus twice that: the same cycle with other random numbers, so that
            it is seen in other views.
    """
    shuffled = rng.permutation(chosen)
    recording = cycles.recording[shuffled]
    order = np.argsort(recording, kind="stable")
    ordered = recording[order]
    rank = np.empty_like(order)
    rank[order] = np.arange(len(ordered)) - np.searchsorted(ordered, ordered)
    within = rank < per_recording
    result: Int64[np.ndarray, "drawn"] = shuffled[within]
    if mix is None:
        return result
    part, taken = mix.part[shuffled], []
    without = np.bincount(part[within], minlength=len(mix.weights))
    for number, count in enumerate(mix.counts(without)):
        there = np.flatnonzero(part == number)
        evenly = shuffled[there[np.argsort(rank[there], kind="stable")]]
        again, place = np.divmod(np.arange(count), max(1, len(evenly)))
        taken.append(evenly[place] + again * len(cycles))
    result = rng.permutation(np.concatenate(taken))
    return result


def spread_over(
    cycles: CycleSet, chosen: Int64[np.ndarray, "chosen"], per_recording: int
) -> Int64[np.ndarray, "spread"]:
    """At most so many of each recording, as far from one another and from its ends as can be."""
    _, first, count = np.unique(cycles.recording[chosen], return_index=True, return_counts=True)
    taken = []
    for start, number in zip(first, count, strict=True):
        some = min(per_recording, number)
        taken.append(start + (2 * np.arange(some) + 1) * number // (2 * some))
    result: Int64[np.ndarray, "spread"] = chosen[np.concatenate(taken)] if taken else chosen
    return result


def batches(
    index: Int64[np.ndarray, "drawn"], batch_size: int
) -> Sequence[Int64[np.ndarray, "batch"]]:
    """Cut into batches of nearly equal size, none above `batch_size`: no tiny last one."""
    return np.array_split(index, num_batches(len(index), batch_size))


def num_batches(num_cycles: int, batch_size: int) -> int:
    """How many batches that makes."""
    return max(1, -(-num_cycles // batch_size))


def in_order(
    index: Int64[np.ndarray, "chosen"], batch_size: int
) -> Iterator[Int64[np.ndarray, "batch"]]:
    """Batches for evaluation."""
    for start in range(0, len(index), batch_size):
        yield index[start : start + batch_size]
