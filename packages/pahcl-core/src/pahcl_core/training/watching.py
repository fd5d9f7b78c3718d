"""Watching a training from outside, epoch by epoch, with the right to end it.

A tracker cannot do this: it is told of a run, and whatever it raises goes no further.
"""

from collections.abc import Callable, Mapping

Watch = Callable[[int, Mapping[str, float]], None]
"""Given an epoch, from 1 on, and its validation scores, such as `val/auroc`, when everything of
that epoch is written. It ends the training by raising `EndedEarly`."""


class EndedEarly(Exception):
    """A training was ended by who watched it; the run stands as one that was interrupted."""


def unwatched(epoch: int, val: Mapping[str, float]) -> None:
    """Look on, and let it go on."""
