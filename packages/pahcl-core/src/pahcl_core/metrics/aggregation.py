"""From cycles to recordings to patients: who scores cycles scores long recordings, not people."""

import numpy as np
from jaxtyping import Float64, Int64


def mean_by(
    group: Int64[np.ndarray, "members"], probabilities: Float64[np.ndarray, "rows classes"]
) -> tuple[Int64[np.ndarray, "groups"], Float64[np.ndarray, "groups classes"]]:
    """The mean of each group's rows; groups in ascending order.

    Args:
        group: Number of the group that each row belongs to.
        probabilities: The rows.

    Raises:
        ValueError: If the lengths differ.
    """
    if len(group) != len(probabilities):
        raise ValueError(f"{len(group)} groups for {len(probabilities)} rows")
    groups, position = np.unique(group, return_inverse=True)
    total = np.zeros((len(groups), probabilities.shape[1]))
    np.add.at(total, position, probabilities)
    count = np.bincount(position, minlength=len(groups))
    return groups, total / np.maximum(count, 1)[:, None]


def pool_any(
    probabilities: Float64[np.ndarray, "recordings classes"], *, positive: int
) -> Float64[np.ndarray, "classes"]:
    """A patient who is positive where any recording is.

    The positive class gets its highest probability among the recordings. The others share what is
    left as they do in the mean of the recordings.

    Args:
        probabilities: One row per recording, each adding up to 1; at least one.
        positive: Its column.
    """
    pooled: Float64[np.ndarray, "classes"] = probabilities.mean(axis=0)
    highest = probabilities[:, positive].max()
    others = 1 - pooled[positive]
    pooled = pooled * ((1 - highest) / others if others > 0 else 0.0)
    pooled[positive] = highest
    return pooled
