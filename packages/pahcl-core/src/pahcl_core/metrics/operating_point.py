"""From which probability on a class is said: candidates, what is said at each, the best of them."""

from collections.abc import Callable

import numpy as np
from jaxtyping import Float64, Int64

_ALIKE = 1e-12  # worths that differ by no more differ in the order of their sums


def said_at(
    probabilities: Float64[np.ndarray, "units classes"], *, positive: int, threshold: float
) -> Int64[np.ndarray, "units"]:
    """The class said of each unit.

    The positive one where its probability is at least the threshold; of the others the most
    probable where it is not, the first one on a tie.

    Args:
        probabilities: Of each class.
        positive: Column of the positive class.
        threshold: Of its probability.
    """
    others = probabilities.copy()
    others[:, positive] = -np.inf
    is_positive = probabilities[:, positive] >= threshold
    said: Int64[np.ndarray, "units"] = np.where(is_positive, positive, others.argmax(axis=1))
    return said


def thresholds(scores: Float64[np.ndarray, "units"]) -> Float64[np.ndarray, "candidates"]:
    """One threshold for each way to part these units by their score, ascending.

    0, at which all are positive, the middle between every two scores that follow one another, and
    one above the highest, at which none is; that is left out where the highest is 1.

    Args:
        scores: Probabilities of a class; at least one.
    """
    distinct = np.unique(scores)
    ends = np.append(distinct, 1.0)
    middle = distinct + (ends[1:] - distinct) / 2
    middle = np.where(middle > distinct, middle, ends[1:])  # of two neighbouring floats, the upper
    return np.concatenate([[0.0], middle[distinct < 1.0]])


def best_threshold(
    probabilities: Float64[np.ndarray, "units classes"],
    *,
    positive: int,
    worth: Callable[[Int64[np.ndarray, "units"]], float],
) -> tuple[float, float]:
    """The threshold at which what is said is worth most, and that worth.

    Of several that are worth the same it is the one nearest to a half, of two such the lower.

    Args:
        probabilities: Of the units it is chosen on; at least one.
        positive: Column of the positive class.
        worth: Of the classes said; minus infinity where it is undefined.
    """
    candidates = thresholds(probabilities[:, positive])
    worths = np.array(
        [
            worth(said_at(probabilities, positive=positive, threshold=float(one)))
            for one in candidates
        ]
    )
    best = candidates[worths >= worths.max() - _ALIKE]
    chosen = float(best[np.abs(best - 0.5).argmin()])
    return chosen, float(worths[candidates == chosen][0])
