"""Recordings to rows of figures, one row each."""

from collections.abc import Iterator

import numpy as np
import torch
from jaxtyping import Float32, Float64, Int64

from pahcl_core.baselines.remembered import content_of, remembered
from pahcl_core.baselines.settings import Features
from pahcl_core.baselines.spectral import SpectrumConfig, log_mel, mfcc, statistics
from pahcl_core.data.cycle_set import CycleSet
from pahcl_core.data.preparation import SignalConfig
from pahcl_core.models.band_energies import BandEnergies
from pahcl_core.models.pooling import by_phase, mean_between

_CYCLES_AT_ONCE = 64


def recording_features(
    cycles: CycleSet, name: Features, spectrum: SpectrumConfig, signal: SignalConfig
) -> tuple[Int64[np.ndarray, "recordings"], Float64[np.ndarray, "recordings features"]]:
    """A row for each recording that has cycles.

    What was computed lately is not computed again: in folds and over seeds it is the same.

    Args:
        cycles: The recordings as they were prepared.
        name: Which figures, of those that need no encoder.
        spectrum: How their spectrum is taken.
        signal: What they were prepared by.

    Returns:
        Which recordings, as indices into those of `cycles`, ascending, and their rows.
    """
    heard = np.unique(cycles.recording)
    key = (content_of(cycles), name, spectrum, signal)
    return heard, remembered(key, lambda: _features(cycles, heard, name, spectrum, signal))


def _features(
    cycles: CycleSet,
    heard: Int64[np.ndarray, "recordings"],
    name: Features,
    spectrum: SpectrumConfig,
    signal: SignalConfig,
) -> Float64[np.ndarray, "recordings features"]:
    if name == "phase_bands":
        return _phase_bands(cycles, heard, spectrum.num_bands, signal)
    rows = []
    for _, samples in _sounds(cycles, heard):
        values = log_mel(samples, spectrum, signal)
        if name == "mfcc":
            values = mfcc(values, spectrum.num_coefficients)
        rows.append(statistics(values))
    return np.stack(rows)


def _phase_bands(
    cycles: CycleSet, heard: Int64[np.ndarray, "recordings"], num_bands: int, signal: SignalConfig
) -> Float64[np.ndarray, "recordings features"]:
    """How loud each band is in each phase, the mean of a recording's cycles; S1's bands first.

    Where nothing is known of a phase, the whole cycle or window stands for it.
    """
    band_hz = (signal.low_hz, signal.high_hz)
    energies = BandEnergies(num_bands, band_hz=band_hz, sample_rate=signal.sample_rate)
    rows = []
    with torch.no_grad():
        for number, samples in _sounds(cycles, heard):
            tokens = energies(torch.from_numpy(samples)[None])  # (1, T, K)
            own = cycles.bounds[cycles.recording == number] - cycles.offsets[number]
            total = torch.zeros(4, num_bands, dtype=torch.float64)
            for bounds in torch.from_numpy(own).split(_CYCLES_AT_ONCE):
                filled = by_phase(mean_between, tokens.expand(len(bounds), -1, -1), bounds).filled
                total += filled.double().sum(dim=0)
            rows.append((total / len(own)).flatten().numpy())
    return np.stack(rows)


def _sounds(
    cycles: CycleSet, recordings: Int64[np.ndarray, "recordings"]
) -> Iterator[tuple[int, Float32[np.ndarray, "samples"]]]:
    """Each of them with its number."""
    for number in recordings.tolist():
        begin, end = cycles.offsets[number : number + 2]
        yield number, np.array(cycles.samples[begin:end])
