"""How far from what is normal a recording is: the Mahalanobis distance of its embedding.

Only normal recordings of other people are learnt from: their mean and their covariance, shrunk
towards a sphere, because there are hardly more recordings than directions to be estimated. What is
found may be any illness, also one that nobody has a label for.

Source:
    Mahalanobis, "On the generalised distance in statistics", 1936.
    Ledoit and Wolf, "A well-conditioned estimator for large-dimensional covariance matrices",
    Journal of Multivariate Analysis 88, 2004: how much to shrink.
    Lee et al., "A Simple Unified Framework for Detecting Out-of-Distribution Samples and
    Adversarial Attacks", NeurIPS 2018: the distance in a network's features as a score.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64, Int64
from sklearn.covariance import LedoitWolf

from pahcl_core.data.collection import Subject
from pahcl_core.data.tasks import Task
from pahcl_core.metrics.bootstrap import Interval, bootstrap
from pahcl_core.training.people import Cohort
from pahcl_core.training.rows import folds_of, foretold, labelled_rows, scored_subjects


class Normality:
    """Where normal embeddings lie."""

    def __init__(self, normal: Float64[np.ndarray, "recordings width"]) -> None:
        """Learn it from embeddings of normal recordings, at least two."""
        self._mean = normal.mean(axis=0)
        spread = normal.std(axis=0)
        self._spread = np.where(spread > 0, spread, 1.0)
        fitted = LedoitWolf(assume_centered=True).fit((normal - self._mean) / self._spread)
        self._precision = fitted.precision_

    def distance(
        self, embeddings: Float64[np.ndarray, "recordings width"]
    ) -> Float64[np.ndarray, "recordings"]:
        """How far each is from normal; about the square root of the width for a normal one."""
        scaled = (embeddings - self._mean) / self._spread
        squared = np.einsum("rw,wv,rv->r", scaled, self._precision, scaled)
        distance: Float64[np.ndarray, "recordings"] = np.sqrt(np.maximum(squared, 0.0))
        return distance


@dataclass(frozen=True, kw_only=True, slots=True)
class Anomalies:
    """How far from normal patients are, one row each."""

    subjects: tuple[Subject, ...]
    labels: Int64[np.ndarray, "patients"]
    """Index of the true class."""

    scores: Float64[np.ndarray, "patients"]


def normal_class(task: Task) -> str:
    """The class of the healthy: the first of a task's."""
    return task.classes[0]


def anomaly_probe(
    recordings: Int64[np.ndarray, "recordings"],
    embeddings: Float64[np.ndarray, "recordings width"],
    cohort: Cohort,
    task: Task,
    *,
    seed: int,
) -> Anomalies:
    """How far everyone is from the normal recordings of the persons in other folds.

    The folds are the linear probe's. A patient is as far as their recordings are on average, or as
    the farthest where any one makes a patient positive (the task's `pooling`).

    Args:
        recordings: Indices into the recordings of the cohort's cycles.
        embeddings: One row for each of them.
        cohort: Whose they are; its split is not looked at.
        task: Whose first class is the normal one.
        seed: Of the folds.

    Raises:
        DataError: If a class has fewer persons than there are folds.
    """
    known = labelled_rows(recordings, cohort, task)

    def distance(
        rows: Float64[np.ndarray, "train width"],
        labels: Int64[np.ndarray, "train"],
        persons: np.ndarray,
        asked: Float64[np.ndarray, "test width"],
    ) -> Float64[np.ndarray, "test 1"]:
        return Normality(rows[labels == 0]).distance(asked)[:, None]

    said = foretold(embeddings, known, folds_of(known, task, seed=seed), distance)[:, 0]
    owner = np.array(
        [cohort.cycles.recordings[number].subject_id for number in recordings[known.place]]
    )
    pool = np.max if task.pooling == "any" else np.mean
    heard = tuple(one for one in scored_subjects(cohort, task) if one.subject_id in set(owner))
    return Anomalies(
        subjects=heard,
        labels=np.array([task.class_index(one.labels[task.label]) for one in heard]),
        scores=np.array([float(pool(said[owner == one.subject_id])) for one in heard]),
    )


def anomaly_auroc(anomalies: Anomalies, task: Task) -> dict[str, Interval]:
    """How often who is ill is farther from normal than who is not, with 95 % over persons.

    Returns:
        `auroc`, of all who are not of the normal class against those who are; and for a task of
        more than two classes `auroc_<class>`, of that class alone against the normal one.
    """
    ill = anomalies.labels > 0
    found = {"auroc": _area(anomalies, ill, np.ones(len(ill), dtype=bool))}
    if len(task.classes) > 2:
        for number, name in enumerate(task.classes[1:], start=1):
            own = anomalies.labels == number
            found[f"auroc_{name}"] = _area(anomalies, own, own | ~ill)
    return found


def _area(anomalies: Anomalies, ill: np.ndarray, counted: np.ndarray) -> Interval:
    """Of those who count."""
    scores = anomalies.scores[counted]
    return bootstrap(
        ill[counted].astype(np.int64),
        np.column_stack([-scores, scores]),
        [one.person_id for one, counts in zip(anomalies.subjects, counted, strict=True) if counts],
        class_names=("normal", "ill"),
        positive="ill",
        names=["auroc"],
    )["auroc"]
