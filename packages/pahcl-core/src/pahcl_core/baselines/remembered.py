"""Figures of recordings that a process has computed lately, by what they were computed from."""

import hashlib
from collections import OrderedDict
from collections.abc import Callable, Hashable

import numpy as np
from jaxtyping import Float64

from pahcl_core.data.cycle_set import CycleSet

_MOST = 8  # of a collection some megabytes each

_known: OrderedDict[Hashable, Float64[np.ndarray, "rows figures"]] = OrderedDict()


def remembered(
    key: Hashable, compute: Callable[[], Float64[np.ndarray, "rows figures"]]
) -> Float64[np.ndarray, "rows figures"]:
    """What `compute` gave when it was last called with this key, or gives now.

    Args:
        key: Everything that the figures depend on.
        compute: Called if they are not known.

    Returns:
        An array that nobody may write to.
    """
    if key not in _known:
        figures = compute()
        figures.flags.writeable = False
        _known[key] = figures
        if len(_known) > _MOST:
            _known.popitem(last=False)
    _known.move_to_end(key)
    return _known[key]


def content_of(cycles: CycleSet) -> str:
    """A hash of the sound, and of where its recordings and cycles are."""
    digest = hashlib.sha256()
    for one in (cycles.samples, cycles.offsets, cycles.recording, cycles.bounds):
        digest.update(np.ascontiguousarray(one).data)
    return digest.hexdigest()
