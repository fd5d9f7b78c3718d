"""Several runs on one draw of persons, whoever of them each run is tested on; see `bootstrap`."""

from collections.abc import Callable, Mapping, Sequence

import numpy as np
from jaxtyping import Float64, Int64

from pahcl_core.metrics.bootstrap import multiplicities, numbered


def numbered_together(
    groups: Sequence[tuple[Sequence[str], int]],
) -> tuple[list[Int64[np.ndarray, "_"]], int]:
    """A number for the person of each unit of several sets, in which a person has one number.

    Args:
        groups: Of each set, whose its units are, and how many it has.

    Returns:
        The numbers of each set, and how many persons there are.

    Raises:
        ValueError: If there is not one person for each unit of a set.
    """
    for persons, num_units in groups:
        numbered(persons, num_units)  # refuses another number of persons
    sizes = [num_units for _, num_units in groups]
    owner, num_persons = numbered([one for persons, _ in groups for one in persons], sum(sizes))
    return np.split(owner, np.cumsum(sizes)[:-1]), num_persons


def over_resamples(
    score: Callable[
        [Float64[np.ndarray, "persons resamples"]], Mapping[str, Float64[np.ndarray, "resamples"]]
    ],
    *,
    num_persons: int,
    num_resamples: int,
    seed: int,
) -> dict[str, Float64[np.ndarray, "all_resamples"]]:
    """Figures of all resamples, by name.

    Args:
        score: The figures of some, from how often each person is in them.
        num_persons: How many there are to draw.
        num_resamples: How many times.
        seed: Of the draws.

    Raises:
        ValueError: As `multiplicities`.
    """
    parts = [score(drawn) for _, drawn in multiplicities(num_persons, num_resamples, seed)]
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
