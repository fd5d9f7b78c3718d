"""Measures of the PASCAL Classifying Heart Sounds Challenge 2011 (Bentley et al.), by recording.

The precision of each class, and for heart problems (anything but normal) against normal Youden's
index and the discriminant power, `√3/π · (ln(Se / (1 − Se)) + ln(Sp / (1 − Sp)))` (Blakeley and
Oddone 1995; Sokolova et al. 2006).
"""

import math
from collections.abc import Sequence

import numpy as np
from jaxtyping import Int64

from pahcl_core.metrics.classification import Scores

NORMAL = "normal"
"""The class that is no heart problem."""


def pascal_scores(
    labels: Int64[np.ndarray, "recordings"],
    predicted: Int64[np.ndarray, "recordings"],
    class_names: Sequence[str],
    *,
    normal: str,
) -> Scores:
    """`precision_<class>`, `youden` and `discriminant_power`.

    Args:
        labels: Index of each recording's true class.
        predicted: Index of the class said.
        class_names: What the indices mean.
        normal: The class that is no heart problem.
    """
    values: dict[str, float] = {}
    undefined: dict[str, str] = {}
    for index, name in enumerate(class_names):
        said = predicted == index
        if said.any():
            values[f"precision_{name}"] = float((labels[said] == index).mean())
        else:
            undefined[f"precision_{name}"] = f"nothing was predicted {name}"
    healthy = list(class_names).index(normal)
    ill, called_ill = labels != healthy, predicted != healthy
    if ill.all() or not ill.any():
        reason = f"{'nothing' if ill.all() else 'everything'} is {normal}"
        return Scores(
            values=values,
            undefined={**undefined, "youden": reason, "discriminant_power": reason},
        )
    sensitivity = float(called_ill[ill].mean())
    specificity = float((~called_ill[~ill]).mean())
    values["youden"] = sensitivity + specificity - 1
    if min(sensitivity, specificity) > 0 and max(sensitivity, specificity) < 1:
        values["discriminant_power"] = (
            math.sqrt(3) / math.pi * (_logit(sensitivity) + _logit(specificity))
        )
    else:
        undefined["discriminant_power"] = "a sensitivity or specificity of 0 or 1 has no logit"
    return Scores(values=values, undefined=undefined)


def _logit(share: float) -> float:
    return math.log(share / (1 - share))
