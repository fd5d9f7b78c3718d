"""What the answers of a fine-tuning come to: operating points, scores, and what is assessed.

A task of several labels is seen as one binary task for each from here on. A unit whose label is
missing has no part in what is said of that label. The figures of a label end with its name,
`auroc_murmur`; those without are means over the labels that have them.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from pahcl_core.data.cycle_set import CycleSet
from pahcl_core.data.tasks import Task
from pahcl_core.metrics.classification import Scores
from pahcl_core.training.assessment import answers_by_location, assess
from pahcl_core.training.checkpoint import Temperature
from pahcl_core.training.evaluation import Predictions, Scored, answers_of
from pahcl_core.training.operating_point import (
    OperatingPoint,
    OperatingPointConfig,
    operating_point,
)
from pahcl_core.training.scoring import (
    Answers,
    class_probabilities,
    of_label,
    score_labels,
    told_by_label,
)

ByPart = Mapping[str, Mapping[str, Predictions]]
"""By label, which is empty where there is one, and by split."""


def by_label(predictions: Predictions, task: Task) -> dict[str, Predictions]:
    """What is said of each label, of those who have it, as of a task of two classes.

    Of a task of one label, what is said, by an empty name.
    """
    if not task.labels:
        return {"": predictions}
    found = {}
    by_class = class_probabilities(predictions.probabilities, task)
    for column, label in enumerate(task.labels):
        rows = np.flatnonzero(predictions.labels[:, column] >= 0)
        found[label] = Predictions(
            subjects=tuple(predictions.subjects[row] for row in rows),
            labels=predictions.labels[rows, column],
            probabilities=by_class[label][rows],
            num_recordings=predictions.num_recordings[rows],
            num_cycles=predictions.num_cycles[rows],
            by_windows=predictions.by_windows[rows],
        )
    return found


def score_predictions(predictions: Predictions, task: Task) -> Scores:
    """Every metric of every label, and their means; see `score_labels`."""
    said = by_label(predictions, task)
    return score_labels({label: answers_of(said[label], task.parts[label]) for label in said}, task)


def decided(
    config: OperatingPointConfig, predictions: Mapping[str, Predictions], task: Task
) -> tuple[OperatingPoint, dict[str, Predictions]]:
    """The operating point that the split `val` asks for, and all splits with what is said there."""
    answers = {name: answers_of(one, task) for name, one in predictions.items()}
    point = operating_point(config, answers.get("val"), task)
    return point, {
        name: replace(one, said=point.of(answers[name], task).said)
        for name, one in predictions.items()
    }


def heard_at(scored: Scored, cycles: CycleSet, task: Task) -> dict[str, Answers]:
    """What would be said of patients from the cycles of one location alone, by location.

    Nothing where the task has several labels.
    """
    if task.labels:
        return {}
    numbers = cycles.recording[scored.instances.cycle]
    recordings = [cycles.recordings[number] for number in numbers]
    return answers_by_location(
        answers_of(scored.predictions, task),
        [recording.subject_id for recording in recordings],
        [recording.recording_id for recording in recordings],
        [recording.location or "" for recording in recordings],
        scored.instances.probabilities,
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class Conclusion:
    """What a fine-tuning comes to."""

    parts: ByPart
    """With what is said at the operating point."""

    scores: Mapping[str, Scores]
    """By split."""

    operating_point: dict[str, Any]
    assessed: dict[str, Any]
    """More for `final_metrics.json`; see `training.assessment`."""

    @property
    def temperature(self) -> Temperature:
        """That validation asks for, as a `Checkpoint` has it."""
        by_label = self.assessed.get("labels", {"": self.assessed})
        found: Temperature = told_by_label(
            {label: one["calibration"].get("temperature") for label, one in by_label.items()}
        )
        return found


def conclusion(
    config: OperatingPointConfig,
    told: Mapping[str, Predictions],
    task: Task,
    *,
    by_location: Mapping[str, Answers] | None = None,
) -> Conclusion:
    """Choose operating points on validation, and score and assess what is said at them.

    Args:
        config: How they are chosen.
        told: What is said of whom, by split.
        task: What was told.
        by_location: What would be said of the test from each location alone, of one label.
    """
    asked: dict[str, dict[str, Predictions]] = {label: {} for label in task.parts}
    for split, one in told.items():
        for label, predictions in by_label(one, task).items():
            asked[label][split] = predictions
    points: dict[str, OperatingPoint] = {}
    parts: dict[str, dict[str, Predictions]] = {}
    for label, part in task.parts.items():
        points[label], parts[label] = decided(config, asked[label], part)
    answers = {
        label: {split: answers_of(one, task.parts[label]) for split, one in splits.items()}
        for label, splits in parts.items()
    }
    scores = {
        split: score_labels({label: splits[split] for label, splits in answers.items()}, task)
        for split in told
    }
    if not task.labels:
        heard = {place: points[""].of(one, task) for place, one in (by_location or {}).items()}
        assessed = assess(answers[""], task, by_location=heard)
    else:
        assessed = _assessed(answers, task)
    return Conclusion(
        parts=parts,
        scores=scores,
        operating_point=told_by_label({label: one.as_dict() for label, one in points.items()}),
        assessed=assessed,
    )


def _assessed(answers: Mapping[str, Mapping[str, Answers]], task: Task) -> dict[str, Any]:
    """By label, and the intervals also all together, where other figures are."""
    found = {label: assess(splits, task.parts[label]) for label, splits in answers.items()}
    together: dict[str, Any] = {"left_out": {}, "undefined": {}}
    for label, one in found.items():
        intervals = one["intervals"]
        together |= {key: intervals[key] for key in ("confidence", "resampled", "num_resamples")}
        for key in ("left_out", "undefined"):
            together[key] |= {of_label(n, label): value for n, value in intervals[key].items()}
        for split in ("val", "test"):
            ends = intervals.get(split, {})
            together.setdefault(split, {}).update(
                {of_label(name, label): value for name, value in ends.items()}
            )
    return {"intervals": together, "labels": found, "calibration": {}}
