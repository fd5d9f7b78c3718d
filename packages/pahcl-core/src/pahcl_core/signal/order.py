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
        return _mean_of_two(values, (size - 1) // 2, size // 2)
    some = values[::_EVERY]
    reach = int(_SHARE / 2 * len(some))
    places = (len(some) // 2 - reach, len(some) // 2 + reach)
    below, above = np.partition(some, places)[list(places)]
    is_below = values < below
    num_below = int(np.count_nonzero(is_below))
    between = values[np.flatnonzero(is_below != (values <= above))]
    first, second = (size - 1) // 2 - num_below, size // 2 - num_below
    if first < 0 or second >= len(between):
        return _mean_of_two(values, (size - 1) // 2, size // 2)
    return _mean_of_two(between, first, second)


def _mean_of_two(values: Float[np.ndarray, "values"], first: int, second: int) -> float:
    """Of those at these places in the order of size, in the type that the values have."""
    ordered = np.partition(values, (first, second))
    return float(ordered[first] if first == second else (ordered[first] + ordered[second]) / 2)
