"""What tells a recording that can be judged from one that cannot, in numbers.

Heart sounds come back with every beat, and most of their power lies in one band. Both are told
from the power in three bands at every fiftieth of a second, so that neither the gain nor the
sample rate matters.

Source: Springer et al., "Automated signal quality assessment of mobile phone-recorded heart sound
signals", Journal of Medical Engineering & Technology 40(7-8), 2016; Tang et al., "Automated signal
quality assessment for heart sound signal by novel features and evaluation in open public
datasets", BioMed Research International, 2021. Both use periodicity and shares of bands; how they
are measured here is our own.
"""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from jaxtyping import Float, Float32, Float64, Int64
from scipy import fft

from pahcl_core.signal.cycles import Cycles
from pahcl_core.signal.filtering import resample
from pahcl_core.signal.order import median

FRAME_RATE = 50
"""Frames per second; frame `i` is centred at `(i + 0.5) / 50` seconds."""

MEASURES = (
    "agreement: correlation of a cycle's level with the mean of the other cycles' levels",
    "purity: log of the share of the power that lies in the band of heart sounds",
    "rhythm: highest autocorrelation of the level at any heart rate",
    "contrast: decibels from what is quiet to what is loud in a second of that band, 10 at most",
)
"""What the index weighs, in this order; each is larger for a better recording."""

SLOW_RATE = 1000
"""In hertz: recordings are brought to it before their power is measured."""

_HOP = SLOW_RATE // FRAME_RATE
_WINDOW = 64  # samples, also of the transform: bins of 15.6 Hz
_TAPER = np.hanning(_WINDOW + 2)[1:-1, None].astype(np.float32)
# Bins of below 23, 23 to 148 and 148 to 352 Hz. S1 and S2 have nearly all their power in the
# second; the highest edge leaves room for the anti-alias filter of a recording at 800 Hz.
_BIN_EDGES = (0, 2, 10, 23)
_FRAMES_AT_ONCE = 4096  # so that the spectra of a long recording need not fit into memory
_FLOOR = 1e-6  # of the mean power, -60 dB: what is fainter is silence
_RHYTHM_FRAMES = 4 * FRAME_RATE  # two cycles of the slowest heart; the rate hardly changes in it
_SHORTEST_LAG, _LONGEST_LAG = 15, 90  # frames: 200 and 33 beats a minute
_LOUD, _QUIET = 0.9, 0.3  # part of a second that is fainter; S1 and S2 last a quarter of a cycle
# Of contrast: three times the amplitude is plainly heard. Chosen among 8, 10, 12, 15 and no limit
# by the AUROC on held-out persons and databases.
_PLAIN_DB = 10.0
_FAINT = 1e-3  # of the recording's mean power: a cycle 30 dB below the others cannot be heard
_POINTS = (4, 8, 4, 16)  # of each phase in a cycle's profile
_PHASE_OF = np.repeat(np.arange(len(_POINTS)), _POINTS)  # by point
_SHARE_OF = np.concatenate([(np.arange(num) + 0.5) / num for num in _POINTS])  # of that phase


@dataclass(frozen=True, kw_only=True, slots=True)
class BandPower:
    """Power in each frame, in one unit of no meaning; 0 where nothing sounds."""

    rumble: Float64[np.ndarray, "frames"]
    """Below the band of heart sounds: movement, handling, breath."""

    heart: Float64[np.ndarray, "frames"]
    """In it."""

    upper: Float64[np.ndarray, "frames"]
    """Above it: murmurs, and noise of most kinds."""


