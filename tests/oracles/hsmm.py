"""A hidden Markov model with durations by trying every path, and other definitions as plain loops.

Nothing here shares code or data structures with `pahcl_core`.
"""

import math

NUM_STATES = 4


def path_score(segments, log_emission, log_duration, log_change, log_first):
    """Log-probability of a path.

    `segments` are `(first frame, state, rhythm)`. The first may have begun before the frames and
    the last may end after them: what is not seen of their durations is chosen most probably.
    """
    num_frames = len(log_emission)
    score = log_first[segments[0][2]]
    for number, (first, state, rhythm) in enumerate(segments):
        is_last = number == len(segments) - 1
        end = num_frames if is_last else segments[number + 1][0]
        for frame in range(first, end):
            score += log_emission[frame][state]
        possible = log_duration[rhythm][state]
        seen = end - first
        if number == 0 or is_last:
            score += max(possible[seen - 1 :], default=-math.inf)
        else:
            score += possible[seen - 1] if seen <= len(possible) else -math.inf
        if number > 0 and state == 0:
            score += log_change[segments[number - 1][2]][rhythm]
    return score


def all_paths(num_frames, num_rhythms):
    """Every sequence of states around the ring, with every boundary and every rhythm."""

    def extend(path, frame):
        if frame == num_frames:
            yield path
            return
        _, state, rhythm = path[-1]
        following = (state + 1) % NUM_STATES
        for end in range(frame + 1, num_frames + 1):
            if end == num_frames:
                yield path
            elif following == 0:
                for other in range(num_rhythms):
                    yield from extend([*path, (end, following, other)], end)
            else:
                yield from extend([*path, (end, following, rhythm)], end)

    for state in range(NUM_STATES):
        for rhythm in range(num_rhythms):
            yield from extend([(0, state, rhythm)], 0)


def best_path(log_emission, log_duration, log_change, log_first):
    """The most probable path and its log-probability."""
    best, found = -math.inf, None
    for path in all_paths(len(log_emission), len(log_first)):
        score = path_score(path, log_emission, log_duration, log_change, log_first)
        if score > best:
            best, found = score, path
    return found, best


def best_score(log_emission, log_duration, log_change, log_first):
    """The log-probability of the most probable path, where there are too many to try.

    By the definition, frame by frame: a path is a shorter one and a segment. A segment at an end
    has the most probable duration that reaches as far.
    """
    num_frames, num_rhythms = len(log_emission), len(log_first)
    ended = {}
    for end in range(1, num_frames + 1):
        for rhythm in range(num_rhythms):
            for state in range(NUM_STATES):
                possible = log_duration[rhythm][state]
                best, seen_score = -math.inf, 0.0
                for first in range(end - 1, -1, -1):
                    seen = end - first
                    if seen > len(possible):
                        break
                    seen_score += log_emission[first][state]
                    at_an_end = first == 0 or end == num_frames
                    lasting = max(possible[seen - 1 :]) if at_an_end else possible[seen - 1]
                    if first == 0:
                        before = log_first[rhythm]
                    elif state == 0:
                        before = max(
                            ended[first, other, NUM_STATES - 1] + log_change[other][rhythm]
                            for other in range(num_rhythms)
                        )
                    else:
                        before = ended[first, rhythm, state - 1]
                    best = max(best, before + lasting + seen_score)
                ended[end, rhythm, state] = best
    return max(
        ended[num_frames, rhythm, state]
        for rhythm in range(num_rhythms)
        for state in range(NUM_STATES)
    )
