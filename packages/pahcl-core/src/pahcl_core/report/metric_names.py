"""Metrics by the names that people call them, and which of them come first."""

from collections.abc import Mapping, Sequence

from pahcl_core.data.tasks import Task
from pahcl_core.evaluation.runs import lower_is_better
from pahcl_core.metrics.resampled import PRESENT_ABSENT
from pahcl_core.training.scoring import OFFICIAL, challenge_of

_CALLED: Mapping[str, str] = {
    "auroc": "AUROC",
    "auprc": "AUPRC",
    "f1": "F1",
    "macc": "MAcc",
    "ece": "ECE",
    PRESENT_ABSENT: "AUROC, present against absent",
    "f1_macro": "F1, mean of classes",
    "balanced_accuracy": "balanced accuracy",
    "weighted_accuracy": "weighted accuracy",
    "youden": "Youden's index",
    "effective_rank": "effective rank",
}
_HEADLINES = ("auroc", PRESENT_ABSENT, "f1_macro", "sensitivity", "specificity", "auprc")


def called(name: str) -> str:
    """What a metric is called: `auroc_Present` is AUROC, Present."""
    if name in _CALLED:
        return _CALLED[name]
    known = max((one for one in _CALLED if name.startswith(f"{one}_")), key=len, default="")
    if known:
        return f"{_CALLED[known]}, {name.removeprefix(f'{known}_')}"
    return name.replace("_", " ")


def called_with_direction(name: str) -> str:
    """The same, marked where less is better."""
    return f"{called(name)} ↓" if lower_is_better(name) else called(name)


def headlines(task: Task) -> Sequence[str]:
    """The metrics of a task that come first: the Challenge's own, then the usual ones."""
    official = reversed(OFFICIAL.get(challenge_of(task), ()))
    return tuple(dict.fromkeys((*official, *_HEADLINES)))
