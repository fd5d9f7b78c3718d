"""Bringing recordings to one rate and one band, without shifting anything in time.

Both are done at once, block by block, between a Fourier transform of the samples as they are and an
inverse one of as many as are wanted: a filter without phase is a real factor for each frequency,
and a lower rate needs no more than the lower frequencies. The blocks overlap by what the filter
rings, and what wraps around is left out (overlap-save; Stockham, "High-speed convolution and
correlation", AFIPS Spring Joint Computer Conference, 1966).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from math import ceil, gcd

import numpy as np
from jaxtyping import Float32, Float64
from scipy import fft, signal

from pahcl_core.signal.order import median

_FAINTEST = float(np.finfo(np.float32).tiny)
_ORDER = 2  # of each edge and pass; forwards and backwards is twice
_TRANSITION = 0.1  # of the lower half rate: from here to it, resampling falls from all to nothing
# A filter rings for so many periods of its transition's width, or of its band's lower edge or
# width: by then it has died out to less than a ten-thousandth of the sound.
_RINGING, _BAND_RINGING = 8.0, 4.0
_BLOCK = 8  # of what rings to either side: three quarters of a block are kept
_AT_ONCE = 32  # blocks: they and their spectra stay in the processor's cache


@dataclass(frozen=True, kw_only=True, slots=True)
class Wanted:
    """What a recording is to be brought to."""

    rate: int
    """In hertz."""

    band_hz: tuple[float, float] | None = None
    """The -6 dB edges of a band-pass, which lie between 0 and half the rate; None for none."""

    def __post_init__(self) -> None:
        if self.rate <= 0:
            raise ValueError(f"a sample rate must be positive, got {self.rate} Hz")
        if self.band_hz is None:
            return
        low_hz, high_hz = self.band_hz
        if not 0 < low_hz < high_hz < self.rate / 2:
            raise ValueError(
                f"a band of {low_hz}–{high_hz} Hz does not fit below half of {self.rate} Hz"
            )


def resample(
    samples: Float32[np.ndarray, "samples"], *, from_rate: int, to_rate: int
) -> Float32[np.ndarray, "resampled"]:
    """`filtered` for another rate alone; the samples themselves where the rate is the same.

    Returns:
        `ceil(samples * to_rate / from_rate)` samples; sample `i` lies at `i / to_rate` seconds.

    Raises:
        ValueError: If a rate is not positive.
    """
    (resampled,) = filtered(samples, from_rate=from_rate, wanted=[Wanted(rate=to_rate)])
    return resampled


def bandpass(
    samples: Float32[np.ndarray, "samples"], *, sample_rate: int, low_hz: float, high_hz: float
) -> Float32[np.ndarray, "samples"]:
    """`filtered` for a band alone.

    Raises:
        ValueError: If the edges do not fit: `0 < low_hz < high_hz < sample_rate / 2`.
    """
    wanted = Wanted(rate=sample_rate, band_hz=(low_hz, high_hz))
    (passed,) = filtered(samples, from_rate=sample_rate, wanted=[wanted])
    return passed


def filtered(
    samples: Float32[np.ndarray, "samples"], *, from_rate: int, wanted: Sequence[Wanted]
) -> list[Float32[np.ndarray, "..."]]:
    """The same signal at other rates and in other bands, each for a part of the cost of the first.

    Another rate keeps what lies below nine tenths of half the lower one as it is, and nothing of
    what lies above half of it. A band is what a Butterworth band-pass of the new rate leaves when
    it is run forwards and backwards: no phase, 24 dB per octave. Before the first and after the
    last sample, the signal is taken to go on as its mirror image through that sample.

    Args:
        samples: One channel; finite.
        from_rate: Its rate in hertz.
        wanted: What to bring it to.

    Returns:
        For each of these `ceil(samples * rate / from_rate)` samples; sample `i` lies at
        `i / rate` seconds. With what else is wanted it differs by a ten-thousandth of the sound at
        most, since other blocks are taken.

    Raises:
        ValueError: If the rate is not positive.
    """
    if from_rate <= 0:
        raise ValueError(f"a sample rate must be positive, got {from_rate} Hz")
    unchanged = Wanted(rate=from_rate)
    new = tuple(one for one in wanted if one != unchanged)
    if len(samples) == 0 or not new:
        return [samples for _ in wanted]
    made = iter(_in_blocks(samples, _plan(from_rate, new)))
    return [samples if one == unchanged else next(made) for one in wanted]


def normalise(samples: Float32[np.ndarray, "samples"]) -> Float32[np.ndarray, "samples"]:
    """Scale by a robust standard deviation, so that gain and single knocks do not matter.

    The spread is the median absolute amplitude times 1.4826, which for Gaussian noise is the
    standard deviation; where more than half of the samples are zero it is the root mean square.
    Silence stays silence, and what is nothing but the rounding of 32 bit floats becomes it.

    Args:
        samples: One channel around zero, as a band-pass leaves it; finite.
    """
    spread = 1.4826 * median(np.abs(samples))
    if spread < _FAINTEST:
        spread = float(np.sqrt(np.mean(np.square(samples, dtype=np.float64))))
    if spread < _FAINTEST:
        return np.zeros_like(samples)
    return samples / np.float32(spread)


@dataclass(frozen=True, kw_only=True, slots=True)
class _Output:
    """What comes out of a block."""

    size: int
    """Samples."""

    margin: int
    """Of them, at either end, what is left out."""

    gain: Float32[np.ndarray, "frequencies"]
    """Of each frequency that both rates can carry."""

    offset: float
    """What remains of a constant."""


@dataclass(frozen=True, kw_only=True, slots=True)
class _Plan:
    """What is done with a block of samples."""

    size: int
    margin: int
    """Of its samples, at either end, what is there for the sake of the others."""

    outputs: tuple[_Output, ...]


@cache
def _plan(from_rate: int, wanted: tuple[Wanted, ...]) -> _Plan:
    """Blocks and margins begin and end at an instant with a sample at every rate."""
    factor = gcd(from_rate, *(one.rate for one in wanted))
    margin = ceil(max(_ringing_s(from_rate, one) for one in wanted) * factor)
    num_instants = fft.next_fast_len(_BLOCK * margin, real=True)
    down = from_rate // factor
    outputs = []
    for one in wanted:
        up = one.rate // factor
        gain = _gain(from_rate, one, num_instants / factor)
        # The inverse transform divides by another number of samples than went in.
        scaled = (gain * up / down).astype(np.float32)
        outputs.append(
            _Output(size=num_instants * up, margin=margin * up, gain=scaled, offset=gain[0])
        )
    return _Plan(size=num_instants * down, margin=margin * down, outputs=tuple(outputs))


def _ringing_s(from_rate: int, wanted: Wanted) -> float:
    narrowest: list[float] = []
    if wanted.rate != from_rate:
        narrowest.append(_TRANSITION * min(from_rate, wanted.rate) / 2 / _RINGING)
    if wanted.band_hz is not None:
        low_hz, high_hz = wanted.band_hz
        narrowest.append(min(low_hz, high_hz - low_hz) / _BAND_RINGING)
    return 1 / min(narrowest)


def _gain(from_rate: int, wanted: Wanted, block_s: float) -> Float64[np.ndarray, "frequencies"]:
    """Of each frequency up to half the lower rate."""
    half_hz = min(from_rate, wanted.rate) / 2
    frequency_hz = np.arange(int(half_hz * block_s) + 1) / block_s
    gain = np.ones(len(frequency_hz))
    if wanted.rate != from_rate:
        fallen = (frequency_hz / half_hz - (1 - _TRANSITION)) / _TRANSITION
        gain = 0.5 + 0.5 * np.cos(np.pi * np.clip(fallen, 0.0, 1.0))
    if wanted.band_hz is not None:
        sections = signal.butter(
            _ORDER, wanted.band_hz, btype="bandpass", fs=wanted.rate, output="sos"
        )
        _, response = signal.freqz_sos(sections, worN=frequency_hz, fs=wanted.rate)
        gain = gain * np.square(np.abs(response))
    return gain


def _in_blocks(
    samples: Float32[np.ndarray, "samples"], plan: _Plan
) -> list[Float32[np.ndarray, "..."]]:
    """Each output of the plan, as many samples as last as long as what goes in."""
    step = plan.size - 2 * plan.margin
    num_blocks = -(-len(samples) // step)
    continued = _continued(samples, plan.margin, num_blocks * step + 2 * plan.margin)
    blocks = np.lib.stride_tricks.as_strided(
        continued, (num_blocks, plan.size), (step * continued.itemsize, continued.itemsize)
    )
    made = [
        np.empty((num_blocks, one.size - 2 * one.margin), dtype=np.float32) for one in plan.outputs
    ]
    for first in range(0, num_blocks, _AT_ONCE):
        some = slice(first, first + _AT_ONCE)
        spectra = fft.rfft(blocks[some], axis=1)
        for target, output in zip(made, plan.outputs, strict=True):
            passed = fft.irfft(spectra[:, : len(output.gain)] * output.gain, output.size, axis=1)
            target[some] = passed[:, output.margin : output.size - output.margin]
    for target, output in zip(made, plan.outputs, strict=True):
        target += np.float32(output.offset * float(samples[0]))
    return [
        target.reshape(-1)[: -(-len(samples) * one.size // plan.size)]
        for target, one in zip(made, plan.outputs, strict=True)
    ]


def _continued(
    samples: Float32[np.ndarray, "samples"], margin: int, length: int
) -> Float32[np.ndarray, "continued"]:
    """Mirrored through its first sample and its last as far as it goes, and constant from there.

    Less the first sample, so that a constant is nothing at all.
    """
    num_samples = len(samples)
    reach = min(margin, num_samples - 1)
    stop = margin + num_samples
    continued = np.empty(length, dtype=np.float32)
    inside = continued[margin:stop]
    np.subtract(samples, samples[0], out=inside)
    continued[margin - reach : margin] = -inside[reach:0:-1]
    continued[: margin - reach] = continued[margin - reach]
    after = min(reach, length - stop)
    continued[stop : stop + after] = 2 * inside[-1] - inside[::-1][1 : 1 + after]
    continued[stop + after :] = continued[stop + after - 1]
    return continued
