"""What a classifier's probabilities are worth, per class and overall.

Conventions. The prediction is the most probable class, the first one on a tie, where none is given
(as one from a threshold is, `operating_point`). One class is *positive*: sensitivity (which is
recall), specificity, precision and F1 are of it against all others together. F1 is
`2 TP / (2 TP + FP + FN)`: 0 for a class that is said of somebody but true of nobody, undefined for
one that is neither true nor said of anybody.

Means over classes leave out the classes whose term is undefined, as the scorer of the PhysioNet
Challenge 2022 does: `f1_macro` is over those that occur or are said, `balanced_accuracy` (the mean
recall) over those that occur, of which there must be two. With two classes, the areas under the ROC
and the precision-recall curve are those of the positive class; with more, they are the mean of
one-against-the-rest areas over the classes that occur, and each class's own area is given beside
it. The area under the precision-recall curve is the average precision, a sum of steps: joining its
points by lines would flatter it (Davis and Goadrich, ICML 2006).

What cannot be computed is left out, with the reason: zero is a result.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Bool, Float64, Int64
from sklearn import metrics

_ONE_CLASS = "only one class occurs"


@dataclass(frozen=True, kw_only=True, slots=True)
class Scores:
    """Metrics by name."""

    values: Mapping[str, float]
    undefined: Mapping[str, str] = field(default_factory=dict)
    """Why a metric is not among `values`."""


def classification_metrics(
    labels: Int64[np.ndarray, "units"],
    probabilities: Float64[np.ndarray, "rows classes"],
    *,
    class_names: Sequence[str],
    positive: str,
    predicted: Int64[np.ndarray, "units"] | None = None,
) -> Scores:
    """All metrics of one set of predictions.

    Args:
        labels: Index of the true class of each unit (cycle, recording or patient).
        probabilities: Of each class, one row to a unit; rows need not add up to 1.
        class_names: In the order of the columns; at least two.
        positive: The class that the two-sided metrics are about.
        predicted: Index of the class said of each unit; None for the most probable.

    Returns:
        accuracy, balanced_accuracy, f1, f1_macro, precision, recall, sensitivity, specificity,
        auroc, auprc, and with more than two classes `auroc_<class>` and `auprc_<class>`.

    Raises:
        ValueError: If there are no units, shapes do not fit, a label is not the index of a class, a
            probability is not finite, or `positive` is not a class.
    """
    check_predictions(labels, probabilities, class_names, positive)
    if predicted is None:
        predicted = most_probable(probabilities)
    found = _Found()
    found.put("accuracy", float((predicted == labels).mean()))
    recalls = [(predicted[labels == c] == c).mean() for c in np.unique(labels)]
    mean_recall = float(np.mean(recalls)) if len(recalls) > 1 else None
    found.put_if_any("balanced_accuracy", mean_recall, lacking=_ONE_CLASS)
    found.put("f1_macro", float(metrics.f1_score(labels, predicted, average="macro")))
    index = list(class_names).index(positive)
    _two_sided(found, labels == index, predicted == index, positive)
    _areas(found, labels, probabilities, class_names, index)
    return Scores(values=found.values, undefined=found.undefined)


def most_probable(
    probabilities: Float64[np.ndarray, "units classes"],
) -> Int64[np.ndarray, "units"]:
    """Index of the most probable class of each unit, the first one on a tie."""
    said: Int64[np.ndarray, "units"] = probabilities.argmax(axis=1).astype(np.int64)
    return said


def check_predictions(
    labels: Int64[np.ndarray, "units"],
    probabilities: Float64[np.ndarray, "rows classes"],
    class_names: Sequence[str],
    positive: str,
) -> None:
    """Refuse what cannot be scored.

    Raises:
        ValueError: As `classification_metrics`.
    """
    if len(labels) == 0:
        raise ValueError("no units to score")
    if probabilities.shape != (len(labels), len(class_names)):
        raise ValueError(
            f"probabilities of shape {probabilities.shape} for {len(labels)} labels and "
            f"{len(class_names)} classes"
        )
    if positive not in class_names:
        raise ValueError(f"{positive!r} is not one of {', '.join(class_names)}")
    if labels.min() < 0 or labels.max() >= len(class_names):
        raise ValueError(
            f"labels must be 0 to {len(class_names) - 1}, got {labels.min()} to {labels.max()}"
        )
    if not np.isfinite(probabilities).all():
        broken = int((~np.isfinite(probabilities)).any(axis=1).sum())
        raise ValueError(f"the probabilities of {broken} of {len(labels)} units are not finite")


class _Found:
    """Values and reasons, as they are collected."""

    def __init__(self) -> None:
        self.values: dict[str, float] = {}
        self.undefined: dict[str, str] = {}

    def put(self, name: str, value: float) -> None:
        self.values[name] = value

    def put_if_any(self, name: str, value: float | None, *, lacking: str) -> None:
        if value is None:
            self.undefined[name] = lacking
        else:
            self.values[name] = value

    def ratio(self, name: str, part: int, whole: int, *, lacking: str) -> None:
        if whole == 0:
            self.undefined[name] = lacking
        else:
            self.values[name] = part / whole


def _two_sided(
    found: _Found, true: Bool[np.ndarray, "units"], said: Bool[np.ndarray, "units"], positive: str
) -> None:
    hits = int((true & said).sum())
    missed, alarms = int((true & ~said).sum()), int((~true & said).sum())
    rejected = int((~true & ~said).sum())
    nobody = f"nobody is {positive}"
    for name in ("sensitivity", "recall"):
        found.ratio(name, hits, hits + missed, lacking=nobody)
    found.ratio("specificity", rejected, rejected + alarms, lacking=f"everybody is {positive}")
    found.ratio("precision", hits, hits + alarms, lacking=f"nobody was predicted {positive}")
    found.ratio(
        "f1", 2 * hits, 2 * hits + missed + alarms, lacking=f"{nobody}, nor was predicted so"
    )


def _areas(
    found: _Found,
    labels: Int64[np.ndarray, "units"],
    probabilities: Float64[np.ndarray, "units classes"],
    class_names: Sequence[str],
    positive: int,
) -> None:
    areas: dict[str, dict[int, float]] = {"auroc": {}, "auprc": {}}
    lacking: dict[int, str] = {}
    for index, name in enumerate(class_names):
        true = labels == index
        if true.all() or not true.any():
            lacking[index] = f"{'everybody' if true.all() else 'nobody'} is {name}"
            continue
        areas["auroc"][index] = float(metrics.roc_auc_score(true, probabilities[:, index]))
        areas["auprc"][index] = float(
            metrics.average_precision_score(true, probabilities[:, index])
        )
    for area, by_class in areas.items():
        if len(class_names) == 2:
            found.put_if_any(area, by_class.get(positive), lacking=lacking.get(positive, ""))
            continue
        mean = float(np.mean(list(by_class.values()))) if by_class else None
        found.put_if_any(area, mean, lacking=_ONE_CLASS)
        for index, name in enumerate(class_names):
            found.put_if_any(f"{area}_{name}", by_class.get(index), lacking=lacking.get(index, ""))


@dataclass(frozen=True, kw_only=True, slots=True)
class ClassRow:
    """One class against all others; None for a share of nothing."""

    num: int
    """Units whose true class it is."""

    num_predicted: int
    recall: float | None
    precision: float | None
    f1: float | None


def by_class(counts: Int64[np.ndarray, "true predicted"]) -> list[ClassRow]:
    """Recall, precision and F1 of each class, from a confusion matrix."""
    right, true, said = np.diagonal(counts), counts.sum(axis=1), counts.sum(axis=0)
    return [
        ClassRow(
            num=int(occurs),
            num_predicted=int(predicted),
            recall=_share(hits, occurs),
            precision=_share(hits, predicted),
            f1=_share(2 * hits, occurs + predicted),
        )
        for hits, occurs, predicted in zip(right, true, said, strict=True)
    ]


def confusion_matrix(
    labels: Int64[np.ndarray, "units"], predicted: Int64[np.ndarray, "said"], num_classes: int
) -> Int64[np.ndarray, "true predicted"]:
    """How many units of each class (row) were said to be of which (column).

    Raises:
        ValueError: If there is not one prediction for each label.
    """
    if len(labels) != len(predicted):
        raise ValueError(f"{len(predicted)} predictions for {len(labels)} labels")
    counts = np.zeros((num_classes, num_classes), dtype=np.int64)
    np.add.at(counts, (labels, predicted), 1)
    return counts


def _share(part: np.int64, whole: np.int64) -> float | None:
    return float(part / whole) if whole else None
