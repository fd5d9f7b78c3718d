"""Recordings prepared for one question, without a store: in memory, and gone afterwards."""

from collections.abc import Sequence

import numpy as np

from pahcl_core.data.collection import Recording
from pahcl_core.data.cycle_set import CycleSet
from pahcl_core.data.preparation import PreparedRecording, SignalConfig


def cycle_set_of(
    recordings: Sequence[Recording],
    prepared: Sequence[PreparedRecording],
    config: SignalConfig,
) -> CycleSet:
    """What the store would make of these recordings.

    Args:
        recordings: At least one.
        prepared: What each has become; all of them usable.
        config: How.
    """
    offsets = np.cumsum([0, *(len(one.samples) for one in prepared)])
    bounds = [
        offset + np.rint(one.bounds_s * config.sample_rate).astype(np.int64)
        for offset, one in zip(offsets, prepared, strict=False)
    ]
    return CycleSet(
        recordings=tuple(recordings),
        sources=tuple(one.source for one in prepared),
        sample_rate=config.sample_rate,
        samples=np.concatenate([one.samples for one in prepared]),
        offsets=offsets.astype(np.int64),
        recording=np.repeat(np.arange(len(prepared)), [len(one) for one in bounds]),
        bounds=np.concatenate(bounds),
    )
