"""For whom does a score hold? The same metrics within each group of units, with their intervals.

A group of a few persons has wide intervals, and that is the answer. What cannot be computed within
a group, as where only one class occurs in it, is None with the reason. A difference between two
groups is not a finding because one interval holds a value and the other does not: so many groups
are looked at that some will differ by chance.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64, Int64

from pahcl_core.metrics.bootstrap import NUM_RESAMPLES, Interval, bootstrap

NOT_STATED = "not stated"
"""The group of the units of which nothing is known."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Subgroup:
    """The units of one group."""

    num: int
    num_persons: int
    num_by_class: Mapping[str, int]
    metrics: Mapping[str, Interval]


def subgroups(
    labels: Int64[np.ndarray, "units"],
    probabilities: Float64[np.ndarray, "rows classes"],
    persons: Sequence[str],
    groups: Sequence[str],
    *,
    class_names: Sequence[str],
    positive: str,
    challenge: str = "",
    predicted: Int64[np.ndarray, "units"] | None = None,
    names: Sequence[str],
    num_resamples: int = NUM_RESAMPLES,
    seed: int = 0,
) -> dict[str, Subgroup]:
    """Metrics by group; groups in alphabetical order, the one without a name last.

    Args:
        labels: Index of the true class of each unit.
        probabilities: Of each class, one row to a unit.
        persons: Whose each unit is.
        groups: Which group each unit is of; empty where it is not known.
        class_names: In the order of the columns.
        positive: The class that the two-sided metrics are about.
        challenge: One of `CHALLENGES` for its scores too.
        predicted: Index of the class said of each unit; None for the most probable.
        names: Which metrics.
        num_resamples: How many.
        seed: Of the draws.

    Raises:
        ValueError: As `bootstrap`, or if there is not one group for each unit.
    """
    if len(groups) != len(labels):
        raise ValueError(f"{len(groups)} groups for {len(labels)} units")
    members: dict[str, list[int]] = {name: [] for name in sorted({*groups} - {""})}
    if "" in groups:
        members[NOT_STATED] = []
    for unit, name in enumerate(groups):
        members[name or NOT_STATED].append(unit)
    found = {}
    for name, units in members.items():
        owners = [persons[unit] for unit in units]
        count = np.bincount(labels[units], minlength=len(class_names))
        found[name] = Subgroup(
            num=len(units),
            num_persons=len(set(owners)),
            num_by_class=dict(zip(class_names, count.tolist(), strict=True)),
            metrics=bootstrap(
                labels[units],
                probabilities[units],
                owners,
                class_names=class_names,
                positive=positive,
                challenge=challenge,
                predicted=None if predicted is None else predicted[units],
                names=names,
                num_resamples=num_resamples,
                seed=seed,
            ),
        )
    return found
