"""The most probable sequence of heart states when states have durations and hearts have rhythms.

An explicit-duration hidden Markov model: the states follow on each other in a ring, each lasts a
number of frames with its own probability, and the first and the last may reach beyond the
recording. After Schmidt et al., "Segmentation of heart sound recordings by a duration-dependent
hidden Markov model", Physiological Measurement 31 (2010), section 2.3, and Springer, Tarassenko and
Clifford, "Logistic regression-HSMM-based heart sound segmentation", IEEE Transactions on
Biomedical Engineering 63(4) (2016), section III.

Here durations also depend on a hidden rhythm (heart rate and share of the systole), which may
change whenever a new cycle begins; so the rate needs not be known beforehand, nor be constant.
Many frames share a call to NumPy: no state is shorter than the shortest duration, so that as many
frames do not depend on each other.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64, Int64

NUM_STATES = 4


@dataclass(frozen=True, kw_only=True, slots=True)
class DurationModel:
    """How long states last under each rhythm, and how rhythms change."""

    log_duration: Float64[np.ndarray, "rhythms states durations"]
    """Log-probability that a state lasts `1 + index` frames; -inf where it never does."""

    log_change: Float64[np.ndarray, "rhythms rhythms"]
    """Log-probability of the second rhythm in the cycle after one of the first."""

    log_first: Float64[np.ndarray, "rhythms"]
    """Log-probability of the rhythm in which a recording begins."""


@dataclass(frozen=True, kw_only=True, slots=True)
class StatePath:
    """A sequence of states that covers all frames."""

    first_frame: Int64[np.ndarray, "segments"]
    """Where each begins, ascending from 0; it lasts until the next one begins."""

    state: Int64[np.ndarray, "segments"]
    """0 to 3, each the successor of the one before in the ring."""

    rhythm: Int64[np.ndarray, "segments"]
    log_probability: float
    """Of the frames and the path together."""


@dataclass(frozen=True, kw_only=True, slots=True)
class _Candidates:
    """All durations that are possible, in one row: those of a rhythm and state lie together."""

    pair: Int64[np.ndarray, "candidates"]
    """Rhythm times the number of states, plus the state."""

    duration: Int64[np.ndarray, "candidates"]
    log_probability: Float64[np.ndarray, "candidates"]
    first_of_pair: Int64[np.ndarray, "pairs"]


def most_probable_path(
    log_emission: Float64[np.ndarray, "frames 4"], model: DurationModel
) -> StatePath:
    """The path that maximises the probability of emissions, durations and rhythms.

    A state that is cut off by an end of the recording takes the most probable of the durations
    that reach as far. Time and memory grow in proportion to the frames.

    Args:
        log_emission: Logarithm of each frame's likelihood in each state, up to a constant per
            frame.
        model: The durations; each state must have a possible one under each rhythm.

    Raises:
        ValueError: If there is no frame, or a state can have no duration.
    """
    if len(log_emission) == 0:
        raise ValueError("there must be at least one frame")
    candidates = _candidates(model)
    emitted = np.concatenate([np.zeros((1, NUM_STATES)), np.cumsum(log_emission, axis=0)])
    entry = _entry_scores(emitted, candidates, model)
    return _trace_back(entry, emitted, candidates, model)


def _candidates(model: DurationModel) -> _Candidates:
    num_rhythms = len(model.log_first)
    table = model.log_duration.reshape(num_rhythms * NUM_STATES, -1)
    pair, index = np.nonzero(np.isfinite(table))
    first = np.searchsorted(pair, np.arange(len(table)))
    if len(np.unique(pair)) < len(table):
        raise ValueError("every state must have a possible duration under every rhythm")
    return _Candidates(
        pair=pair,
        duration=index + 1,
        log_probability=table[pair, index],
        first_of_pair=first,
    )


def _entry_scores(
    emitted: Float64[np.ndarray, "bounds 4"], candidates: _Candidates, model: DurationModel
) -> Float64[np.ndarray, "padded pairs"]:
    """Score of the best path up to a bound between frames whose next segment is that pair's.

    Row `longest + t` is the bound before frame `t`. What the state has emitted up to there is
    subtracted, so that a segment's emissions are one look-up at its end. The rows before the
    recording are those of a first segment that began earlier.
    """
    num_rhythms, longest = len(model.log_first), int(candidates.duration.max())
    num_pairs = num_rhythms * NUM_STATES
    num_bounds = len(emitted)
    entry = np.empty((longest + num_bounds, num_pairs))
    entry[: longest + 1] = np.repeat(model.log_first, NUM_STATES)
    flat = entry.ravel()
    # A candidate's segment that ends at a bound has begun `duration` rows before.
    offset = candidates.pair - num_pairs * candidates.duration
    block = int(candidates.duration.min())
    rows = np.arange(block)[:, None] * num_pairs + offset
    for start in range(1, num_bounds, block):
        stop = min(start + block, num_bounds)
        count = stop - start
        reached = flat[rows[:count] + (longest + start) * num_pairs]
        reached += candidates.log_probability
        best = np.maximum.reduceat(reached, candidates.first_of_pair, axis=1)
        ended = best.reshape(count, num_rhythms, NUM_STATES) + emitted[start:stop, None]
        following = np.empty_like(ended)
        following[:, :, 1:] = ended[:, :, :-1]
        following[:, :, 0] = (ended[:, :, NUM_STATES - 1, None] + model.log_change).max(axis=1)
        following -= emitted[start:stop, None]
        entry[longest + start : longest + stop] = following.reshape(count, num_pairs)
    return entry


def _trace_back(
    entry: Float64[np.ndarray, "padded pairs"],
    emitted: Float64[np.ndarray, "bounds 4"],
    candidates: _Candidates,
    model: DurationModel,
) -> StatePath:
    num_rhythms, num_durations = len(model.log_first), model.log_duration.shape[2]
    longest, num_frames = int(candidates.duration.max()), len(emitted) - 1
    table = model.log_duration.reshape(num_rhythms * NUM_STATES, num_durations)[:, :longest]
    # The last segment lasts at least as long as is seen of it.
    at_least = np.maximum.accumulate(table[:, ::-1], axis=1)[:, ::-1]
    begun = entry[num_frames : num_frames + longest][::-1].T  # 1, 2, … frames before the end
    total = begun + at_least + np.tile(emitted[-1], num_rhythms)[:, None]
    pair, back = (int(index) for index in np.unravel_index(total.argmax(), total.shape))
    log_probability = float(total[pair, back])
    bound = num_frames - (back + 1)
    segments = [(bound, pair)]
    while bound > 0:
        rhythm, state = divmod(pair, NUM_STATES)
        if state == 0:
            before = np.arange(num_rhythms) * NUM_STATES + NUM_STATES - 1
            change = model.log_change[:, rhythm]
        else:
            before = np.array([pair - 1])
            change = np.zeros(1)
        begun = entry[bound + longest - np.arange(1, longest + 1)][:, before].T
        scores = begun + table[before] + change[:, None]
        row, back = (int(index) for index in np.unravel_index(scores.argmax(), scores.shape))
        pair, bound = int(before[row]), bound - (back + 1)
        segments.append((bound, pair))
    first, pairs = (np.array(column) for column in zip(*segments[::-1], strict=True))
    return StatePath(
        first_frame=np.maximum(first, 0),
        state=pairs % NUM_STATES,
        rhythm=pairs // NUM_STATES,
        log_probability=log_probability,
    )
