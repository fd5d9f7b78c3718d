"""Do probabilities mean what they say? Of 100 answers given with 0.8, 80 should be right.

The confidence of an answer is the probability of the class that was said. Units are put in bins by
confidence, and each bin's share of right answers is held against its mean confidence: those are the
points of a reliability plot, and the mean distance between the two, each bin weighing as many units
as it has, is the expected calibration error (ECE).

Bins hold equally many units, not equally wide ranges: a test set of 200 persons leaves most of 15
equally wide bins empty or with a handful, whose share of right answers is noise. Units of the same
confidence are in the same bin, so the order of units does not matter. The error of a perfectly
calibrated model is above 0 all the same, the more so the fewer units a bin has: compare only errors
of the same number of units and bins.

Temperature scaling divides all logits by one number, fitted on validation units: it changes how
sure a model is, never what it says.

Sources: Guo et al., "On Calibration of Modern Neural Networks", ICML 2017 (ECE with bins of equal
width, temperature); Nguyen and O'Connor, EMNLP 2015 (bins of equal mass); Brier, Monthly Weather
Review 78, 1950.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Bool, Float64, Int64
from scipy.optimize import brentq
from scipy.stats import rankdata

NUM_BINS = 10
Bins = Literal["equal_mass", "equal_width"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Reliability:
    """One entry for each bin that holds a unit, by ascending confidence."""

    confidence: Float64[np.ndarray, "bins"]
    """Its mean."""

    accuracy: Float64[np.ndarray, "bins"]
    """Share of right answers."""

    count: Int64[np.ndarray, "bins"]

    @property
    def error(self) -> float:
        """The expected calibration error."""
        apart = np.abs(self.accuracy - self.confidence)
        return float((apart * self.count).sum() / self.count.sum())


def reliability(
    labels: Int64[np.ndarray, "units"],
    probabilities: Float64[np.ndarray, "rows classes"],
    *,
    num_bins: int = NUM_BINS,
    bins: Bins = "equal_mass",
) -> Reliability:
    """Confidence and accuracy, bin by bin.

    Args:
        labels: Index of the true class of each unit.
        probabilities: Of each class; each row adds up to 1.
        num_bins: At most so many.
        bins: `equal_mass`, or `equal_width` for ranges of the same width from 0 to 1, each with its
            upper end.

    Raises:
        ValueError: If there are no units, shapes do not fit, `num_bins` is not positive or rows are
            no probabilities.
    """
    _check(labels, probabilities)
    if num_bins < 1:
        raise ValueError(f"num_bins must be at least 1, got {num_bins}")
    confidence = probabilities.max(axis=1)
    right = probabilities.argmax(axis=1) == labels
    if bins == "equal_mass":
        # Units of one confidence share the mean of their ranks, which is a whole number of halves.
        halves = np.rint(2 * rankdata(confidence)).astype(np.int64) - 1
        number = halves * num_bins // (2 * len(confidence))
    else:
        number = np.searchsorted(np.linspace(0, 1, num_bins + 1), confidence).astype(np.int64)
    return _of_bins(number, confidence, right)


def _of_bins(
    number: Int64[np.ndarray, "units"],
    confidence: Float64[np.ndarray, "units"],
    right: Bool[np.ndarray, "units"],
) -> Reliability:
    _, place, count = np.unique(number, return_inverse=True, return_counts=True)
    return Reliability(
        confidence=np.bincount(place, weights=confidence) / count,
        accuracy=np.bincount(place, weights=right) / count,
        count=count.astype(np.int64),
    )


def brier(
    labels: Int64[np.ndarray, "units"], probabilities: Float64[np.ndarray, "rows classes"]
) -> float:
    """Mean squared distance of the probabilities from the truth; 0 is perfect.

    Summed over the classes, as Brier wrote it, so at most 2; with two classes half of that, which
    is the squared distance of the one probability there is, at most 1. scikit-learn scales alike.

    Raises:
        ValueError: If there are no units, shapes do not fit or rows are no probabilities.
    """
    _check(labels, probabilities)
    num_classes = probabilities.shape[1]
    apart = probabilities - np.eye(num_classes)[labels]
    score = float((apart**2).sum(axis=1).mean())
    return score / 2 if num_classes == 2 else score


@dataclass(frozen=True, kw_only=True, slots=True)
class Temperature:
    """What to divide logits by."""

    value: float | None
    undefined: str = ""
    """Why there is none."""


def fit_temperature(
    labels: Int64[np.ndarray, "units"], logits: Float64[np.ndarray, "rows classes"]
) -> Temperature:
    """The temperature under which the labels are most probable.

    The mean negative log-probability is convex in the inverse of the temperature, so there is one
    minimum; where its slope is 0 is found to a part in 10^10. There is no positive one where every
    answer is right (the surer the better) nor where the classes said are right less often than
    chance (the less sure the better).

    Args:
        labels: Index of the true class of each validation unit.
        logits: Of each class.

    Raises:
        ValueError: If there are no units, shapes do not fit or a logit is not finite.
    """
    _check_shapes(labels, logits)
    if not np.isfinite(logits).all():
        raise ValueError("a temperature needs finite logits")
    own = logits[np.arange(len(labels)), labels]

    def slope(inverse: float) -> float:
        """Of the loss: the expected logit less the true one's, on average."""
        scaled = inverse * logits
        weight = np.exp(scaled - scaled.max(axis=1, keepdims=True))
        expected = (weight * logits).sum(axis=1) / weight.sum(axis=1)
        return float((expected - own).mean())

    spread = float(np.ptp(logits, axis=1).max())
    if spread == 0:
        return Temperature(value=None, undefined="the logits of the classes do not differ")
    if (own == logits.max(axis=1)).all():
        return Temperature(value=None, undefined="every answer is right: no temperature is too low")
    if slope(0.0) >= -_ALIKE * spread:
        return Temperature(
            value=None, undefined="the logits are no better than chance: none is too high"
        )
    above = 1.0
    while slope(above) <= 0:
        above *= 2
    return Temperature(value=1 / brentq(slope, 0.0, above, xtol=1e-14, rtol=1e-10))


def _check(
    labels: Int64[np.ndarray, "units"], probabilities: Float64[np.ndarray, "rows classes"]
) -> None:
    _check_shapes(labels, probabilities)
    in_range = (probabilities >= 0).all() and (probabilities <= 1 + _ROUNDING).all()
    if not in_range or not np.allclose(probabilities.sum(axis=1), 1, atol=_ROUNDING):
        raise ValueError("calibration needs rows of probabilities that add up to 1")


def _check_shapes(
    labels: Int64[np.ndarray, "units"], rows: Float64[np.ndarray, "rows classes"]
) -> None:
    if len(labels) == 0:
        raise ValueError("no units to calibrate on")
    if len(rows) != len(labels):
        raise ValueError(f"{len(rows)} rows for {len(labels)} labels")
    if labels.min() < 0 or labels.max() >= rows.shape[1]:
        raise ValueError(
            f"labels must be 0 to {rows.shape[1] - 1}, got {labels.min()} to {labels.max()}"
        )


_ALIKE = 1e-12  # of logits, means that differ by no more differ in the order of their sums
_ROUNDING = 1e-6  # probabilities that a model gave in single precision
