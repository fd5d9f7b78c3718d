"""The fitted parameters of the segmentation, which come with the package.

`segmentation_parameters.npz` holds the network, `segmentation_parameters.json` everything else and
the provenance: which recordings, which persons, which command. Both are written by
`scripts/fit_segmentation.py`; neither is edited by hand.
"""

import json
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

import numpy as np
from jaxtyping import Float32, Float64, Int64

NAME = "segmentation_parameters"


@dataclass(frozen=True, kw_only=True, slots=True)
class NetworkWeights:
    """Of the network that tells the states; see `pahcl_core.signal.emissions`."""

    first: Float32[np.ndarray, "taps bands width"]
    first_bias: Float32[np.ndarray, "width"]
    dilations: Int64[np.ndarray, "blocks"]
    """Frames between the taps of each block."""

    dilated: Float32[np.ndarray, "blocks 3 width width"]
    dilated_bias: Float32[np.ndarray, "blocks width"]
    mixing: Float32[np.ndarray, "blocks width width"]
    mixing_bias: Float32[np.ndarray, "blocks width"]
    last: Float32[np.ndarray, "width 4"]
    last_bias: Float32[np.ndarray, "4"]


@dataclass(frozen=True, kw_only=True, slots=True)
class CycleDurations:
    """How long the parts of a cycle last as straight lines in its length."""

    s1_s: Float64[np.ndarray, "2"]
    """Seconds at a length of zero, and seconds more per second of length."""

    s2_s: Float64[np.ndarray, "2"]
    s2_onset_s: Float64[np.ndarray, "2"]
    """From the onset of S1 to that of S2."""

    s1_spread_s: float
    """Standard deviation around the line."""

    s2_spread_s: float
    s2_onset_spread_s: float
    s2_onset_spread_within_s: float
    """Around the mean distance of the recording from the line: from beat to beat."""

    period_spread: float
    """Standard deviation from one cycle to the next, relative to the length."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ConfidenceWeights:
    """Of the logistic regression that tells how far a cycle can be trusted."""

    weights: Float64[np.ndarray, "measures"]
    bias: float


@dataclass(frozen=True, kw_only=True, slots=True)
class SegmentationParameters:
    """Everything that was fitted."""

    network: NetworkWeights
    log_prior: Float64[np.ndarray, "4"]
    """Logarithm of the part of the time that each state takes where the network was fitted."""

    durations: CycleDurations
    confidence: ConfidenceWeights


@cache
def segmentation_parameters() -> SegmentationParameters:
    """The parameters that come with the package, read once."""
    folder = resources.files("pahcl_core.signal")
    with (folder / f"{NAME}.npz").open("rb") as file, np.load(file) as arrays:
        network = {name: arrays[name] for name in arrays.files}
    content = json.loads((folder / f"{NAME}.json").read_text(encoding="utf-8"))
    return parameters_from(network, content)


def parameters_from(
    network: dict[str, np.ndarray], content: dict[str, Any]
) -> SegmentationParameters:
    """The parameters from the arrays of the network and the content of the JSON file."""
    weights = {
        name: value.astype(np.int64 if name == "dilations" else np.float32)
        for name, value in network.items()
    }
    confidence = content["confidence"]
    return SegmentationParameters(
        network=NetworkWeights(**weights),
        log_prior=np.log(np.array(content["prior"])),
        durations=durations_from(content),
        confidence=ConfidenceWeights(
            weights=np.array(confidence["weights"]), bias=confidence["bias"]
        ),
    )


def durations_from(content: dict[str, Any]) -> CycleDurations:
    """The durations from the content of the JSON file: two numbers are a line, one is a spread."""
    values: dict[str, Any] = {
        name: np.array(value) if isinstance(value, list) else value
        for name, value in content["durations"].items()
    }
    return CycleDurations(**values)
