"""Calibration by the definitions, unit by unit."""

import math
from collections.abc import Sequence


def equal_width_error(confidence: Sequence[float], right: Sequence[bool], num_bins: int) -> float:
    """Guo et al. 2017, equation 3: bins ((m - 1) / M, m / M]."""
    total = 0.0
    for number in range(1, num_bins + 1):
        low, high = (number - 1) / num_bins, number / num_bins
        inside = [unit for unit, value in enumerate(confidence) if low < value <= high]
        total += _weighted_gap(inside, confidence, right)
    return total


def equal_mass_error(confidence: Sequence[float], right: Sequence[bool], num_bins: int) -> float:
    """The units in order, cut into pieces of the same number; for confidences that all differ."""
    order = sorted(range(len(confidence)), key=lambda unit: confidence[unit])
    size = len(order) // num_bins
    assert size * num_bins == len(order)
    pieces = [order[first : first + size] for first in range(0, len(order), size)]
    return sum(_weighted_gap(piece, confidence, right) for piece in pieces)


def _weighted_gap(
    units: Sequence[int], confidence: Sequence[float], right: Sequence[bool]
) -> float:
    if not units:
        return 0.0
    gap = sum(right[u] for u in units) / len(units) - sum(confidence[u] for u in units) / len(units)
    return len(units) / len(confidence) * abs(gap)


def mean_negative_log_probability(
    labels: Sequence[int], logits: Sequence[Sequence[float]], temperature: float
) -> float:
    """Of the true classes, with every logit divided by the temperature."""
    total = 0.0
    for label, row in zip(labels, logits, strict=True):
        scaled = [value / temperature for value in row]
        highest = max(scaled)
        normaliser = highest + math.log(sum(math.exp(value - highest) for value in scaled))
        total += normaliser - scaled[label]
    return total / len(labels)