def band_power(samples: Float32[np.ndarray, "samples"], *, sample_rate: int) -> BandPower:
    """Power in the three bands under a Hann window of 64 ms centred on each frame.

    Args:
        samples: One channel, any scale and offset; finite, and at least one.
        sample_rate: In hertz, at least 800.
    """
    # Scaled first, so that neither squares nor sums leave the range of the type.
    scaled = samples / (max(samples.max(), -samples.min()) or np.float32(1))
    scaled = resample(scaled, from_rate=sample_rate, to_rate=SLOW_RATE)
    num_frames = -(-len(scaled) // _HOP)
    before = (_WINDOW - _HOP) // 2
    padded = np.zeros((num_frames - 1) * _HOP + _WINDOW + _HOP, dtype=np.float32)
    np.subtract(scaled, np.mean(scaled), out=padded[before : before + len(scaled)])
    frames = _overlapping(padded, _WINDOW, _HOP, num_frames).T
    power = np.empty((len(_BIN_EDGES) - 1, num_frames))
    for start in range(0, num_frames, _FRAMES_AT_ONCE):
        block = slice(start, start + _FRAMES_AT_ONCE)
        spectrum = fft.rfft(frames[:, block] * _TAPER, axis=0)
        # Frames lie side by side, each as a real and an imaginary part, so that sums over bins
        # are sums of whole rows.
        squares = np.square(spectrum[: _BIN_EDGES[-1]].view(np.float32))
        for row, (first, stop) in enumerate(pairwise(_BIN_EDGES)):
            both = squares[first:stop].sum(axis=0)
            np.add(both[::2], both[1::2], out=power[row, block])
    return BandPower(rumble=power[0], heart=power[1], upper=power[2])


def measure(
    power: BandPower, cycles: Cycles
) -> tuple[Float64[np.ndarray, "measures"], Float64[np.ndarray, "cycles measures"]]:
    """The values of `MEASURES` for the recording, and for each of its cycles.

    The recording's agreement is the mean over the cycles, 0 without one; its purity the mean, its
    contrast the median over the seconds in which anything sounds. A cycle has the rhythm and the
    contrast of the recording.

    Args:
        power: Of the recording; at least one frame.
        cycles: Bounds outside of the recording count as its ends.
    """
    total = power.rumble + power.heart + power.upper
    heart_by_second, total_by_second = _by_second(power.heart), _by_second(total)
    in_second = total_by_second.sum(axis=1)
    heard = in_second >= _FLOOR * in_second.mean()
    mean_purity = _purity(heart_by_second.sum(axis=1), in_second)[heard].mean()
    contrast = min(median(_contrast_db(heart_by_second)[heard]), _PLAIN_DB)

    level = _level(power.heart + power.upper)
    rhythm = _rhythm(level)
    agreement = _agreement(_profiles(level, cycles))
    first, stop = _frames_within(cycles, len(total))
    faint = _FAINT * total.mean() * (stop - first)
    purity = _purity(_sums(power.heart, first, stop), np.maximum(_sums(total, first, stop), faint))
    per_cycle = np.empty((len(cycles), len(MEASURES)))
    per_cycle[:, 0], per_cycle[:, 1] = agreement, purity
    per_cycle[:, 2:] = rhythm, contrast
    mean_agreement = agreement.mean() if len(cycles) else 0.0
    return np.array([mean_agreement, mean_purity, rhythm, contrast]), per_cycle


def _overlapping(
    values: Float[np.ndarray, "values"], width: int, step: int, count: int
) -> Float[np.ndarray, "count width"]:
    """Rows of that width, each as much further on than the last; a view that lies in `values`."""
    (size,) = values.strides
    return np.lib.stride_tricks.as_strided(
        values, (count, width), (step * size, size), writeable=False
    )


def _by_second(
    values: Float64[np.ndarray, "frames"],
) -> Float64[np.ndarray, "seconds frames_in_it"]:
    """Rows of one second, without what is left over; one shorter row of a shorter recording."""
    width = min(FRAME_RATE, len(values))
    return values[: len(values) // width * width].reshape(-1, width)


def _level(power: Float64[np.ndarray, "frames"]) -> Float64[np.ndarray, "frames"]:
    """Decibels above the mean."""
    mean = float(power.mean())
    relative = power / mean if mean > 0 else power
    level: Float64[np.ndarray, "frames"] = 10 * np.log10(relative + _FLOOR)
    return level


def _purity(
    heart: Float64[np.ndarray, "rows"], total: Float64[np.ndarray, "rows"]
) -> Float64[np.ndarray, "rows"]:
    """0 where all power is in the band of heart sounds, -13.8 where none is."""
    share = np.divide(heart, total, out=np.zeros(len(total)), where=total > 0)
    purity: Float64[np.ndarray, "rows"] = np.log(np.maximum(share, _FLOOR))
    return purity


def _contrast_db(heart: Float64[np.ndarray, "rows frames"]) -> Float64[np.ndarray, "rows"]:
    """From the quiet to the loud in each row, 60 dB at most."""
    ordered = np.sort(heart, axis=1)
    num_frames = ordered.shape[1]
    loud, quiet = ordered[:, int(_LOUD * num_frames)], ordered[:, int(_QUIET * num_frames)]
    ratio = np.divide(quiet, loud, out=np.ones(len(loud)), where=loud > 0)
    contrast: Float64[np.ndarray, "rows"] = -10 * np.log10(np.maximum(ratio, _FLOOR))
    return contrast


def _rhythm(level: Float64[np.ndarray, "frames"]) -> float:
    """Median over stretches of four seconds, each overlapping the next by half."""
    width = min(_RHYTHM_FRAMES, len(level))
    lags = slice(_SHORTEST_LAG, min(_LONGEST_LAG, width // 2) + 1)
    if lags.stop <= lags.start:
        return 0.0
    num_stretches = (len(level) - width) // (width // 2) + 1
    stretches = _overlapping(level, width, width // 2, num_stretches)
    centred = stretches - stretches.mean(axis=1, keepdims=True)
    spectrum = fft.rfft(centred, 2 * _RHYTHM_FRAMES, axis=1)
    product = fft.irfft(np.square(spectrum.real) + np.square(spectrum.imag), axis=1)
    # A product of fewer frames is set against the energy of as many.
    energy = product[:, :1] * (width - np.arange(lags.start, lags.stop)) / width
    correlation = np.divide(
        product[:, lags], energy, out=np.zeros(energy.shape), where=energy > _FLOOR
    )
    return median(correlation.max(axis=1))


def _profiles(
    level: Float64[np.ndarray, "frames"], cycles: Cycles
) -> Float64[np.ndarray, "cycles points"]:
    """The level along each cycle, at as many points of each phase whatever its length."""
    bounds = cycles.bounds_s
    length = bounds[:, 1:] - bounds[:, :-1]
    times = bounds[:, _PHASE_OF] + _SHARE_OF * length[:, _PHASE_OF]
    frame = times * FRAME_RATE - 0.5
    profiles: Float64[np.ndarray, "cycles points"] = np.interp(frame, np.arange(len(level)), level)
    return profiles


def _agreement(profiles: Float64[np.ndarray, "cycles points"]) -> Float64[np.ndarray, "cycles"]:
    """Correlation of each with the mean of the others; 0 for one alone and for a flat one."""
    num_cycles = len(profiles)
    if num_cycles < 2:
        return np.zeros(num_cycles)
    centred = profiles - profiles.mean(axis=1, keepdims=True)
    others = (centred.sum(axis=0) - centred) / (num_cycles - 1)
    product = (centred * others).sum(axis=1)
    norm = np.sqrt(np.square(centred).sum(axis=1) * np.square(others).sum(axis=1))
    agreement: Float64[np.ndarray, "cycles"] = np.divide(
        product, norm, out=np.zeros(num_cycles), where=norm > _FLOOR
    )
    return agreement


def _frames_within(
    cycles: Cycles, num_frames: int
) -> tuple[Int64[np.ndarray, "cycles"], Int64[np.ndarray, "cycles"]]:
    """First, and first after the last, of those whose windows lie in each cycle; one at least."""
    frame = cycles.bounds_s * FRAME_RATE - 0.5  # that is centred there
    reach = 0.5 * _WINDOW / _HOP
    first = np.ceil(frame[:, 0] + reach).clip(0, num_frames - 1).astype(np.int64)
    stop = np.floor(frame[:, 4] - reach).clip(-1, num_frames - 1).astype(np.int64) + 1
    return first, np.maximum(stop, first + 1)


def _sums(
    values: Float64[np.ndarray, "frames"],
    first: Int64[np.ndarray, "cycles"],
    stop: Int64[np.ndarray, "cycles"],
) -> Float64[np.ndarray, "cycles"]:
    """Over the frames of each cycle."""
    total = np.concatenate([[0.0], np.cumsum(values)])
    sums: Float64[np.ndarray, "cycles"] = total[stop] - total[first]
    return sums
