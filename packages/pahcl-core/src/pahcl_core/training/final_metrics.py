"""What a run that scores patients comes to: the plain part of `final_metrics.json`.

What more there is to each figure, such as its interval, is `training.assessment`'s.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
from jaxtyping import Int64

from pahcl_core.config import to_dict
from pahcl_core.data.tasks import MISSING, Task
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
        "n_by_class": {
            name: counts_by_class(_known(one.labels, task), len(one.subjects), task)
            for name, one in predictions.items()
        },
        "recordings_by_windows": {
            name: int(one.by_windows.sum()) for name, one in predictions.items()
        },
        **particular,
        "not_used": len(cohort.problems),
        **values,
        "undefined": undefined,
        "versions": versions(),
    }


def counts_by_class(
    known: Mapping[str, Int64[np.ndarray, "_"]], num: int, task: Task
) -> dict[str, Any]:
    """How many units of each class; of several labels, of each class and missing, by label.

    Args:
        known: By label, which is empty where there is one: the class of each unit that has one.
        num: Units, whether they have a label or not.
        task: Which has the classes.
    """
    counts = {
        label: dict(
            zip(task.classes, np.bincount(one, minlength=len(task.classes)).tolist(), strict=True)
        )
        for label, one in known.items()
    }
    if not task.labels:
        return counts[""]
    return {label: {**one, MISSING: num - len(known[label])} for label, one in counts.items()}


def _known(
    labels: Int64[np.ndarray, "units *labels"], task: Task
) -> dict[str, Int64[np.ndarray, "_"]]:
    """As `counts_by_class` takes them."""
    columns = labels.reshape(len(labels), -1).T
    return {label: one[one >= 0] for label, one in zip(task.parts, columns, strict=True)}
