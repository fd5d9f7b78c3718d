"""The median of many numbers, found faster than by NumPy and just the same."""

import numpy as np
from jaxtyping import Float

_WORTH_IT = 4096
_EVERY = 16
_SHARE = 0.05  # of the numbers lie in the bracket, a few standard deviations of a random sample


def median(values: Float[np.ndarray, "values"]) -> float:
    """The middle one in the order of size, or the mean of the two in the middle.

    A sixteenth of the numbers tells between which two the middle lies; only what is between them
    need be put in order. Where the sixteenth misleads, all of them are.

    Args:
        values: At least one, none of them not a number.

    Returns:
        As `numpy.median` has it.
    """
    size = len(values)
    if size < _WORTH_IT:
        return _of_the_middle(np.sort(values), (size - 1) // 2, size // 2)
    some = np.sort(values[::_EVERY])  # sorted, not partitioned: NumPy does that with vectors
    reach = int(_SHARE / 2 * len(some))
    below, above = some[len(some) // 2 - reach], some[len(some) // 2 + reach]
    num_below = int(np.count_nonzero(values < below))
    between = values[np.flatnonzero((values >= below) & (values <= above))]
    first, second = (size - 1) // 2 - num_below, size // 2 - num_below
    if first < 0 or second >= len(between):
        return _of_the_middle(np.sort(values), (size - 1) // 2, size // 2)
    return _of_the_middle(np.sort(between), first, second)


def _of_the_middle(ordered: Float[np.ndarray, "values"], first: int, second: int) -> float:
    """Their mean, in the type that the values have."""
    return float(ordered[first] if first == second else (ordered[first] + ordered[second]) / 2)
