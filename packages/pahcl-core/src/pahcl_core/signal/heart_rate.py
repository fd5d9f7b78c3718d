"""The rhythms a heart may beat in, and how long each state then lasts.

Schmidt et al. (2010) and Springer et al. (2016) read one heart rate and one systole off the
autocorrelation before they segment, and a wrong guess cannot be mended. Here a grid of rates is
laid out as hypotheses between which `pahcl_core.signal.hsmm` decides, cycle by cycle.
"""

import numpy as np
from jaxtyping import Float64, Int64

from pahcl_core.signal.emissions import FRAME_RATE
from pahcl_core.signal.hsmm import DurationModel
from pahcl_core.signal.segmentation_parameters import CycleDurations

SHORTEST_PERIOD_S = 0.3
LONGEST_PERIOD_S = 1.8
"""200 and 33 beats a minute."""

_NUM_RHYTHMS = 16  # a factor of 1.13 apart, which the spread of the diastole bridges
_SHORTEST_S = 0.06  # of any state; shorter ones are not told apart
_MAX_DEVIATIONS = 4.0  # a state of a duration beyond is not considered
_QUANTISATION = 0.29  # standard deviation of rounding to whole frames
_JUMP = 0.005  # probability of any other rhythm in the next cycle, after an ectopic beat, say


def duration_model(durations: CycleDurations, *, frame_rate: int = FRAME_RATE) -> DurationModel:
    """Durations, and their change from cycle to cycle, on a grid of heart rates.

    Every rate is as probable as another at the start. What is left of a cycle after S2 is the
    diastole, whose spread is that of the whole cycle.

    Args:
        durations: Of the parts of a cycle.
        frame_rate: Frames per second.

    Returns:
        Rhythms from the fastest to the slowest, equally far apart on a logarithmic scale.
    """
    periods, step = _grid()
    s1_s, s2_s, s2_onset_s = (
        line[0] + line[1] * periods
        for line in (durations.s1_s, durations.s2_s, durations.s2_onset_s)
    )
    means = np.stack([s1_s, s2_onset_s - s1_s, s2_s, periods - s2_onset_s - s2_s], axis=1)
    # Half a step to the next rhythm must not cost more than the heart's own variation.
    period_spread = float(np.hypot(durations.period_spread, step / np.sqrt(12)))
    spreads = np.empty_like(means)
    spreads[:, 0] = durations.s1_spread_s
    spreads[:, 1] = durations.s2_onset_spread_s
    spreads[:, 2] = durations.s2_spread_s
    spreads[:, 3] = period_spread * periods
    return DurationModel(
        log_duration=_log_gaussian(means * frame_rate, spreads * frame_rate, frame_rate),
        log_change=_log_change(periods, spread=max(durations.period_spread, step / 2)),
        log_first=np.full(_NUM_RHYTHMS, -np.log(_NUM_RHYTHMS)),
    )


def only_near(model: DurationModel, rhythm: Int64[np.ndarray, "segments"]) -> DurationModel:
    """The model with no other rhythms than these and their neighbours, for a search near them."""
    near = rhythm[:, None] + np.arange(-1, 2)
    chosen = np.unique(np.clip(near, 0, len(model.log_first) - 1))
    return DurationModel(
        log_duration=model.log_duration[chosen],
        log_change=model.log_change[np.ix_(chosen, chosen)],
        log_first=model.log_first[chosen],
    )


def _grid() -> tuple[Float64[np.ndarray, "rhythms"], float]:
    """Periods in seconds, and the logarithm of the ratio of two neighbours."""
    periods = np.geomspace(SHORTEST_PERIOD_S, LONGEST_PERIOD_S, _NUM_RHYTHMS)
    return periods, float(np.log(periods[1] / periods[0]))


def _log_gaussian(
    means: Float64[np.ndarray, "rhythms states"],
    spreads: Float64[np.ndarray, "rhythms states"],
    frame_rate: int,
) -> Float64[np.ndarray, "rhythms states durations"]:
    """Log-probability of 1, 2, … frames; -inf outside of the limits."""
    spreads = np.hypot(spreads, _QUANTISATION)
    shortest = int(np.ceil(_SHORTEST_S * frame_rate))
    last = np.maximum(shortest, np.floor(means + _MAX_DEVIATIONS * spreads))
    first = np.clip(np.ceil(means - _MAX_DEVIATIONS * spreads), shortest, last)
    frames = np.arange(1, int(last.max()) + 1)
    log_density = -0.5 * np.square((frames - means[:, :, None]) / spreads[:, :, None])
    log_density[(frames < first[:, :, None]) | (frames > last[:, :, None])] = -np.inf
    total = np.logaddexp.reduce(log_density, axis=2, keepdims=True)
    normalised: Float64[np.ndarray, "rhythms states durations"] = log_density - total
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
