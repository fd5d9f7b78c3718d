"""What answers to a task are worth: functions of arrays, for a run that ends and for its files.

Whoever reads `predictions.csv` scores it with the functions that wrote `final_metrics.json`, and
needs no torch for it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float64, Int64

from pahcl_core.data.tasks import Task
from pahcl_core.metrics.bootstrap import ROUNDING
from pahcl_core.metrics.challenge2016 import macc
from pahcl_core.metrics.challenge2022 import challenge_scores, present_against_absent
from pahcl_core.metrics.classification import Scores, classification_metrics, most_probable
from pahcl_core.metrics.pascal2011 import NORMAL, pascal_scores
from pahcl_core.metrics.resampled import PRESENT_ABSENT

ATTRIBUTES: Mapping[str, Sequence[str]] = {
    "circor": ("age", "sex", "campaign"),
    "physionet2016": ("database", "quality"),
    "pascal": ("set",),
}
"""By collection, what is told of each unit beside its class: for whom do the scores hold?"""


ABOUT = "about"
"""Column of `predictions.csv`: the label that a row is about, where a task has several."""

OFFICIAL: Mapping[str, tuple[str, ...]] = {
    "murmur": ("weighted_accuracy",),
    "outcome": ("weighted_accuracy", "cost"),
    "physionet2016": ("macc",),
    "pascal": ("youden",),
}
"""By challenge, the scores it is known by; the last one decides."""

_AREAS = ("auroc", "auprc")  # what the names of metrics that need a ranking begin with


@dataclass(frozen=True, kw_only=True, slots=True)
class Answers:
    """What was said of the units of one split, patients or recordings, a row each."""

    ids: tuple[str, ...]
    persons: tuple[str, ...]
    labels: Int64[np.ndarray, "units"]
    """Index of the true class."""

    probabilities: Float64[np.ndarray, "units classes"]
    attributes: Mapping[str, tuple[str, ...]]
    """By name, as in `ATTRIBUTES`; empty where the collection does not say."""

    said: Int64[np.ndarray, "units"] | None = None
    """Index of the class said, where that is not always the most probable."""

    folds: tuple[str, ...] = ()
    """Whose run said it, where each fold had one of its own."""

    def __len__(self) -> int:
        """How many units."""
        return len(self.ids)

    @property
    def predicted(self) -> Int64[np.ndarray, "units"]:
        """Index of the class said."""
        return most_probable(self.probabilities) if self.said is None else self.said

    @property
    def losses(self) -> Float64[np.ndarray, "units"]:
        """Negative log-probability of the true class, in nats."""
        true = self.probabilities[np.arange(len(self)), self.labels]
        losses: Float64[np.ndarray, "units"] = -np.log(np.maximum(true, np.finfo(float).tiny))
        return losses

    @property
    def ranks_folds_alone(self) -> bool:
        """Whether there are several folds, and the run of each says the same of all its units.

        What is then ranked by is who else was trained on: a class that is rare in the test of a
        fold is the more frequent in its training, and said to be the more probable.
        """
        names = set(self.folds)
        own = (self.probabilities[np.array(self.folds) == name] for name in names)
        return len(names) > 1 and all((np.ptp(one, axis=0) <= ROUNDING).all() for one in own)


def challenge_of(task: Task) -> str:
    """The challenge that a task comes from, as the metrics name it; empty if from none."""
    if task.collection == "folder":
        return ""
    return task.label if task.collection == "circor" else task.collection


def score_answers(answers: Answers, task: Task) -> Scores:
    """Every metric of a task over its units, and those of the challenge it comes from.

    `loss` is the mean negative log-probability of the true class, in nats. Areas under a curve are
    undefined where nothing but folds is ranked.

    Raises:
        ValueError: If there are no answers, or a probability is not finite.
    """
    scores = classification_metrics(
        answers.labels,
        answers.probabilities,
        class_names=task.classes,
        positive=task.positive,
        predicted=answers.predicted,
    )
    official = official_scores(answers, task)
    values = {"loss": float(answers.losses.mean()), **scores.values, **official.values}
    undefined = {**scores.undefined, **official.undefined}
    if answers.ranks_folds_alone:
        areas = [name for name in values if name.startswith(_AREAS)]
        undefined |= dict.fromkeys(areas, "the run of no fold tells any two apart")
        values = {name: value for name, value in values.items() if name not in areas}
    return Scores(values=values, undefined=undefined)


def of_label(name: str, label: str) -> str:
    """What a figure of a label is called: `auroc_murmur`; as it is where there is one label."""
    return f"{name}_{label}" if label else name


def told_by_label(found: Mapping[str, Any]) -> Any:  # noqa: ANN401  of JSON
    """What is written of each label: by its name, and of one label as it is."""
    return found.get("", found)


def class_probabilities(
    probabilities: Float64[np.ndarray, "rows outputs"], task: Task
) -> dict[str, Float64[np.ndarray, "rows classes"]]:
    """Probabilities of the classes, by label; of one label as they are, by an empty name.

    Args:
        probabilities: Of the classes; that a label is positive, of each where there are several.
        task: Which has the labels.
    """
    if not task.labels:
        return {"": probabilities}
    positive = task.class_index(task.positive)
    found = {}
    for label, of_positive in zip(task.labels, probabilities.T, strict=True):
        found[label] = np.column_stack([1 - of_positive, 1 - of_positive])
        found[label][:, positive] = of_positive
    return found


def model_outputs(
    by_label: Mapping[str, Float64[np.ndarray, "rows classes"]], task: Task
) -> Float64[np.ndarray, "rows outputs"]:
    """The other way round: from probabilities of the classes, by label, to one array."""
    if not task.labels:
        return by_label[""]
    positive = task.class_index(task.positive)
    return np.column_stack([by_label[label][:, positive] for label in task.labels])


def score_labels(answers: Mapping[str, Answers], task: Task) -> Scores:
    """Every metric of every label, by its name and the label's, and their means by name.

    A mean is over the labels in which the metric is defined. Of a task of one label the metrics are
    those of `score_answers`.

    Args:
        answers: By label, which is empty where there is one; one that nobody has may be left out.
        task: Which has the labels.
    """
    told = {label: one for label, one in answers.items() if len(one) or not task.labels}
    parts = {label: score_answers(one, task.parts[label]) for label, one in told.items()}
    if not task.labels:
        return parts[""]
    values: dict[str, float] = {}
    undefined: dict[str, str] = {}
    names = dict.fromkeys(n for one in parts.values() for n in (*one.values, *one.undefined))
    for name in names:
        found = [parts[label].values[name] for label in parts if name in parts[label].values]
        if found:
            values[name] = float(np.mean(found))
        else:
            undefined[name] = "it is undefined for every label"
    for label in task.labels:
        own = parts.get(label, Scores(values={}, undefined=dict.fromkeys(names, "no unit has it")))
        values |= {of_label(name, label): value for name, value in own.values.items()}
        undefined |= {of_label(name, label): reason for name, reason in own.undefined.items()}
    return Scores(values=values, undefined=undefined)


def official_scores(answers: Answers, task: Task) -> Scores:
    """The metrics of the challenge that a task comes from."""
    labels, said = answers.labels, answers.predicted
    if task.collection == "folder":
        return Scores(values={})
    if task.collection == "circor":
        values = challenge_scores(task.label, labels, said, task.classes)
        if task.label != "murmur":
            return Scores(values=values)
        area = present_against_absent(labels, answers.probabilities, task.classes)
        if area is None:
            lacking = "there are not both Present and Absent"
            return Scores(values=values, undefined={PRESENT_ABSENT: lacking})
        return Scores(values={**values, PRESENT_ABSENT: area})
    if task.collection == "pascal":
        return pascal_scores(labels, said, task.classes, normal=NORMAL)
    abnormal = task.class_index("abnormal")
    true, called = labels == abnormal, said == abnormal
    if true.all() or not true.any():
        only = "abnormal" if true.all() else "normal"
        return Scores(values={}, undefined={"macc": f"everything is {only}"})
    good = np.array([one == "good" for one in answers.attributes["quality"]], dtype=bool)
    return Scores(values={"macc": macc(true, called, ~called, good)})
