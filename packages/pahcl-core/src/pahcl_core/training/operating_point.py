"""From which probability on units are said to be of the positive class; chosen on validation.

A function of arrays: whoever reads a run's `predictions.csv` chooses the same again. The other
classes of a task are told apart by their probabilities, whatever the threshold.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
from jaxtyping import Int64

from pahcl_core.data.tasks import Task
from pahcl_core.metrics.operating_point import best_threshold, said_at
from pahcl_core.training.scoring import OFFICIAL, Answers, challenge_of, official_scores

Rule = Literal["most_probable", "youden", "sensitivity", "challenge"]

_LOWER_IS_BETTER = frozenset(("cost",))


@dataclass(frozen=True, kw_only=True, slots=True)
class OperatingPointConfig:
    """How it is chosen from which probability of the positive class on that class is said."""

    rule: Rule = "most_probable"
    """`most_probable`: no threshold, what is said is the most probable class. The others choose one
    on the validation units. `youden`: highest sensitivity plus specificity. `sensitivity`: highest
    specificity at which `sensitivity` is reached. `challenge`: the best score by the task's own
    Challenge: 2022's weighted accuracy for murmurs and cost for outcomes, 2016's MAcc, PASCAL's
    Youden index."""

    sensitivity: float = 0.9
    """What the rule of that name aims at."""

    def __post_init__(self) -> None:
        if not 0 < self.sensitivity <= 1:
            raise ValueError(f"sensitivity must lie in (0, 1], got {self.sensitivity}")

    def check_fits(self, task: Task) -> None:
        """Refuse the score of a Challenge that there is not.

        Raises:
            ValueError: Naming the rules that every task has.
        """
        if self.rule == "challenge" and challenge_of(task) not in OFFICIAL:
            raise ValueError(
                f"operating_point.rule = 'challenge': {task.name} is of no Challenge; take "
                "'youden' or 'sensitivity'"
            )


@dataclass(frozen=True, kw_only=True, slots=True)
class OperatingPoint:
    """What was chosen, and why."""

    config: OperatingPointConfig
    positive: str
    """The class that is said from the threshold on."""

    threshold: float | None = None
    """None to say the most probable class."""

    chosen_for: str = ""
    """The figure of the validation units that is best there."""

    value: float | None = None
    """That figure."""

    undefined: str = ""
    """Why there is no threshold, though one was asked for."""

    def of(self, answers: Answers, task: Task) -> Answers:
        """The same answers, with what is said at this point."""
        if self.threshold is None:
            return replace(answers, said=None)
        positive = task.class_index(self.positive)
        said = said_at(answers.probabilities, positive=positive, threshold=self.threshold)
        return replace(answers, said=said)

    def as_dict(self) -> dict[str, Any]:
        """For `final_metrics.json`."""
        told: dict[str, Any] = {"rule": self.config.rule}
        if self.config.rule == "most_probable":
            return told
        if self.config.rule == "sensitivity":
            told["sensitivity"] = self.config.sensitivity
        told |= {"class": self.positive, "threshold": self.threshold}
        if self.threshold is None:
            return told | {"undefined": self.undefined}
        return told | {"chosen_for": f"val_{self.chosen_for}", "value": self.value}


def operating_point(
    config: OperatingPointConfig, val: Answers | None, task: Task
) -> OperatingPoint:
    """Choose one.

    Args:
        config: By which rule.
        val: What was said of the validation units; None or empty where there are none.
        task: Which has the positive class.
    """
    point = OperatingPoint(config=config, positive=task.positive)
    if config.rule == "most_probable":
        return point
    if val is None or len(val) == 0:
        return replace(point, undefined="there are no validation units")
    positive = task.class_index(task.positive)
    true = val.labels == positive
    if true.all() or not true.any():
        who = "everybody" if true.all() else "nobody"
        return replace(point, undefined=f"{who} in validation is {task.positive}")
    name, worth = _worth(config, val, task)
    threshold, best = best_threshold(val.probabilities, positive=positive, worth=worth)
    if not np.isfinite(best):
        return replace(point, undefined=f"{name} is undefined in validation at any threshold")
    value = -best if name in _LOWER_IS_BETTER else best
    return replace(point, threshold=threshold, chosen_for=name, value=value)


def _worth(
    config: OperatingPointConfig, val: Answers, task: Task
) -> tuple[str, Callable[[Int64[np.ndarray, "units"]], float]]:
    """What is looked at, and how good it is where these classes are said."""
    positive = task.class_index(task.positive)
    true = val.labels == positive
    if config.rule == "challenge":
        name = OFFICIAL[challenge_of(task)][-1]
        sign = -1.0 if name in _LOWER_IS_BETTER else 1.0

        def of_challenge(said: Int64[np.ndarray, "units"]) -> float:
            found = official_scores(replace(val, said=said), task).values.get(name)
            return -np.inf if found is None else sign * found

        return name, of_challenge

    def of_two(said: Int64[np.ndarray, "units"]) -> float:
        sensitivity = float((said[true] == positive).mean())
        specificity = float((said[~true] != positive).mean())
        if config.rule == "youden":
            return sensitivity + specificity - 1
        return specificity if sensitivity >= config.sensitivity else -np.inf

    return ("youden" if config.rule == "youden" else "specificity"), of_two
