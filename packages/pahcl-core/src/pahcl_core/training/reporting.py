"""What a training loop tells a tracker, and the promise that telling never ends the training."""

import contextlib
import logging
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path

import numpy as np
from jaxtyping import Float64
from torch import Tensor

from pahcl_core.data.preparation import Progress
from pahcl_core.training.ranks import Ranks
from pahcl_core.training.watching import EndedEarly
from pahcl_track import (
    Histogram,
    NullTracker,
    Outcome,
    Run,
    Tracker,
    TrackingRequired,
    Value,
)

log = logging.getLogger(__name__)

_NUM_BINS = 64
_STOPPED = (KeyboardInterrupt, SystemExit)


class Guarded:
    """A tracker around any tracker: what the inner one raises is logged, and goes no further.

    Whoever calls a trainer from a program passes in whatever they like; training is worth more
    than its record.
    """

    def __init__(self, tracker: Tracker) -> None:
        self._tracker = tracker
        self._warned = False

    def start(self, run: Run) -> None:
        """Forward the beginning of a run."""
        self._attempt(lambda: self._tracker.start(run), "start")

    def log(self, values: Mapping[str, Value], *, step: int) -> None:
        """Forward values."""
        self._attempt(lambda: self._tracker.log(values, step=step), "log")

    def save(self, path: Path, *, kind: str) -> None:
        """Forward a file."""
        self._attempt(lambda: self._tracker.save(path, kind=kind), "save")

    def finish(self, outcome: Outcome) -> None:
        """Forward the end of a run."""
        self._attempt(lambda: self._tracker.finish(outcome), "finish")

    def _attempt(self, call: Callable[[], None], what: str) -> None:
        try:
            call()
        except TrackingRequired:  # somebody asked for no training without its record
            raise
        except Exception as error:
            message = "the tracker failed in %s: %s; training goes on"
            if not self._warned:
                log.warning(message, what, error, exc_info=error)
            self._warned = True


def shown_by(ranks: Ranks, tracker: Tracker, progress: Progress) -> tuple[Tracker, Progress]:
    """These two on the first rank; on the others, what shows nothing."""
    if ranks.first:
        return tracker, progress
    return NullTracker(), lambda items, total: items


@contextlib.contextmanager
def reported(run: Run, tracker: Tracker) -> Iterator[dict[str, Value]]:
    """Begin a run with a tracker and end it, however it ends.

    Yields:
        The summary to fill in: the run's final figures.
    """
    summary: dict[str, Value] = {}
    try:
        tracker.start(run)  # which may wait for a server
    except _STOPPED:
        _interrupted(run, tracker, summary)
        raise
    try:
        yield summary
    except _STOPPED:
        _interrupted(run, tracker, summary)
        raise
    except EndedEarly as end:
        log.info("ended early: %s", end)
        tracker.finish(Outcome(status="interrupted", summary=summary))
        raise
    except Exception as error:
        log.exception("the run failed")
        tracker.finish(Outcome(status="failed", error=str(error), summary=summary))
        raise
    tracker.finish(Outcome(status="completed", summary=summary))


def _interrupted(run: Run, tracker: Tracker, summary: Mapping[str, Value]) -> None:
    log.warning(
        "interrupted; what was written so far is in %s: go on with --resume %s",
        run.directory, run.directory,
    )  # fmt: skip
    tracker.finish(Outcome(status="interrupted", summary=summary))


def histograms(prefix: str, tensors: Iterable[tuple[str, Tensor | None]]) -> dict[str, Histogram]:
    """The distribution of each tensor's finite values, as `<prefix>/<name>`; none for a None."""
    made = {}
    for name, tensor in tensors:
        if tensor is not None:
            made[f"{prefix}/{name}"] = _histogram(tensor.detach().cpu().double().numpy())
    return made


def _histogram(values: Float64[np.ndarray, "*shape"]) -> Histogram:
    # In double precision, because 64 bins may not fit between values that are nearly equal.
    finite = values[np.isfinite(values)]
    counts, edges = np.histogram(finite, bins=_NUM_BINS)
    return Histogram(counts=counts.tolist(), edges=edges.tolist())
