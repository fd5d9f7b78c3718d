"""The heart states of a recording from its sound alone: S1, systole, S2, diastole.

A network tells how probable each state is in each frame (`emissions`); a hidden Markov model with
durations finds the sequence that agrees best with it and with how hearts beat (`segment_path`,
`hsmm`, `heart_rate`); a regression says how far each cycle can be trusted (`segment_confidence`).
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float32, Float64, Int64

from pahcl_core.signal.cycles import NUM_PHASES, Cycles
from pahcl_core.signal.emissions import FRAME_RATE, MIN_SAMPLE_RATE, band_levels, log_posteriors
from pahcl_core.signal.hsmm import StatePath, whole_cycles
from pahcl_core.signal.segment_confidence import confidence_of, cycle_measures
from pahcl_core.signal.segment_path import state_path
from pahcl_core.signal.segmentation_parameters import (
    SegmentationParameters,
    segmentation_parameters,
)

# Neighbouring frames repeat each other, so each counts for less than one. Chosen among 0.3, 0.45,
# 0.6 and 1 by the F1 of onsets, with networks that had not seen the persons they were judged on.
_EMISSION_WEIGHT = 0.3


@dataclass(frozen=True, kw_only=True, slots=True)
class Segmentation:
    """The states of one recording, in the order of time, and the cycles that they form."""

    start_s: Float64[np.ndarray, "rows"]
    """Seconds; 0 for the first row, and where the row before ends for every other."""

    end_s: Float64[np.ndarray, "rows"]
    """Seconds; for the last row the length of the recording."""

    state: Int64[np.ndarray, "rows"]
    """1 S1, 2 systole, 3 S2, 4 diastole, each following on the one before."""

    cycles: Cycles
    """Those that begin and end within the recording."""

    confidence: Float64[np.ndarray, "cycles"]
    """Per cycle, 0 to 1: probability that its S1, its S2 and the next S1 begin where an annotator
    would have them begin, within 100 ms."""


def segment_states(samples: Float32[np.ndarray, "samples"], *, sample_rate: int) -> Segmentation:
    """Find the heart states of a recording.

    Every recording is taken to beat: noise yields states, too, but cycles of low confidence. Times
    are multiples of 20 ms, but for the end of the recording. Time and memory grow in proportion
    to the recording's length.

    Args:
        samples: One channel, any scale and offset.
        sample_rate: In hertz, at least 800.

    Returns:
        States that cover the recording; none, and no cycles, if it is empty or silent.

    Raises:
        ValueError: If a sample is not a finite number or the sample rate is too low.

    Source:
        Schmidt et al. 2010 and Springer et al. 2016, as named in `pahcl_core.signal.hsmm`. The
        emissions come from a network here, and the heart rate is decoded with the states.
    """
    if sample_rate < MIN_SAMPLE_RATE:
        raise ValueError(
            f"a recording must have a sample rate of at least {MIN_SAMPLE_RATE} Hz to be "
            f"segmented, got {sample_rate} Hz"
        )
    if not np.isfinite(samples).all():
        raise ValueError("a recording with samples that are not finite numbers cannot be segmented")
    if len(samples) == 0 or np.ptp(samples) == 0:
        return _nothing()
    parameters = segmentation_parameters()
    log_posterior = log_posteriors(
        band_levels(samples, sample_rate=sample_rate), parameters.network
    )
    path = state_path(emission_scores(log_posterior, parameters), parameters.durations)
    return _segmentation(path, log_posterior, parameters, duration_s=len(samples) / sample_rate)


def emission_scores(
    log_posterior: Float64[np.ndarray, "frames 4"], parameters: SegmentationParameters
) -> Float64[np.ndarray, "frames 4"]:
    """Log-likelihoods of the frames by Bayes' rule, weakened because frames are not independent."""
    scores: Float64[np.ndarray, "frames 4"] = _EMISSION_WEIGHT * (
        log_posterior - parameters.log_prior
    )
    return scores


def _segmentation(
    path: StatePath,
    log_posterior: Float64[np.ndarray, "frames 4"],
    parameters: SegmentationParameters,
    *,
    duration_s: float,
) -> Segmentation:
    start_s = path.first_frame / FRAME_RATE
    first = whole_cycles(path)
    measures = cycle_measures(log_posterior, path.first_frame, path.state, first)
    return Segmentation(
        start_s=start_s,
        end_s=np.append(start_s[1:], duration_s),
        state=path.state + 1,
        cycles=Cycles(bounds_s=start_s[first[:, None] + np.arange(NUM_PHASES + 1)]),
        confidence=confidence_of(measures, parameters.confidence),
    )


def _nothing() -> Segmentation:
    return Segmentation(
        start_s=np.zeros(0),
        end_s=np.zeros(0),
        state=np.zeros(0, dtype=np.int64),
        cycles=Cycles(bounds_s=np.zeros((0, NUM_PHASES + 1))),
        confidence=np.zeros(0),
    )
