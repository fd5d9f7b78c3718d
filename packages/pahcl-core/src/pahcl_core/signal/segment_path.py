"""The states of a recording, sought twice: for its rhythm first, then with its own systole.

How long a systole lasts at a given heart rate differs more between people than from one beat of a
recording to the next. So a coarse search, at half the frame rate, finds the heart rates and the
systole of the recording; the fine one takes a systole near that for more probable than the fit to
everybody does, and is quick because it need not try every rate again.
"""

import dataclasses

import numpy as np
from jaxtyping import Float64

from pahcl_core.signal.cycles import NUM_PHASES
from pahcl_core.signal.emissions import FRAME_RATE
from pahcl_core.signal.heart_rate import duration_model, only_near
from pahcl_core.signal.hsmm import NUM_STATES, StatePath, most_probable_path, whole_cycles
from pahcl_core.signal.segmentation_parameters import CycleDurations

_COARSE = 2  # frames to a frame of the coarse search
_MEDIAN = np.pi / 2  # variance of a median of Gaussians relative to that of their mean
_MAX_DEVIATIONS = 2.0  # a systole further from what is usual is a mistake of the coarse search


def state_path(
    log_emission: Float64[np.ndarray, "frames 4"], durations: CycleDurations
) -> StatePath:
    """The most probable path, given the systole of the recording.

    Its rhythms are numbered within those that the fine search tried.

    Args:
        log_emission: Logarithm of each frame's likelihood in each state, up to a constant per
            frame.
        durations: Of people at large.

    Raises:
        ValueError: If there is no frame.
    """
    missing = -len(log_emission) % _COARSE
    pairs = (
        np.pad(log_emission, ((0, missing), (0, 0))).reshape(-1, _COARSE, NUM_STATES).sum(axis=1)
    )
    frame_rate = FRAME_RATE // _COARSE
    coarse = most_probable_path(pairs, duration_model(durations, frame_rate=frame_rate))
    own = own_durations(coarse, durations, frame_rate=frame_rate)
    return most_probable_path(log_emission, only_near(duration_model(own), coarse.rhythm))


def own_durations(path: StatePath, durations: CycleDurations, *, frame_rate: int) -> CycleDurations:
    """Durations of a recording: its S2 comes as early as it does on the path, and varies less.

    The shift of S2 is the median over the cycles, drawn to nought as far as so few of them say
    little: the mean of what is known about a Gaussian quantity afterwards, by Bayes' rule.

    Args:
        path: Through the recording.
        durations: Of people at large; returned where the path has no whole cycle.
        frame_rate: Of the path, in frames per second.
    """
    first = whole_cycles(path)
    if len(first) == 0:
        return durations
    onset_s = path.first_frame / frame_rate
    period_s = onset_s[first + NUM_PHASES] - onset_s[first]
    usual_s = durations.s2_onset_s[0] + durations.s2_onset_s[1] * period_s
    shift_s = float(np.median(onset_s[first + 2] - onset_s[first] - usual_s))
    within = durations.s2_onset_spread_within_s**2
    between = max(durations.s2_onset_spread_s**2 - within, 0.0)
    shift_s *= between / (between + within * _MEDIAN / len(first))
    limit = _MAX_DEVIATIONS * float(np.sqrt(between))
    return dataclasses.replace(
        durations,
        s2_onset_s=durations.s2_onset_s + np.array([np.clip(shift_s, -limit, limit), 0.0]),
        s2_onset_spread_s=durations.s2_onset_spread_within_s,
    )
