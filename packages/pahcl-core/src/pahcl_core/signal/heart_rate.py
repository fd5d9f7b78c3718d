"""The rhythms a heart may beat in, and how long each state then lasts.

Schmidt et al. (2010) and Springer et al. (2016) read one heart rate and one systole off the
autocorrelation before they segment, and a wrong guess cannot be mended. Here a grid of rates is
laid out as hypotheses between which `pahcl_core.signal.hsmm` decides, cycle by cycle.
"""

import numpy as np
from jaxtyping import Float64

from pahcl_core.signal.emissions import FRAME_RATE
from pahcl_core.signal.hsmm import NUM_STATES, DurationModel
from pahcl_core.signal.segmentation_parameters import CycleDurations

SHORTEST_PERIOD_S = 0.3
LONGEST_PERIOD_S = 1.8
"""200 and 33 beats a minute."""

_NUM_RHYTHMS = 16  # a factor of 1.13 apart, which the spread of the diastole bridges
_MIN_FRAMES = 3  # of any state; shorter ones are not told apart at this frame rate
_MAX_DEVIATIONS = 4.0  # a state of a duration beyond is not considered
_QUANTISATION = 0.29  # standard deviation of rounding to whole frames
_JUMP = 0.005  # probability of any other rhythm in the next cycle, after an ectopic beat, say


def duration_model(durations: CycleDurations) -> DurationModel:
    """Durations, and their change from cycle to cycle, on a grid of heart rates.

    Every rate is as probable as another at the start. What is left of a cycle after S2 is the
    diastole, whose spread is that of the whole cycle.

    Args:
        durations: Of the parts of a cycle.

    Returns:
        Rhythms from the fastest to the slowest, equally far apart on a logarithmic scale.
    """
    periods = np.geomspace(SHORTEST_PERIOD_S, LONGEST_PERIOD_S, _NUM_RHYTHMS)
    step = float(np.log(periods[1] / periods[0]))
    tables = [_durations_at(period, durations, step=step) for period in periods]
    longest = max(table.shape[1] for table in tables)
    log_duration = np.full((_NUM_RHYTHMS, NUM_STATES, longest), -np.inf)
    for rhythm, table in enumerate(tables):
        log_duration[rhythm, :, : table.shape[1]] = table
    return DurationModel(
        log_duration=log_duration,
        log_change=_log_change(periods, spread=max(durations.period_spread, step / 2)),
        log_first=np.full(_NUM_RHYTHMS, -np.log(_NUM_RHYTHMS)),
    )


def _durations_at(
    period_s: float, durations: CycleDurations, *, step: float
) -> Float64[np.ndarray, "states durations"]:
    s1_s, s2_s, s2_onset_s = (
        float(line[0] + line[1] * period_s)
        for line in (durations.s1_s, durations.s2_s, durations.s2_onset_s)
    )
    # Half a step to the next rhythm must not cost more than the heart's own variation.
    period_spread = float(np.hypot(durations.period_spread, step / np.sqrt(12))) * period_s
    means = (s1_s, s2_onset_s - s1_s, s2_s, period_s - s2_onset_s - s2_s)
    spreads = (
        durations.s1_spread_s,
        durations.s2_onset_spread_s,
        durations.s2_spread_s,
        period_spread,
    )
    longest = 1 + max(
        _last_frame(mean, spread) for mean, spread in zip(means, spreads, strict=True)
    )
    rows = [
        _log_gaussian(mean, spread, longest) for mean, spread in zip(means, spreads, strict=True)
    ]
    return np.array(rows)


def _spread_in_frames(spread_s: float) -> float:
    return float(np.hypot(spread_s * FRAME_RATE, _QUANTISATION))


def _last_frame(mean_s: float, spread_s: float) -> int:
    last = mean_s * FRAME_RATE + _MAX_DEVIATIONS * _spread_in_frames(spread_s)
    return max(_MIN_FRAMES, int(last))


def _log_gaussian(mean_s: float, spread_s: float, longest: int) -> Float64[np.ndarray, "durations"]:
    """Log-probability of 1, 2, … frames; -inf outside of the limits."""
    frames = np.arange(1, longest + 1)
    spread = _spread_in_frames(spread_s)
    log_density = -0.5 * np.square((frames - mean_s * FRAME_RATE) / spread)
    first = min(
        max(_MIN_FRAMES, int(np.ceil(mean_s * FRAME_RATE - _MAX_DEVIATIONS * spread))),
        _last_frame(mean_s, spread_s),
    )
    log_density[(frames < first) | (frames > _last_frame(mean_s, spread_s))] = -np.inf
    normalised: Float64[np.ndarray, "durations"] = log_density - np.logaddexp.reduce(log_density)
    return normalised


def _log_change(
    periods: Float64[np.ndarray, "rhythms"], *, spread: float
) -> Float64[np.ndarray, "rhythms rhythms"]:
    """A neighbouring rate mostly, any rate now and then."""
    distance = np.log(periods[:, None] / periods[None, :]) / spread
    near = np.exp(-0.5 * np.square(distance))
    near /= near.sum(axis=1, keepdims=True)
    log_change: Float64[np.ndarray, "rhythms rhythms"] = np.log(
        (1 - _JUMP) * near + _JUMP / len(periods)
    )
    return log_change
