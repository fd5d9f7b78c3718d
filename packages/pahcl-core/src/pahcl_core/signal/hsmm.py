"""The most probable sequence of heart states when states have durations and hearts have rhythms.

An explicit-duration hidden Markov model: the states follow on each other in a ring, each lasts a
number of frames with its own probability, and the first and the last may reach beyond the
recording. After Schmidt et al., "Segmentation of heart sound recordings by a duration-dependent
hidden Markov model", Physiological Measurement 31 (2010), section 2.3, and Springer, Tarassenko and
Clifford, "Logistic regression-HSMM-based heart sound segmentation", IEEE Transactions on
Biomedical Engineering 63(4) (2016), section III.

Here durations also depend on a hidden rhythm (heart rate and share of the systole), which may
change whenever a new cycle begins; so the rate needs not be known beforehand, nor be constant.
Many frames share a call to NumPy: a state lasts at least its shortest duration, so that its end is
known that much further than its beginning, and once around the ring as far as the shortest cycle.
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
    """All durations that a state can have, in one row: those of a rhythm lie together."""

    rhythm: Int64[np.ndarray, "candidates"]
    duration: Int64[np.ndarray, "candidates"]
    log_probability: Float64[np.ndarray, "candidates"]
    first_of_rhythm: Int64[np.ndarray, "rhythms"]


@dataclass(frozen=True, kw_only=True, slots=True)
class _Scores:
    """Of the best paths up to each bound between frames; bound `t` is the one before frame `t`."""

    entry: Float64[np.ndarray, "4 padded rhythms"]
    """Of those whose next segment is of that state and rhythm, in row `longest + t`. What the state
    has emitted up to there is subtracted, so that a segment's emissions are one look-up at its end.
    The rows up to the first bound are those of a first segment, which began there or earlier."""

    cycle_end: Float64[np.ndarray, "frames rhythms"]
    """Of those in which a cycle of that rhythm ends, in row `t`; likewise for the S1 that follows.
    """

    longest: int
    """Duration that is possible."""


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
    return _trace_back(_scores(emitted, candidates, model), emitted, model)


def whole_cycles(path: StatePath) -> Int64[np.ndarray, "cycles"]:
    """Index of the segment with which each cycle begins.

    The first segment has begun before the recording, so none begins there; the segment after a
    cycle is the S1 that ends it.
    """
    index = np.flatnonzero(path.state == 0)
    return index[(index > 0) & (index + NUM_STATES < len(path.state))]


def _candidates(model: DurationModel) -> list[_Candidates]:
    found = []
    for table in model.log_duration.transpose(1, 0, 2):
        rhythm, index = np.nonzero(np.isfinite(table))
        if len(np.unique(rhythm)) < len(table):
            raise ValueError("every state must have a possible duration under every rhythm")
        found.append(
            _Candidates(
                rhythm=rhythm,
                duration=index + 1,
                log_probability=table[rhythm, index],
                first_of_rhythm=np.searchsorted(rhythm, np.arange(len(table))),
            )
        )
    return found


def _scores(
    emitted: Float64[np.ndarray, "bounds 4"], candidates: list[_Candidates], model: DurationModel
) -> _Scores:
    """In rounds around the ring, each as many bounds as the shortest cycle has frames."""
    num_frames, num_rhythms = len(emitted) - 1, len(model.log_first)
    longest = max(int(one.duration.max()) for one in candidates)
    entry = np.empty((NUM_STATES, longest + num_frames, num_rhythms))
    entry[:, : longest + 1] = model.log_first
    cycle_end = np.empty((num_frames, num_rhythms))
    # What is to be added where a state ends and the next one begins.
    turn = emitted - np.roll(emitted, -1, axis=1)
    # The end of a state is known as far as its beginning, and its shortest duration further.
    ahead = np.cumsum([int(one.duration.min()) for one in candidates])
    block = int(ahead[-1])
    places = [
        # A candidate's segment that ends at a bound has begun `duration` rows before.
        one.rhythm + num_rhythms * (longest - one.duration + np.arange(block)[:, None])
        for one in candidates
    ]
    for known in range(0, num_frames + block, block):
        for state, one in enumerate(candidates):
            start = max(1, known + int(ahead[state]) - block + 1)
            stop = min(num_frames, known + int(ahead[state]) + 1)
            if stop <= start:
                continue
            begun = entry[state].ravel()[start * num_rhythms :]
            # No place is out of bounds; `clip` only spares the check.
            reached = begun.take(places[state][: stop - start], mode="clip")
            reached += one.log_probability
            best = np.maximum.reduceat(reached, one.first_of_rhythm, axis=1)
            best += turn[start:stop, state, None]
            if state == NUM_STATES - 1:
                cycle_end[start:stop] = best
                best = (best[:, :, None] + model.log_change).max(axis=1)
            entry[(state + 1) % NUM_STATES, longest + start : longest + stop] = best
    return _Scores(entry=entry, cycle_end=cycle_end, longest=longest)


def _trace_back(
    scores: _Scores, emitted: Float64[np.ndarray, "bounds 4"], model: DurationModel
) -> StatePath:
    entry, longest, num_frames = scores.entry, scores.longest, len(emitted) - 1
    table = model.log_duration[:, :, :longest]
    # The last segment lasts at least as long as is seen of it.
    at_least = np.maximum.accumulate(table[:, :, ::-1], axis=2)[:, :, ::-1]
    begun = entry[:, num_frames:][:, ::-1].transpose(2, 0, 1)  # 1, 2, … frames before the end
    total = begun + at_least + emitted[-1][:, None]
    place = np.unravel_index(total.argmax(), total.shape)
    rhythm, state, back = (int(index) for index in place)
    bound = num_frames - (back + 1)
    segments = [(bound, state, rhythm)]
    while bound > 0:
        if state == 0:
            rhythm = int((scores.cycle_end[bound] + model.log_change[:, rhythm]).argmax())
        state = (state - 1) % NUM_STATES
        before = entry[state, bound : bound + longest, rhythm][::-1]  # 1, 2, … frames
        bound -= 1 + int((before + table[rhythm, state]).argmax())
        segments.append((bound, state, rhythm))
    first, states, rhythms = (np.array(column) for column in zip(*segments[::-1], strict=True))
    return StatePath(
        first_frame=np.maximum(first, 0),
        state=states,
        rhythm=rhythms,
        log_probability=float(total[place]),
    )
