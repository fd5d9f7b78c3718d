"""Bringing recordings to one rate and one band, without shifting anything in time."""

from functools import cache
from math import gcd
from typing import Any

import numpy as np
from jaxtyping import Float32, Float64
from scipy import signal

_FAINTEST = float(np.finfo(np.float32).tiny)
_ORDER = 2  # of each edge and pass; zero-phase filtering runs it twice


def resample(
    samples: Float32[np.ndarray, "samples"], *, from_rate: int, to_rate: int
) -> Float32[np.ndarray, "resampled"]:
    """The same signal at another sample rate, by a polyphase filter that keeps time in place.

    Args:
        samples: One channel.
        from_rate: Its rate in hertz.
        to_rate: The rate wanted, in hertz.

    Returns:
        `ceil(samples * to_rate / from_rate)` samples; sample `i` lies at `i / to_rate` seconds.

    Raises:
        ValueError: If a rate is not positive.
    """
    if from_rate <= 0 or to_rate <= 0:
        raise ValueError(f"sample rates must be positive, got {from_rate} and {to_rate} Hz")
    if from_rate == to_rate:
        return samples
    factor = gcd(from_rate, to_rate)
    up, down = to_rate // factor, from_rate // factor
    # The stubs know of windows by name alone.
    window: Any = _resampler(up, down)
    resampled: Float64[np.ndarray, "resampled"] = signal.resample_poly(
        samples, up, down, window=window
    )
    return resampled.astype(np.float32)


@cache
def _resampler(up: int, down: int) -> Float64[np.ndarray, "taps"]:
    """The filter that `resample_poly` would design anew at each call."""
    highest = max(up, down)
    taps: Float64[np.ndarray, "taps"] = signal.firwin(
        20 * highest + 1, 1 / highest, window=("kaiser", 5.0)
    )
    return taps


def bandpass(
    samples: Float32[np.ndarray, "samples"], *, sample_rate: int, low_hz: float, high_hz: float
) -> Float32[np.ndarray, "samples"]:
    """A Butterworth band-pass run forwards and backwards: no phase, 24 dB per octave in all.

    Second-order sections, because the transfer function of a narrow low band loses its precision
    in polynomial form.

    Args:
        samples: One channel, at least two samples.
        sample_rate: In hertz.
        low_hz: Lower -6 dB edge.
        high_hz: Upper -6 dB edge, below half the sample rate.

    Raises:
        ValueError: If the edges do not fit: `0 < low_hz < high_hz < sample_rate / 2`.
    """
    if not 0 < low_hz < high_hz < sample_rate / 2:
        raise ValueError(
            f"a band of {low_hz}–{high_hz} Hz does not fit below half of {sample_rate} Hz"
        )
    sections = _band(sample_rate, low_hz, high_hz)
    # The transient of the lower edge dies out within its period; reflect two of them at each end.
    padding = min(len(samples) - 1, int(2 * sample_rate / low_hz))
    return signal.sosfiltfilt(sections, samples, padlen=padding).astype(np.float32)


@cache
def _band(sample_rate: int, low_hz: float, high_hz: float) -> Float64[np.ndarray, "sections 6"]:
    return signal.butter(_ORDER, [low_hz, high_hz], btype="bandpass", fs=sample_rate, output="sos")


def normalise(samples: Float32[np.ndarray, "samples"]) -> Float32[np.ndarray, "samples"]:
    """Scale by a robust standard deviation, so that gain and single knocks do not matter.

    The spread is the median absolute deviation times 1.4826, which for Gaussian noise is the
    standard deviation; where more than half of the samples are equal it is the root mean square.
    Silence stays silence, and what is nothing but the rounding of 32 bit floats becomes it.
    """
    centred = samples - np.median(samples)
    spread = 1.4826 * float(np.median(np.abs(centred)))
    if spread < _FAINTEST:
        spread = float(np.sqrt(np.mean(np.square(centred, dtype=np.float64))))
    if spread < _FAINTEST:
        return np.zeros_like(centred)
    scaled: Float32[np.ndarray, "samples"] = centred / spread
    return scaled.astype(np.float32)
