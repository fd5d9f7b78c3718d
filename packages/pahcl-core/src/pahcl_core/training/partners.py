"""With which other cycle a cycle makes a pair."""

import numpy as np
import torch
from jaxtyping import Int64

from pahcl_core.training.draws import Draw, Purpose, uniforms


class Groups:
    """Which cycles belong together: those of a recording, or of a person.

    Args:
        group: What each cycle is of, by any number.
    """

    def __init__(self, group: Int64[np.ndarray, "cycles"]) -> None:
        self.order: Int64[np.ndarray, "cycles"] = np.argsort(group, kind="stable")
        """The cycles, group by group, those of each in their own order."""

        self.place = np.empty_like(self.order)
        """Of each cycle in that order."""

        self.place[self.order] = np.arange(len(group))
        ranged = group[self.order]
        self.first: Int64[np.ndarray, "cycles"] = np.searchsorted(ranged, group, side="left")
        """The place of the first of each cycle's group."""

        self.count: Int64[np.ndarray, "cycles"] = (
            np.searchsorted(ranged, group, side="right") - self.first
        )
        """How many are in it."""


def pairs_of(
    groups: Groups, anchor: Int64[np.ndarray, "batch"], draw: Draw
) -> Int64[np.ndarray, "batch"]:
    """For each cycle another one of its group, or itself where there is no other.

    That of an index beyond the last, which `epoch_of` has for a cycle drawn again, is, too.
    """
    again, cycle = np.divmod(anchor, len(groups.order))
    first, count = groups.first[cycle], groups.count[cycle]
    streams = draw.streams(torch.from_numpy(anchor))
    share = uniforms(streams[:, Purpose.PARTNER], 1)[:, 0].numpy()
    step = 1 + np.floor(share * np.maximum(count - 1, 0)).astype(np.int64)
    partner = groups.order[first + (groups.place[cycle] - first + step) % count]
    result: Int64[np.ndarray, "batch"] = partner + again * len(groups.order)
    return result
