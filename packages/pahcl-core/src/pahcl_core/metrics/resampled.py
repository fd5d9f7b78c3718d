"""The metrics of `classification` and of the challenges for many resamples of the units at once.

A resample is told by how often it holds each unit. Everything then follows from sums weighted by
these multiplicities: cells of the confusion matrix, and units above each score. Whole numbers are
added, so that two resamples with the same counts have the same scores to the bit.

Definitions are those of `classification`, `challenge2022`, `challenge2016` (where nothing was
answered unsure) and `pascal2011`; NaN stands for what is undefined in a resample.
"""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Bool, Float64, Int64

from pahcl_core.metrics.challenge2022 import WEIGHTS, cost_of_shares, known_murmurs
from pahcl_core.metrics.classification import check_predictions, most_probable
from pahcl_core.metrics.pascal2011 import NORMAL

PRESENT_ABSENT = "auroc_present_absent"
CHALLENGES = (*WEIGHTS, "physionet2016", "pascal")
"""Whose scores there are, beside the metrics of every classifier."""

PerResample = Float64[np.ndarray, "resamples"]


class ResampledMetrics:
    """One set of predictions, ready to be scored on any resample of its units."""

    def __init__(
        self,
        labels: Int64[np.ndarray, "units"],
        probabilities: Float64[np.ndarray, "rows classes"],
        *,
        class_names: Sequence[str],
        positive: str,
        challenge: str = "",
        predicted: Int64[np.ndarray, "units"] | None = None,
        with_auprc: bool = True,
    ) -> None:
        """Sort, once.

        Args:
            labels: Index of the true class of each unit (cycle, recording or patient).
            probabilities: Of each class, one row to a unit; rows need not add up to 1.
            class_names: In the order of the columns; at least two.
            positive: The class that the two-sided metrics are about.
            challenge: One of `CHALLENGES` for its scores too.
            predicted: Index of the class said of each unit; None for the most probable.
            with_auprc: Whether areas under the precision-recall curve are wanted: they take as long
                as all else together.

        Raises:
            ValueError: As `classification_metrics`, or if there is no such challenge.
        """
        check_predictions(labels, probabilities, class_names, positive)
        if challenge and challenge not in CHALLENGES:
            raise ValueError(f"challenge must be one of {', '.join(CHALLENGES)}, got {challenge!r}")
        self._names = tuple(class_names)
        self._positive = self._names.index(positive)
        self._challenge = challenge
        self._with_auprc = with_auprc
        if predicted is None:
            predicted = most_probable(probabilities)
        cell = labels * len(self._names) + predicted
        self._in_cell = np.eye(len(self._names) ** 2)[cell]
        wanted = [self._positive] if len(self._names) == 2 else range(len(self._names))
        self._rankings = {c: _Ranking(labels == c, probabilities[:, c]) for c in wanted}
        if challenge == "murmur":
            self._known, present, score = known_murmurs(labels, probabilities, self._names)
            self._against = _Ranking(present[self._known], score[self._known])

    def __call__(
        self, multiplicity: Float64[np.ndarray, "units resamples"]
    ) -> dict[str, PerResample]:
        """Every metric, by name, of each resample.

        Args:
            multiplicity: How often each unit (row) is in each resample (column): whole numbers, at
                least one of a column positive.
        """
        size = len(self._names)
        counts = (multiplicity.T @ self._in_cell).reshape(-1, size, size)
        with np.errstate(divide="ignore", invalid="ignore"):  # 0 / 0 is the NaN that is wanted
            found = _of_counts(counts, self._positive)
            found |= self._areas(multiplicity)
            if self._challenge in WEIGHTS:
                found |= self._challenge_scores(counts, multiplicity)
            elif self._challenge == "physionet2016":
                found["macc"] = (found["sensitivity"] + found["specificity"]) / 2
            elif self._challenge == "pascal":
                found |= _pascal_scores(counts, self._names)
        return found

    def _areas(
        self, multiplicity: Float64[np.ndarray, "units resamples"]
    ) -> dict[str, PerResample]:
        kinds = ("auroc", "auprc") if self._with_auprc else ("auroc",)
        found: dict[str, PerResample] = {}
        by_class = {
            c: ranking.areas(multiplicity, with_auprc=self._with_auprc)
            for c, ranking in self._rankings.items()
        }
        for kind in kinds:
            if len(self._names) == 2:
                found[kind] = by_class[self._positive][kind]
                continue
            each = [by_class[c][kind] for c in range(len(self._names))]
            found[kind] = _mean_of_defined(np.stack(each, axis=1))
            found |= {f"{kind}_{name}": area for name, area in zip(self._names, each, strict=True)}
        return found

    def _challenge_scores(
        self,
        counts: Float64[np.ndarray, "resamples true predicted"],
        multiplicity: Float64[np.ndarray, "units resamples"],
    ) -> dict[str, PerResample]:
        weights = np.array([WEIGHTS[self._challenge][name] for name in self._names])
        right = np.diagonal(counts, axis1=1, axis2=2)
        found = {"weighted_accuracy": right @ weights / (counts.sum(axis=2) @ weights)}
        if self._challenge == "murmur":
            known = multiplicity[self._known]
            found[PRESENT_ABSENT] = self._against.areas(known, with_auprc=False)["auroc"]
        if self._challenge == "outcome":
            ill = self._names.index("Abnormal")
            total = counts.sum(axis=(1, 2))
            treated = counts[:, ill, ill] / total
            found["cost"] = cost_of_shares(
                referred=counts[:, :, ill].sum(axis=1) / total,
                treated=treated,
                missed=counts[:, ill, :].sum(axis=1) / total - treated,
            )
        return found


