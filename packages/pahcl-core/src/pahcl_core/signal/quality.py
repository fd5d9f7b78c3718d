"""Whether a recording, and each cycle in it, is good enough to be judged.

A logistic regression on measures of the sound (`quality_measures`), fitted to what experts said of
the recordings of the PhysioNet/CinC Challenge 2016, gives the index; rules of physics
(`quality_flags`) say what is wrong.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float32, Float64

from pahcl_core.signal.cycles import Cycles
from pahcl_core.signal.quality_flags import Flag, find_flags
from pahcl_core.signal.quality_measures import SLOW_RATE, band_power, measure
from pahcl_core.signal.quality_parameters import quality_parameters

MIN_SAMPLE_RATE = 800
"""In hertz: the measures look at sound up to 352 Hz."""

_MIN_CYCLES = 2  # one alone has none to agree with

# Of the evidence for a cycle. The more of it is the recording's, the better are noisy recordings
# told from others, and the worse a noisy cycle from its neighbours; this loses little of either.
_OWN_SHARE = 2 / 3


@dataclass(frozen=True, kw_only=True, slots=True)
class Quality:
    """What a recording is worth."""

    index: float
    """0 to 1: probability that an expert would call the recording good enough to judge, where nine
    in ten are, as in the Challenge 2016. Elsewhere trust its order more than its value."""

    flags: tuple[Flag, ...]
    """What is wrong with it; they take no part in the index.

    - silent: no sample differs from another
    - clipped: many runs of samples at the recording's extreme value
    - contact_loss: a tenth of the time or more without any sound that a heart could make
    - no_heartbeat: nothing comes back at any heart rate, and the cycles do not agree
    - noise: nothing stands out from what is around it
    """

    cycle_index: Float64[np.ndarray, "cycles"]
    """0 to 1, as `index`: two thirds of the evidence are the cycle's own, the rest the
    recording's."""


def rate_quality(
    samples: Float32[np.ndarray, "samples"],
    *,
    sample_rate: int,
    cycles: Cycles,
    slow: Float32[np.ndarray, "slow_samples"] | None = None,
) -> Quality:
    """Rate a recording and its cycles.

    Gain and offset do not matter, nor does the sample rate. A filter does: what a stethoscope
    picks up below and above the heart is evidence, so rate a recording before its band-pass.

    Args:
        samples: One channel as it was recorded.
        sample_rate: In hertz, at least 800.
        cycles: From an annotation or a segmentation; possibly none. Bounds outside of the
            recording count as its ends.
        slow: The same resampled to `SLOW_RATE`, by a caller who has it: that
            saves the time for it.

    Returns:
        The quality; index 0 and the flag silent for a recording that is empty or constant.

    Raises:
        ValueError: If a sample is not a finite number or the sample rate is too low.
    """
    if sample_rate < MIN_SAMPLE_RATE:
        raise ValueError(
            f"a recording must have a sample rate of at least {MIN_SAMPLE_RATE} Hz to be "
            f"rated, got {sample_rate} Hz"
        )
    if len(samples) == 0:
        return Quality(index=0.0, flags=("silent",), cycle_index=np.zeros(len(cycles)))
    lowest, highest = samples.min(), samples.max()  # not numbers if a single sample is none
    if not (np.isfinite(lowest) and np.isfinite(highest)):
        raise ValueError("a recording with samples that are not finite numbers cannot be rated")
    if lowest == highest:
        return Quality(index=0.0, flags=("silent",), cycle_index=np.zeros(len(cycles)))
    if slow is None:
        power = band_power(samples, sample_rate=sample_rate)
    else:
        power = band_power(slow, sample_rate=SLOW_RATE)
    overall, per_cycle = measure(power, cycles)
    parameters = quality_parameters()
    enough = len(cycles) >= _MIN_CYCLES
    weights = parameters.with_cycles if enough else parameters.without_cycles
    score = weights.score(overall[None])
    return Quality(
        index=float(_probability(score)[0]),
        flags=find_flags(samples, power, overall, sample_rate=sample_rate),
        cycle_index=_probability(mix_scores(weights.score(per_cycle), score)),
    )


def mix_scores(
    per_cycle: Float64[np.ndarray, "cycles"], overall: Float64[np.ndarray, "1"]
) -> Float64[np.ndarray, "cycles"]:
    """Of a cycle, as the logarithm of the odds, from its own score and the recording's."""
    mixed: Float64[np.ndarray, "cycles"] = _OWN_SHARE * per_cycle + (1 - _OWN_SHARE) * overall
    return mixed


def _probability(score: Float64[np.ndarray, "rows"]) -> Float64[np.ndarray, "rows"]:
    """Of the logarithm of the odds."""
    probability: Float64[np.ndarray, "rows"] = 0.5 * (1.0 + np.tanh(0.5 * score))
    return probability
