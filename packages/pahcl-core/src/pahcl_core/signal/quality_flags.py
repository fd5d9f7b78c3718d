"""What is wrong with a recording, by rules of physics rather than by fitting.

Each limit is a stated constant with its reason. Where a reason names recordings, they are those of
the PhysioNet/CinC Challenge 2016 that experts called good, and those of CirCor.
"""

from typing import Literal

import numpy as np
from jaxtyping import Bool, Float32, Float64, Int
from scipy import ndimage

from pahcl_core.signal.quality_measures import FRAME_RATE, BandPower

Flag = Literal["silent", "clipped", "contact_loss", "no_heartbeat", "noise"]

_CLIPPED_RUN_S = 0.0015
"""At the extreme value: a sine of 50 Hz and a hundred steps of its quantiser stays on the topmost
for 0.6 ms, a louder or higher one for less, so that no sound is flat for so long by itself."""

_CLIPPED_RUN_SAMPLES = 3  # two equal samples are chance at any rate
_STUCK_RUN_S = 0.5  # half a wave of 1 Hz: what is flat for longer does not come from a loud sound
_CLIPPED_SHARE = 0.0005
"""Of the samples: a clipped run in every third second or so. A knock may hit the limit once."""

_SLOWEST_CYCLE_S = 2.0  # 30 beats a minute: something must sound in a stretch of this length
_CONTACT_LOSS_RATIO = 10**-2.6
"""Of power: 26 dB below the loud of the other stretches, a twentieth of the amplitude. Respiration
and movement change the level by far less."""

_CONTACT_LOSS_SHARE = 0.1  # of the time: more than a pause at the beginning or the end
_OTHER_STRETCHES = 0.75  # quantile: a knock in a quarter of the time leaves the reference alone

_NOISE_DB = 6.0
"""Contrast: what is loud has twice the amplitude of what is quiet. Gaussian noise of any colour
reaches 3 to 5.5 dB by chance, the recordings 8 dB or more."""

_NO_RHYTHM, _NO_AGREEMENT = 0.3, 0.4
"""Noise reaches 0.25 and 0.35 by chance; of the recordings, 1 in 20 is below the first of them and
hardly one below both."""


def find_flags(
    samples: Float32[np.ndarray, "samples"],
    power: BandPower,
    measures: Float64[np.ndarray, "measures"],
    *,
    sample_rate: int,
) -> tuple[Flag, ...]:
    """Everything that is wrong with a recording in which not all samples are equal.

    Args:
        samples: As they were recorded: clipping cannot be told after filtering or resampling.
        power: From `band_power`.
        measures: Of the recording, from `measure`.
        sample_rate: In hertz.
    """
    agreement, _, rhythm, contrast_db = measures
    lost = max(
        float(lost_contact(power.heart).mean()), stuck_share(samples, sample_rate=sample_rate)
    )
    found: dict[Flag, bool] = {
        "clipped": clipped_share(samples, sample_rate=sample_rate) >= _CLIPPED_SHARE,
        "contact_loss": lost >= _CONTACT_LOSS_SHARE,
        "no_heartbeat": bool(rhythm < _NO_RHYTHM and agreement < _NO_AGREEMENT),
        "noise": bool(contrast_db < _NOISE_DB),
    }
    return tuple(flag for flag, is_so in found.items() if is_so)


def clipped_share(samples: Float32[np.ndarray, "samples"], *, sample_rate: int) -> float:
    """Part of the samples in short runs of the recording's largest or of its smallest value."""
    shortest = max(_CLIPPED_RUN_SAMPLES, round(_CLIPPED_RUN_S * sample_rate))
    longest = _STUCK_RUN_S * sample_rate
    clipped = 0
    for extreme in (samples.max(), samples.min()):
        if not (samples[::shortest] == extreme).any():  # a run that long holds one of these
            continue
        lengths = _lengths_of_runs(np.flatnonzero(samples == extreme))
        clipped += int(lengths[(lengths >= shortest) & (lengths <= longest)].sum())
    return clipped / len(samples)


def stuck_share(samples: Float32[np.ndarray, "samples"], *, sample_rate: int) -> float:
    """Part of the samples in runs of one value, whatever it is, for two seconds or more."""
    shortest = _SLOWEST_CYCLE_S * sample_rate
    some = samples[:: int(shortest / 2)]  # a run that long holds two that follow on each other
    if not (some[1:] == some[:-1]).any():
        return 0.0
    lengths = _lengths_of_runs(np.flatnonzero(samples[1:] == samples[:-1])) + 1
    return int(lengths[lengths >= shortest].sum()) / len(samples)


def lost_contact(heart: Float64[np.ndarray, "frames"]) -> Bool[np.ndarray, "frames"]:
    """Frames in stretches of two seconds or more in which no heart can be heard."""
    width = min(round(_SLOWEST_CYCLE_S * FRAME_RATE), len(heart))
    # Such a stretch holds a whole one of these, or the one that is left over at the end.
    loudest = np.maximum.reduceat(heart, np.arange(0, len(heart), max(1, width // 2)))
    if loudest.min() > _CONTACT_LOSS_RATIO * loudest.max():
        return np.zeros(len(heart), dtype=np.bool_)
    # A closing raises every trough that is shorter than its width to the level of its brims.
    loud = ndimage.grey_closing(heart, (width,))
    lost: Bool[np.ndarray, "frames"] = loud <= _CONTACT_LOSS_RATIO * np.quantile(
        loud, _OTHER_STRETCHES
    )
    return lost


def _lengths_of_runs(places: Int[np.ndarray, "places"]) -> Int[np.ndarray, "runs"]:
    """Of ascending places, how many follow on each other each time."""
    breaks = np.flatnonzero(np.diff(places) > 1) + 1
    lengths: Int[np.ndarray, "runs"] = np.diff(np.concatenate([[0], breaks, [len(places)]]))
    return lengths
