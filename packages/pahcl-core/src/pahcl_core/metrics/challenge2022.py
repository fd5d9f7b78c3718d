"""Scores of the PhysioNet Challenge 2022, by patient.

Reyna et al., "Heart murmur detection from phonocardiogram recordings: The George B. Moody PhysioNet
Challenge 2022", PLOS Digital Health 2023.

Weighted accuracy: the share of patients that are right, each weighing as much as missing them
would cost, by their true class. Cost: what screening everybody with the algorithm, referring those
it calls abnormal to an expert, treating whom the expert confirms, and paying for those missed comes
to, per patient.
"""

from collections.abc import Mapping, Sequence
from typing import TypeVar

import numpy as np
from jaxtyping import Bool, Float64, Int64
from sklearn.metrics import roc_auc_score

WEIGHTS: Mapping[str, Mapping[str, float]] = {
    "murmur": {"Present": 5.0, "Unknown": 3.0, "Absent": 1.0},
    "outcome": {"Abnormal": 5.0, "Normal": 1.0},
}


def challenge_scores(
    label: str,
    labels: Int64[np.ndarray, "patients"],
    predicted: Int64[np.ndarray, "patients"],
    class_names: Sequence[str],
) -> dict[str, float]:
    """The Challenge's scores for one of its labels; none for a label it does not know.

    Args:
        label: `murmur` or `outcome`.
        labels: Index of each patient's true class.
        predicted: Index of the class said.
        class_names: What the indices mean.
    """
    if label not in WEIGHTS:
        return {}
    weights = [WEIGHTS[label][name] for name in class_names]
    scores = {"weighted_accuracy": weighted_accuracy(labels, predicted, weights)}
    if label == "outcome":
        abnormal = list(class_names).index("Abnormal")
        scores["cost"] = cost(labels == abnormal, predicted == abnormal)
    return scores


def weighted_accuracy(
    labels: Int64[np.ndarray, "patients"],
    predicted: Int64[np.ndarray, "predictions"],
    weights: Sequence[float],
) -> float:
    """Share of the weight that is on patients whose class was said.

    Raises:
        ValueError: If there are no patients, not one prediction for each, or a label is negative.
    """
    _check_lengths(labels, predicted)
    if labels.min() < 0:  # it would take the weight of the last class
        raise ValueError(f"labels must be at least 0, got {labels.min()}")
    weight = np.asarray(weights)[labels]
    return float(weight[predicted == labels].sum() / weight.sum())


def cost(true: Bool[np.ndarray, "patients"], referred: Bool[np.ndarray, "predictions"]) -> float:
    """Mean cost of a patient, in the Challenge's dollars.

    Args:
        true: Whether each patient is abnormal.
        referred: Whether the algorithm says so.

    Raises:
        ValueError: If there are no patients, or not one prediction for each.
    """
    _check_lengths(true, referred)
    return cost_of_shares(
        referred=float(np.mean(referred)),
        treated=float(np.mean(true & referred)),
        missed=float(np.mean(true & ~referred)),
    )


Shares = TypeVar("Shares", float, np.ndarray)


def cost_of_shares(*, referred: Shares, treated: Shares, missed: Shares) -> Shares:
    """The same from shares of all patients, one number each or an array.

    Args:
        referred: Said to be abnormal.
        treated: Said so, and so.
        missed: Abnormal, and not said so.
    """
    screening = 25 + 397 * referred - 1718 * referred**2 + 11296 * referred**4
    mean: Shares = 10 + screening + 10_000 * treated + 50_000 * missed
    return mean


def present_against_absent(
    labels: Int64[np.ndarray, "patients"],
    probabilities: Float64[np.ndarray, "patients classes"],
    class_names: Sequence[str],
) -> float | None:
    """The area under the ROC curve of `Present` against `Absent`; those `Unknown` are left out.

    It is no score of the Challenge, but what many papers give for its data.

    Args:
        labels: Index of each patient's true class.
        probabilities: Of each class.
        class_names: What the indices mean.

    Returns:
        None where there are not some of both.
    """
    known, true, score = known_murmurs(labels, probabilities, class_names)
    if true[known].all() or not true[known].any():
        return None
    return float(roc_auc_score(true[known], score[known]))


def known_murmurs(
    labels: Int64[np.ndarray, "patients"],
    probabilities: Float64[np.ndarray, "patients classes"],
    class_names: Sequence[str],
) -> tuple[
    Bool[np.ndarray, "patients"], Bool[np.ndarray, "patients"], Float64[np.ndarray, "patients"]
]:
    """Who is `Present` or `Absent`, who `Present`, and how probable that is if it is one of them.

    The probability of a half stands for what is neither by any chance.
    """
    present, absent = (list(class_names).index(name) for name in ("Present", "Absent"))
    either = probabilities[:, present] + probabilities[:, absent]
    score = np.full(len(labels), 0.5)
    np.divide(probabilities[:, present], either, out=score, where=either > 0)
    return np.isin(labels, (present, absent)), labels == present, score


def _check_lengths(true: np.ndarray, predicted: np.ndarray) -> None:
    if len(true) == 0:
        raise ValueError("no patients to score")
    if len(predicted) != len(true):  # one prediction would count for all
        raise ValueError(f"{len(predicted)} predictions for {len(true)} patients")
