"""How likely each heart state is at every fiftieth of a second, from the sound around it.

Energies in bands of frequency, as a logarithm, go through a small network of dilated convolutions
(van den Oord et al., "WaveNet: a generative model for raw audio", arXiv 1609.03499, section 2.1,
without its causality and its gates), which sees some two and a half seconds to either side: enough
to tell S1 from S2 by the pauses around them. It is evaluated in NumPy.
"""

import numpy as np
from jaxtyping import Float32, Float64
from scipy import fft, ndimage

from pahcl_core.signal.filtering import resample
from pahcl_core.signal.segmentation_parameters import NetworkWeights

FRAME_RATE = 50
"""Frames per second; frame `i` covers `i / 50` to `(i + 1) / 50` seconds."""

BAND_EDGES_HZ = (25.0, 40.0, 55.0, 70.0, 90.0, 120.0, 160.0, 210.0, 280.0, 400.0)
"""Edges of the bands: heart sounds lie in the lower ones, most of a murmur in the upper ones."""

NUM_BANDS = len(BAND_EDGES_HZ) - 1
MIN_SAMPLE_RATE = 800
"""In hertz: twice the highest edge."""

_SAMPLE_RATE = 1000
_HOP = _SAMPLE_RATE // FRAME_RATE
_WINDOW = 64  # samples: three hops, about half of an S1
_TRANSFORM = 256  # bins of 4 Hz, so that an edge falls between two of them
_LEVEL_S = 3.0  # loudness is told relative to what is this near
_FLOOR_DB = -60.0  # of a band's mean: what is fainter is silence
_CLIP = 4.0
_FRAMES_AT_ONCE = 4096  # so that the spectra of a long recording need not fit into memory


def band_levels(
    samples: Float32[np.ndarray, "samples"], *, sample_rate: int
) -> Float32[np.ndarray, "frames bands"]:
    """Level of each band in each frame, relative to its surroundings and in units of its spread.

    Args:
        samples: One channel, any scale and offset; finite.
        sample_rate: In hertz, at least 800.

    Returns:
        No unit, -4 to 4; all 0 for silence. As many frames as begin within the recording.
    """
    if sample_rate != _SAMPLE_RATE:
        samples = resample(samples, from_rate=sample_rate, to_rate=_SAMPLE_RATE)
    energy = _band_energies(samples - np.mean(samples, dtype=np.float64))
    mean = energy.mean(axis=0)
    if not (mean > 0).all():
        return np.zeros(energy.shape, dtype=np.float32)
    level = np.log(energy / mean + 10 ** (_FLOOR_DB / 10))
    width = min(2 * int(_LEVEL_S * FRAME_RATE) + 1, 2 * len(level) - 1)
    level -= ndimage.uniform_filter1d(level, width, axis=0, mode="reflect")
    spread = np.sqrt(np.mean(np.square(level), axis=0))
    level /= np.where(spread > 0, spread, 1.0)
    levels: Float32[np.ndarray, "frames bands"] = np.clip(level, -_CLIP, _CLIP).astype(np.float32)
    return levels


def log_posteriors(
    levels: Float32[np.ndarray, "frames bands"], weights: NetworkWeights
) -> Float64[np.ndarray, "frames 4"]:
    """Logarithm of the probability of S1, systole, S2 and diastole in each frame.

    Args:
        levels: From `band_levels`.
        weights: Of the network; each block adds to its input what two convolutions make of it.
    """
    hidden = np.maximum(_convolve(levels, weights.first, dilation=1) + weights.first_bias, 0.0)
    for block, dilation in enumerate(weights.dilations):
        inner = _convolve(hidden, weights.dilated[block], dilation=int(dilation))
        inner = np.maximum(inner + weights.dilated_bias[block], 0.0)
        hidden = hidden + inner @ weights.mixing[block] + weights.mixing_bias[block]
    scores = (np.maximum(hidden, 0.0) @ weights.last + weights.last_bias).astype(np.float64)
    scores -= scores.max(axis=1, keepdims=True)
    log_probability: Float64[np.ndarray, "frames 4"] = scores - np.log(
        np.exp(scores).sum(axis=1, keepdims=True)
    )
    return log_probability


def _band_energies(
    samples: Float64[np.ndarray, "samples"],
) -> Float64[np.ndarray, "frames bands"]:
    """Energy of each band under a Hann window centred on each frame."""
    num_frames = -(-len(samples) // _HOP)
    before = (_WINDOW - _HOP) // 2
    padded = np.zeros(num_frames * _HOP + _WINDOW)
    padded[before : before + len(samples)] = samples
    frames = np.lib.stride_tricks.sliding_window_view(padded, _WINDOW)[::_HOP]
    taper = np.hanning(_WINDOW + 2)[1:-1]
    edges = np.round(np.array(BAND_EDGES_HZ) * _TRANSFORM / _SAMPLE_RATE).astype(int)
    energies = np.empty((num_frames, NUM_BANDS))
    for start in range(0, num_frames, _FRAMES_AT_ONCE):
        stop = min(start + _FRAMES_AT_ONCE, num_frames)
        spectrum = fft.rfft(frames[start:stop] * taper, _TRANSFORM)[:, : edges[-1]]
        power = np.square(spectrum.real) + np.square(spectrum.imag)
        energies[start:stop] = np.add.reduceat(power, edges[:-1], axis=1)
    return energies


def _convolve(
    inputs: Float32[np.ndarray, "frames inputs"],
    kernel: Float32[np.ndarray, "taps inputs outputs"],
    *,
    dilation: int,
) -> Float32[np.ndarray, "frames outputs"]:
    """Centred convolution with zeros around, one matrix product per tap."""
    num_taps = len(kernel)
    reach = dilation * (num_taps // 2)
    padded = np.pad(inputs, ((reach, reach), (0, 0)))
    num_frames = len(inputs)
    total: Float32[np.ndarray, "frames outputs"] = padded[:num_frames] @ kernel[0]
    for tap in range(1, num_taps):
        total += padded[tap * dilation : tap * dilation + num_frames] @ kernel[tap]
    return total
