"""ROC and precision-recall curves, a point for each threshold, and the figures at what was said."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float64
from sklearn import metrics


@dataclass(frozen=True, kw_only=True, slots=True)
class Curve:
    """Points in the order of the thresholds, from the highest to the lowest."""

    x: Float64[np.ndarray, "points"]
    y: Float64[np.ndarray, "points"]


def roc_curve(
    true: Bool[np.ndarray, "units"], probabilities: Float64[np.ndarray, "units"]
) -> Curve | None:
    """Sensitivity (y) by the share of false alarms (x), from (0, 0) to (1, 1).

    The area below it is the `auroc` of `classification_metrics`.

    Args:
        true: Which units are of the class.
        probabilities: Of that class.

    Returns:
        None where all units are of the class, or none is.
    """
    if true.all() or not true.any():
        return None
    alarms, hits, _ = metrics.roc_curve(true, probabilities)
    return Curve(x=alarms, y=hits)


def precision_recall_curve(
    true: Bool[np.ndarray, "units"], probabilities: Float64[np.ndarray, "units"]
) -> Curve | None:
    """Precision (y) by sensitivity (x), both from 0 to 1; the recall ascends.

    The mean of its precisions, each weighing the sensitivity that is gained there, is the `auprc`
    of `classification_metrics`.

    Args:
        true: Which units are of the class.
        probabilities: Of that class.

    Returns:
        None where all units are of the class, or none is.
    """
    if true.all() or not true.any():
        return None
    precision, recall, _ = metrics.precision_recall_curve(true, probabilities)
    return Curve(x=recall[::-1].copy(), y=precision[::-1].copy())
