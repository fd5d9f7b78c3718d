"""How well found onsets and cycles agree with annotated ones.

Only the inside of an annotated stretch is judged: within the tolerance of its edges, and outside of
it, nobody can say what is true.
"""

from collections.abc import Sequence
from dataclasses import astuple, dataclass

import numpy as np
from jaxtyping import Bool, Float64, Int
from segmentation_recordings import States

from pahcl_core.metrics.bootstrap import NUM_RESAMPLES, multiplicities

TOLERANCE_S = 0.1
S1, S2 = 1, 3

_MAX_GAP_S = 0.006  # annotations are rounded; two states this close belong to one stretch


@dataclass(frozen=True, kw_only=True, slots=True)
class OnsetCounts:
    """Onsets of one sound; counts of several recordings add up."""

    true: int = 0
    true_hit: int = 0
    """Annotated onsets with a found one near by, one for one."""

    found: int = 0
    found_hit: int = 0
    """Found onsets with an annotated one near by, one for one."""

    def __add__(self, other: "OnsetCounts") -> "OnsetCounts":
        """The counts of both."""
        return OnsetCounts(
            true=self.true + other.true,
            true_hit=self.true_hit + other.true_hit,
            found=self.found + other.found,
            found_hit=self.found_hit + other.found_hit,
        )

    @property
    def f1(self) -> float:
        """Harmonic mean of recall and precision; NaN where nothing was there to be found."""
        if self.true == 0:
            return float("nan")
        recall = self.true_hit / self.true
        precision = self.found_hit / self.found if self.found else 0.0
        return 2 * recall * precision / (recall + precision) if recall + precision else 0.0


def f1_difference_interval(
    ours: Sequence[OnsetCounts], theirs: Sequence[OnsetCounts], *, seed: int = 0
) -> tuple[float, float]:
    """Where the F1 of one method less that of another lies in 95 % of the resamples of persons.

    A person is drawn with the counts of both, so that what is hard in a recording is hard for both.
    Resamples in which a method has nothing to find are left out.

    Args:
        ours: Of each person.
        theirs: Of the same persons in the same order.
        seed: Of the draws.

    Returns:
        The lower and the upper end; NaN for fewer than two persons.
    """
    counts = np.array([[astuple(one) for one in method] for method in (ours, theirs)], dtype=float)
    differences = []
    if len(ours) > 1:
        for _, times in multiplicities(len(ours), NUM_RESAMPLES, seed):
            true, true_hit, found, found_hit = np.moveaxis(times.T @ counts, 2, 0)
            with np.errstate(divide="ignore", invalid="ignore"):
                recall, precision = true_hit / true, found_hit / found
                f1 = 2 * recall * precision / (recall + precision)
            differences.append(f1[0] - f1[1])
    drawn = np.concatenate([np.zeros(0), *differences])
    drawn = drawn[np.isfinite(drawn)]
    if len(drawn) == 0:
        return float("nan"), float("nan")
    low, high = np.quantile(drawn, (0.025, 0.975))
    return float(low), float(high)


def stretches(states: States) -> Float64[np.ndarray, "stretches 2"]:
    """Start and end of each stretch of states without a gap."""
    found: list[list[float]] = []
    for start, end in zip(states.start_s, states.end_s, strict=True):
        if found and start - found[-1][1] <= _MAX_GAP_S:
            found[-1][1] = end
        else:
            found.append([start, end])
    return np.array(found).reshape(-1, 2)


def count_onsets(
    true: States, found_s: Float64[np.ndarray, "onsets"], *, state: int
) -> OnsetCounts:
    """Compare found onsets of a state with the annotated ones.

    Args:
        true: The annotation.
        found_s: Onsets in seconds, ascending.
        state: 1 for S1, 3 for S2.
    """
    counts = OnsetCounts()
    onsets = true.start_s[true.state == state]
    for start, end in stretches(true):
        here = onsets[(onsets >= start) & (onsets < end)]
        near = found_s[(found_s >= start - TOLERANCE_S) & (found_s < end + TOLERANCE_S)]
        judged_true = _inside(here, start, end)
        judged_found = _inside(near, start, end)
        counts += OnsetCounts(
            true=len(judged_true),
            true_hit=_num_pairs(judged_true, near),
            found=len(judged_found),
            found_hit=_num_pairs(here, judged_found),
        )
    return counts


def judge_cycles(
    true: States, bounds_s: Float64[np.ndarray, "cycles 5"]
) -> tuple[Int[np.ndarray, "judged"], Bool[np.ndarray, "judged"]]:
    """Which cycles lie inside an annotated stretch, and which of these are right.

    A cycle is right when its S1, its S2 and the next S1 each begin within the tolerance of an
    annotated onset of the same sound.

    Returns:
        Indices of the cycles that can be judged, and for each whether it is right.
    """
    judged = np.zeros(len(bounds_s), dtype=bool)
    for start, end in stretches(true):
        judged |= (bounds_s[:, 0] >= start + TOLERANCE_S) & (bounds_s[:, 4] < end - TOLERANCE_S)
    right = (
        _is_near(bounds_s[:, 0], true.start_s[true.state == S1])
        & _is_near(bounds_s[:, 2], true.start_s[true.state == S2])
        & _is_near(bounds_s[:, 4], true.start_s[true.state == S1])
    )
    return np.flatnonzero(judged), right[judged]


def _inside(
    onsets_s: Float64[np.ndarray, "onsets"], start: float, end: float
) -> Float64[np.ndarray, "inside"]:
    inside: Float64[np.ndarray, "inside"] = onsets_s[
        (onsets_s >= start + TOLERANCE_S) & (onsets_s < end - TOLERANCE_S)
    ]
    return inside


def _is_near(
    onsets_s: Float64[np.ndarray, "onsets"], true_s: Float64[np.ndarray, "true"]
) -> Bool[np.ndarray, "onsets"]:
    if len(true_s) == 0:
        return np.zeros(len(onsets_s), dtype=bool)
    near: Bool[np.ndarray, "onsets"] = np.abs(onsets_s[:, None] - true_s).min(axis=1) <= TOLERANCE_S
    return near


def _num_pairs(one: Float64[np.ndarray, "one"], other: Float64[np.ndarray, "other"]) -> int:
    """Most pairs within the tolerance, one for one; both ascend, so the earliest fits best."""
    pairs = i = j = 0
    while i < len(one) and j < len(other):
        if abs(one[i] - other[j]) <= TOLERANCE_S:
            pairs, i, j = pairs + 1, i + 1, j + 1
        elif other[j] < one[i]:
            j += 1
        else:
            i += 1
    return pairs
