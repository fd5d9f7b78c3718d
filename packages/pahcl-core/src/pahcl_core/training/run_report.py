"""A page about a run, made at its end by whoever knows how: where that fails, the run does not."""

import logging
from collections.abc import Callable
from pathlib import Path

from pahcl_track import Tracker

log = logging.getLogger(__name__)

MakeReport = Callable[[Path], Path]
"""Given the folder of a run that has written everything but its end; returns the page's file."""


def made_report(make: MakeReport, directory: Path) -> Path | None:
    """The page's file; None where it could not be made, for whatever reason, which is logged."""
    try:
        return make(directory)
    except Exception as error:
        log.warning(
            "no report was made: %s; everything else of the run is there, and "
            "`pahcl report %s` tries again",
            error, directory, exc_info=error,
        )  # fmt: skip
        return None


def save_report(make: MakeReport | None, directory: Path, tracker: Tracker) -> None:
    """Have a page made, if anybody makes one, and keep it with the run."""
    path = None if make is None else made_report(make, directory)
    if path is not None:
        tracker.save(path, kind="report")
