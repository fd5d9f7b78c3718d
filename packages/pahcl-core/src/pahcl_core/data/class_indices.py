"""Labels as numbers, as a task has its classes."""

from collections.abc import Mapping, Sequence

import numpy as np
from jaxtyping import Int64

from pahcl_core.data.tasks import Task


def class_indices(
    labels: Sequence[Mapping[str, str]], task: Task
) -> Int64[np.ndarray, "rows *labels"]:
    """Index of the class of each row, or of that of each label; -1 where it is missing."""
    found = [
        [
            task.class_index(row[name]) if name in row else -1
            for name in task.labels or (task.label,)
        ]
        for row in labels
    ]
    table = np.array(found, dtype=np.int64).reshape(len(labels), -1)
    result: Int64[np.ndarray, "rows *labels"] = table if task.labels else table[:, 0]
    return result
