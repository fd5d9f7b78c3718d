"""The score of the PhysioNet/CinC Challenge 2016, by recording.

A recording is answered normal, abnormal or unsure. Unsure is right where the recording is of poor
quality, and wrong where it is good. Sensitivity and specificity are weighted by how many recordings
of each kind are of which quality; MAcc is the mean of the two.

Source: Clifford et al., "Classification of normal/abnormal heart sound recordings", Computing in
Cardiology 2016; Liu et al., "An open access database for the evaluation of heart sound algorithms",
Physiological Measurement 37, 2016.
"""

import numpy as np
from jaxtyping import Bool


def macc(
    abnormal: Bool[np.ndarray, "recordings"],
    said_abnormal: Bool[np.ndarray, "recordings"],
    said_normal: Bool[np.ndarray, "recordings"],
    good: Bool[np.ndarray, "recordings"],
) -> float:
    """Mean of the quality-weighted sensitivity and specificity.

    Args:
        abnormal: Whether each recording is.
        said_abnormal: Whether it was said to be.
        said_normal: Whether it was said to be normal; neither is unsure.
        good: Whether its quality is good.

    Raises:
        ValueError: If there is no abnormal or no normal recording, or one was said to be both.
    """
    if abnormal.all() or not abnormal.any():
        raise ValueError("MAcc needs abnormal and normal recordings")
    if (said_abnormal & said_normal).any():
        raise ValueError("a recording was said to be normal and abnormal at once")
    unsure = ~said_abnormal & ~said_normal
    sensitivity = _weighted_recall(abnormal, said_abnormal, unsure, good)
    specificity = _weighted_recall(~abnormal, said_normal, unsure, good)
    return (sensitivity + specificity) / 2


def _weighted_recall(
    true: Bool[np.ndarray, "recordings"],
    said: Bool[np.ndarray, "recordings"],
    unsure: Bool[np.ndarray, "recordings"],
    good: Bool[np.ndarray, "recordings"],
) -> float:
    """Of the true ones: those said so, and of poor quality also those left open.

    The weights are the shares of good and poor among the true ones, so that each kind's recall,
    times its weight, is its right answers over all true ones.
    """
    right = said | (unsure & ~good)
    return float((true & right).sum() / true.sum())
