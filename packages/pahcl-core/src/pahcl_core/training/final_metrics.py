"""What a run that scores patients comes to: the plain part of `final_metrics.json`.

What more there is to each figure, such as its interval, is `training.assessment`'s.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
from jaxtyping import Int64

from pahcl_core.config import to_dict
from pahcl_core.data.tasks import Task
from pahcl_core.metrics.classification import Scores
from pahcl_core.training.evaluation import Predictions
from pahcl_core.training.people import Cohort
from pahcl_core.training.versions import versions

_SCORED = ("val", "test")


def final_metrics(
    cohort: Cohort,
    task: Task,
    predictions: Mapping[str, Predictions],
    scores: Mapping[str, Scores],
    **particular: Any,  # noqa: ANN401  whatever JSON has
) -> dict[str, Any]:
    """The content of the file.

    Args:
        cohort: Who was read.
        task: What was told.
        predictions: By split.
        scores: By split; those of `val` and `test` are written down.
        particular: What is true of this kind of run alone.
    """
    values: dict[str, float | None] = {}
    undefined: dict[str, str] = {}
    for split in _SCORED:
        values |= {f"{split}_{name}": value for name, value in scores[split].values.items()}
        values |= {f"{split}_{name}": None for name in scores[split].undefined}
        undefined |= {f"{split}_{n}": reason for n, reason in scores[split].undefined.items()}
    return {
        "task": task.name,
        **({"own_task": to_dict(task)} if task.collection == "folder" else {}),
        "unit": task.unit,
        "provenance": cohort.collection.provenance,
        "n": {name: len(one.subjects) for name, one in predictions.items()},
        "n_by_class": {name: _by_class(one, task) for name, one in predictions.items()},
        "recordings_by_windows": {
            name: int(one.by_windows.sum()) for name, one in predictions.items()
        },
        **particular,
        "not_used": len(cohort.problems),
        **values,
        "undefined": undefined,
        "versions": versions(),
    }


def _by_class(predictions: Predictions, task: Task) -> dict[str, Any]:
    """How many units of each class; of several labels, of each class and missing, by label."""
    if not task.labels:
        return _counts(predictions.labels, task)
    return {
        label: {**_counts(column[column >= 0], task), "missing": int((column < 0).sum())}
        for label, column in zip(task.labels, predictions.labels.T, strict=True)
    }


def _counts(labels: Int64[np.ndarray, "known"], task: Task) -> dict[str, int]:
    counts = np.bincount(labels, minlength=len(task.classes))
    return dict(zip(task.classes, counts.tolist(), strict=True))
