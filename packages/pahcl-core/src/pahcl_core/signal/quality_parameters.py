"""The fitted parameters of the quality index, which come with the package.

`quality_parameters.json` holds them with their provenance: which recordings, which persons, which
command. It is written by `scripts/fit_quality.py` and not edited by hand.
"""

import json
from dataclasses import dataclass
from functools import cache
from importlib import resources

import numpy as np
from jaxtyping import Float64

NAME = "quality_parameters"


@dataclass(frozen=True, kw_only=True, slots=True)
class QualityWeights:
    """Of a logistic regression."""

    weights: Float64[np.ndarray, "measures"]
    """Of `pahcl_core.signal.quality_measures.MEASURES`; 0 for one that is not looked at."""

    bias: float

    def score(self, measures: Float64[np.ndarray, "rows measures"]) -> Float64[np.ndarray, "rows"]:
        """Logarithm of the odds."""
        score: Float64[np.ndarray, "rows"] = measures @ self.weights + self.bias
        return score


@dataclass(frozen=True, kw_only=True, slots=True)
class QualityParameters:
    """Everything that was fitted."""

    with_cycles: QualityWeights
    """Where there are two cycles or more, whose agreement can be told."""

    without_cycles: QualityWeights
    """Where there are not, and the rhythm stands in for it."""


@cache
def quality_parameters() -> QualityParameters:
    """The parameters that come with the package, read once."""
    file = resources.files("pahcl_core.signal") / f"{NAME}.json"
    content = json.loads(file.read_text(encoding="utf-8"))
    with_cycles, without_cycles = (
        QualityWeights(weights=np.array(content[name]["weights"]), bias=content[name]["bias"])
        for name in ("with_cycles", "without_cycles")
    )
    return QualityParameters(with_cycles=with_cycles, without_cycles=without_cycles)
