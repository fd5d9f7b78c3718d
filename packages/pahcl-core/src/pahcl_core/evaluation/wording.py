"""Figures in words: how a value, its interval, a p and a moment are written, everywhere alike."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from pahcl_core.data.tasks import MISSING

TESTS: Mapping[str, str] = {
    "delong": "DeLong",
    "mcnemar": "McNemar",
    "wilcoxon": "Wilcoxon over runs",
    "corrected_t": "corrected t over runs",
}
"""Of two methods, beside the bootstrap: by their names in `MetricComparison.tests`."""


def number_text(value: float | None) -> str:
    """Three digits after the point; a cost in dollars has none."""
    if value is None:
        return "–"
    return f"{value:.0f}" if abs(value) >= 1000 else f"{value:.3f}"


def signed_text(value: float) -> str:
    """A difference, with its sign."""
    return f"{'−' if value < 0 else '+'}{number_text(abs(value))}"


def figure_text(value: float | None, low: float | None, high: float | None) -> str:
    """With the ends of its interval, where it has one; nothing for what there is not."""
    if value is None:
        return ""
    if low is None or high is None:
        return number_text(value)
    return f"{number_text(value)} ({number_text(low)} to {number_text(high)})"


def counts_text(counts: Mapping[str, Any], positive: str) -> str:
    """How many units of each class; of several labels, of how many who have it each is true.

    Args:
        counts: By class, or by label and class, as `final_metrics.json` has them.
        positive: The class of which a label is true.
    """
    told = []
    for name, one in counts.items():
        if isinstance(one, Mapping):
            known = sum(num for which, num in one.items() if which != MISSING)
            told.append(f"{name} {one[positive]} of {known}")
        else:
            told.append(f"{one} {name}")
    return ", ".join(told)


def p_text(value: float) -> str:
    """A probability, as it is printed beside a difference."""
    return "<0.001" if value < 0.001 else f"{value:.3f}"


def moment_text(seconds: float, precision: str) -> str:
    """In UTC, from seconds since 1970, to `minutes` or `seconds`."""
    moment = datetime.fromtimestamp(seconds, UTC)
    return moment.isoformat(sep=" " if precision == "minutes" else "T", timespec=precision)[
        : 16 if precision == "minutes" else None
    ]
