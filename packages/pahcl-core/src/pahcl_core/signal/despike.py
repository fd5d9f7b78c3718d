"""Removing spikes: knocks and clicks far louder than anything the heart does."""

import numpy as np
from jaxtyping import Float32, Int64

from pahcl_core.signal.order import median

_WINDOW_S = 0.5
_MAX_RATIO = 3.0  # of a window's largest amplitude to the median over the windows


def despike(
    samples: Float32[np.ndarray, "samples"], *, sample_rate: int
) -> Float32[np.ndarray, "samples"]:
    """Zero every half-wave that is far louder than the recording around it.

    The recording is parted in windows of 500 ms, and the largest absolute amplitude of each is
    found. While the greatest of them is above three times their median, the half-wave that it
    belongs to, from the zero crossing before it to the one after it, is set to zero, and the
    amplitudes are found again.

    A window holds a sound of every heart that beats 60 times a minute or more, so the heart alone
    seldom makes one three times as loud as most. Zero crossings mean something only where there
    is no offset: take it off first.

    Args:
        samples: One channel around zero, any scale; finite. It is not modified.
        sample_rate: In hertz.

    Returns:
        As many samples; the same ones but for the spikes, which are zero. Where there are none,
        the very array that was given.

    Raises:
        ValueError: If the sample rate is not positive.

    Source:
        Schmidt et al., "Segmentation of heart sound recordings by a duration-dependent hidden
        Markov model", Physiological Measurement 31, 2010, section 2. What it leaves open: the
        samples left over at the end belong to the last window here, and a sample of exactly zero
        ends a half-wave, too. Windows of nothing but zeros have no part in the median here, or
        in a recording that is mostly silent all that is not would be a spike.
    """
    if sample_rate <= 0:
        raise ValueError(f"the sample rate must be positive, got {sample_rate} Hz")
    if len(samples) == 0:
        return samples
    width = max(1, round(_WINDOW_S * sample_rate))
    windows = np.arange(max(1, len(samples) // width)) * width
    amplitude = np.abs(samples)
    loudest = np.maximum.reduceat(amplitude, windows)
    despiked = samples
    waves: Int64[np.ndarray, "waves"] | None = None
    # No median is larger than the one before, so a wave that is too loud once is too loud until it
    # is gone: all of them can go at once, and what is left is the same as if each went by itself.
    while loudest.max() > (limit := _limit(loudest)):
        if waves is None:
            waves = _half_waves(samples)
            despiked = samples.copy()
        spikes = _waves_at(_above(amplitude, limit), waves)
        despiked[spikes] = amplitude[spikes] = 0.0
        loudest = np.maximum.reduceat(amplitude, windows)
    return despiked


def _limit(loudest: Float32[np.ndarray, "windows"]) -> np.float64:
    """Above which a window holds a spike.

    It never runs out of windows: those up to the median stay as they are.
    """
    sounding = loudest[loudest > 0].astype(np.float64)
    # Of 64 bits: compared with a plain number, the others would round it to their own 32.
    return np.float64(_MAX_RATIO * median(sounding) if len(sounding) else 0.0)


def _above(
    amplitude: Float32[np.ndarray, "samples"], limit: np.float64
) -> Int64[np.ndarray, "places"]:
    """Where the amplitude is above a limit that may lie between two numbers of 32 bits."""
    near = np.flatnonzero(amplitude >= np.float32(limit))
    return near[amplitude[near] > limit]


def _waves_at(
    places: Int64[np.ndarray, "places"], waves: Int64[np.ndarray, "bounds"]
) -> Int64[np.ndarray, "samples_of_them"]:
    """Every sample of the half-waves that these samples belong to."""
    wave = np.unique(np.searchsorted(waves, places, side="right"))
    start, length = waves[wave - 1], waves[wave] - waves[wave - 1]
    before = np.cumsum(length) - length  # samples of the waves before it
    return np.repeat(start - before, length) + np.arange(length.sum())


def _half_waves(samples: Float32[np.ndarray, "samples"]) -> Int64[np.ndarray, "bounds"]:
    """First sample of each run of one sign, and the end; a run of zeros counts as one, too."""
    sign = (samples > 0).view(np.int8) - (samples < 0).view(np.int8)
    changes = np.flatnonzero(sign[1:] != sign[:-1]) + 1
    return np.concatenate([[0], changes, [len(samples)]]).astype(np.int64)