class _Ranking:
    """One class against the rest: where each of the class stands among the others."""

    def __init__(
        self, true: Bool[np.ndarray, "units"], score: Float64[np.ndarray, "units"]
    ) -> None:
        order = np.argsort(score, kind="stable")
        self._own, self._others = order[true[order]], order[~true[order]]
        own, others = score[self._own], score[self._others]
        self._below = np.searchsorted(others, own, side="left")
        self._not_above = np.searchsorted(others, own, side="right")
        self._first_alike = np.searchsorted(own, own, side="left")

    def areas(
        self, multiplicity: Float64[np.ndarray, "units resamples"], *, with_auprc: bool
    ) -> dict[str, PerResample]:
        """`auroc`, and `auprc` where wanted; NaN where everything or nothing is of the class."""
        own = multiplicity[self._own]
        # Row i: how many of the others are among the i lowest.
        lowest = np.zeros((len(self._others) + 1, multiplicity.shape[1]))
        np.cumsum(multiplicity[self._others], axis=0, out=lowest[1:])
        num_own, num_others = own.sum(axis=0), lowest[-1]
        passed = lowest[self._below]
        beaten = passed
        if (self._below != self._not_above).any():  # half of those with the same score
            beaten = (passed + lowest[self._not_above]) / 2
        found = {"auroc": np.einsum("ur,ur->r", own, beaten) / (num_own * num_others)}
        if with_auprc:
            hits = np.cumsum(own[::-1], axis=0)[::-1][self._first_alike]  # with its score or above
            said = hits + (num_others - passed)
            # Who is not in the resample does not count, and may have nobody above.
            precision = np.divide(hits, said, out=np.zeros_like(hits), where=own > 0)
            area = np.einsum("ur,ur->r", own, precision) / num_own
            found["auprc"] = np.where(num_others > 0, area, np.nan)
        return found


def _of_counts(
    counts: Float64[np.ndarray, "resamples true predicted"], positive: int
) -> dict[str, PerResample]:
    """What follows from the confusion matrices."""
    right = np.diagonal(counts, axis1=1, axis2=2)
    occurs, said = counts.sum(axis=2), counts.sum(axis=1)
    total = counts.sum(axis=(1, 2))
    recalls, f1 = right / occurs, 2 * right / (occurs + said)
    several = (occurs > 0).sum(axis=1) > 1
    hits = right[:, positive]
    negatives = total - occurs[:, positive]
    return {
        "accuracy": right.sum(axis=1) / total,
        "balanced_accuracy": np.where(several, _mean_of_defined(recalls), np.nan),
        "f1_macro": _mean_of_defined(f1),
        "sensitivity": recalls[:, positive],
        "recall": recalls[:, positive],
        "specificity": (negatives - (said[:, positive] - hits)) / negatives,
        "precision": hits / said[:, positive],
        "f1": f1[:, positive],
    }


def _pascal_scores(
    counts: Float64[np.ndarray, "resamples true predicted"], names: Sequence[str]
) -> dict[str, PerResample]:
    """Those of `pascal2011`: precisions, and heart problems against `normal`."""
    right, said = np.diagonal(counts, axis1=1, axis2=2), counts.sum(axis=1)
    precisions = right / said
    found = {f"precision_{name}": precisions[:, index] for index, name in enumerate(names)}
    healthy = names.index(NORMAL)
    cleared = counts[:, healthy, healthy]  # healthy, and said to be
    num_healthy, num = counts[:, healthy].sum(axis=1), counts.sum(axis=(1, 2))
    sensitivity = 1 - (said[:, healthy] - cleared) / (num - num_healthy)
    specificity = cleared / num_healthy
    found["youden"] = sensitivity + specificity - 1
    logits = np.log(sensitivity / (1 - sensitivity)) + np.log(specificity / (1 - specificity))
    found["discriminant_power"] = np.where(np.isfinite(logits), np.sqrt(3) / np.pi * logits, np.nan)
    return found


def _mean_of_defined(values: Float64[np.ndarray, "resamples classes"]) -> PerResample:
    """The mean of what is not NaN; NaN where nothing is."""
    mean: PerResample = np.nansum(values, axis=1) / (~np.isnan(values)).sum(axis=1)
    return mean
