"""How far each cycle of a segmentation can be trusted.

A logistic regression on how clearly the network tells the states that the cycle consists of, in it
and around it; fitted on recordings of persons that the network had not seen.
"""

import numpy as np
from jaxtyping import Float64, Int64

from pahcl_core.signal.segmentation_parameters import ConfidenceWeights

_NEIGHBOURS = 2  # cycles to either side that speak for a cycle, too
MEASURES = (
    "log posterior of the cycle's states, mean over its frames",
    "the same over the cycle and its neighbours",
    "the same over the recording",
    "log of the mean posterior of S1 in the S1 at the cycle's beginning",
    "log of the mean posterior of S2 in its S2",
    "log of the mean posterior of S1 in the next S1",
    "size of the log ratio of its length to the median around it",
)
"""What the regression weighs, in this order; all are 0 for a cycle beyond doubt."""


def cycle_measures(
    log_posterior: Float64[np.ndarray, "frames 4"],
    first_frame: Int64[np.ndarray, "segments"],
    state: Int64[np.ndarray, "segments"],
    first_segment: Int64[np.ndarray, "cycles"],
) -> Float64[np.ndarray, "cycles measures"]:
    """The values of `MEASURES` for each cycle.

    Args:
        log_posterior: Of S1, systole, S2 and diastole, from the network.
        first_frame: Where each segment begins.
        state: 0 to 3.
        first_segment: Index of the S1 of each cycle; four segments follow it.
    """
    last_frame = np.append(first_frame[1:], len(log_posterior))
    state_of_frame = np.repeat(state, last_frame - first_frame)
    agreement = np.take_along_axis(log_posterior, state_of_frame[:, None], axis=1)[:, 0]
    total = np.concatenate([[0.0], np.cumsum(agreement)])
    probability = np.concatenate([[0.0], np.cumsum(np.exp(agreement))])

    starts, stops = first_frame[first_segment], first_frame[first_segment + 4]
    before = starts[np.maximum(np.arange(len(starts)) - _NEIGHBOURS, 0)]
    after = stops[np.minimum(np.arange(len(starts)) + _NEIGHBOURS, len(starts) - 1)]

    def clarity(segment: Int64[np.ndarray, "cycles"]) -> Float64[np.ndarray, "cycles"]:
        start, stop = first_frame[segment], last_frame[segment]
        mean = (probability[stop] - probability[start]) / (stop - start)
        log_mean: Float64[np.ndarray, "cycles"] = np.log(np.maximum(mean, 1e-6))
        return log_mean

    return np.column_stack(
        [
            (total[stops] - total[starts]) / (stops - starts),
            (total[after] - total[before]) / (after - before),
            np.full(len(starts), total[-1] / len(agreement)),
            clarity(first_segment),
            clarity(first_segment + 2),
            clarity(first_segment + 4),
            _irregularity(stops - starts),
        ]
    )


def confidence_of(
    measures: Float64[np.ndarray, "cycles measures"], confidence: ConfidenceWeights
) -> Float64[np.ndarray, "cycles"]:
    """Probability that the cycle's onsets are right within 100 ms."""
    score = measures @ confidence.weights + confidence.bias
    probability: Float64[np.ndarray, "cycles"] = 0.5 * (1.0 + np.tanh(0.5 * score))
    return probability


def _irregularity(lengths: Int64[np.ndarray, "cycles"]) -> Float64[np.ndarray, "cycles"]:
    """Size of the log ratio of each length to the median of it and its neighbours."""
    if len(lengths) == 0:
        return np.zeros(0)
    padded = np.pad(np.log(lengths), _NEIGHBOURS, mode="edge")
    around = np.lib.stride_tricks.sliding_window_view(padded, 2 * _NEIGHBOURS + 1)
    size: Float64[np.ndarray, "cycles"] = np.abs(np.log(lengths) - np.median(around, axis=1))
    return size
