"""What the neighbours of a recording say of it: embeddings are of use if they are right.

A weighted vote of the nearest, as Wu et al., "Unsupervised Feature Learning via Non-Parametric
Instance Discrimination", CVPR 2018, section 3.4, and with the numbers of Caron et al., "Emerging
Properties in Self-Supervised Vision Transformers" (DINO), ICCV 2021: cosine similarities, 20
neighbours, temperature 0.07. Nothing is fitted.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64, Int64

from pahcl_core.data.tasks import task_named
from pahcl_core.training.representation import directions

_TEMPERATURE = 0.07


@dataclass(frozen=True, kw_only=True, slots=True)
class MonitorConfig:
    """What else is looked at after each epoch of a pretraining; it decides nothing."""

    task: str = ""
    """Ask the nearest neighbours of each recording for its label of this task, among the task's
    training persons alone; empty for not. Labels are read for that, and never trained on."""

    neighbours: int = 20
    """How many vote."""

    def __post_init__(self) -> None:
        if self.task:
            task_named(self.task)
        if self.neighbours < 1:
            raise ValueError(f"neighbours must be at least 1, got {self.neighbours}")


def votes(
    points: Float64[np.ndarray, "recordings width"],
    labels: Int64[np.ndarray, "recordings"],
    person: Int64[np.ndarray, "recordings"],
    *,
    num_classes: int,
    neighbours: int,
) -> Float64[np.ndarray, "recordings classes"]:
    """For each recording the shares of the classes among its nearest neighbours of other persons.

    A neighbour's vote weighs `exp(cosine / temperature)`; of equally near ones the first count.

    Args:
        points: An embedding for each recording.
        labels: Its class.
        person: Whose it is; at least two persons.
        num_classes: How many there are.
        neighbours: How many vote; all others where there are fewer.
    """
    unit = directions(points)
    similar = unit @ unit.T
    similar[person[:, None] == person] = -np.inf
    nearest = np.argsort(-similar, axis=1, kind="stable")[:, :neighbours]
    closeness = np.take_along_axis(similar, nearest, axis=1)
    weight = np.exp(closeness / _TEMPERATURE)  # 0 for one's own, where there are few others
    shares = np.zeros((len(points), num_classes))
    np.add.at(shares, (np.arange(len(points))[:, None], labels[nearest]), weight)
    result: Float64[np.ndarray, "recordings classes"] = shares / shares.sum(axis=1, keepdims=True)
    return result
