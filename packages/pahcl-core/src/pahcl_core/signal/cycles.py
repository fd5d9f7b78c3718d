"""Cardiac cycles: the five instants that part S1, systole, S2 and diastole."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64, Int

NUM_PHASES = 4
PHASES = ("S1", "systole", "S2", "diastole")

_MAX_GAP_S = 0.005  # annotations are rounded; two states this close follow on each other


@dataclass(frozen=True, kw_only=True, slots=True)
class Cycles:
    """Cycles of one recording, in the order of time."""

    bounds_s: Float64[np.ndarray, "cycles 5"]
    """Seconds: onsets of S1, systole, S2 and diastole, and the end of the diastole; ascending."""

    def __len__(self) -> int:
        return len(self.bounds_s)

    @property
    def heart_rate_bpm(self) -> float | None:
        """Beats per minute: 60 over the median length in seconds; None where there is no cycle."""
        if len(self) == 0:
            return None
        return 60.0 / float(np.median(self.bounds_s[:, -1] - self.bounds_s[:, 0]))


def cycles_from_states(
    start_s: Float64[np.ndarray, "rows"],
    end_s: Float64[np.ndarray, "rows"],
    state: Int[np.ndarray, "rows"],
) -> Cycles:
    """Every complete run of S1, systole, S2, diastole in an annotation.

    Args:
        start_s: Start of each annotated state, in seconds, ascending.
        end_s: End of each, in seconds.
        state: 1 S1, 2 systole, 3 S2, 4 diastole; anything else is not part of a cycle.

    Returns:
        One cycle for each four rows 1, 2, 3, 4 that follow on each other without a gap; possibly
        none at all.
    """
    lasts = end_s > start_s
    follows = np.abs(start_s[1:] - end_s[:-1]) <= _MAX_GAP_S
    num_rows = max(0, len(state) - NUM_PHASES + 1)  # that a cycle may begin with
    complete = np.ones(num_rows, dtype=bool)
    for phase in range(NUM_PHASES):
        row = slice(phase, phase + num_rows)
        complete &= (state[row] == phase + 1) & lasts[row]
        if phase < NUM_PHASES - 1:
            complete &= follows[row]
    first = np.flatnonzero(complete)
    bounds_s = np.empty((len(first), NUM_PHASES + 1))
    bounds_s[:, :-1] = start_s[first[:, None] + np.arange(NUM_PHASES)]
    bounds_s[:, -1] = end_s[first + NUM_PHASES - 1]
    return Cycles(bounds_s=bounds_s)
