"""Experiment tracking: one small protocol, trackers found through entry points.

What a program needs to report is imported here and now: the protocol and its values. What it needs
to open trackers is imported when it is first used, because `importlib.metadata` alone takes longer
than everything else here.
"""

from typing import TYPE_CHECKING, Any

from pahcl_track.backends.null import NullTracker
from pahcl_track.errors import TrackerError, TrackingRequired
from pahcl_track.protocol import Outcome, Run, Tracker
from pahcl_track.values import Histogram, Image, Table, Value

if TYPE_CHECKING:
    from pahcl_track.discovery import installed_trackers, load_tracker, parse_options
    from pahcl_track.history import History, read_history
    from pahcl_track.session import Session

__version__ = "0.1.0"
__all__ = [
    "Histogram",
    "History",
    "Image",
    "NullTracker",
    "Outcome",
    "Run",
    "Session",
    "Table",
    "Tracker",
    "TrackerError",
    "TrackingRequired",
    "Value",
    "installed_trackers",
    "load_tracker",
    "parse_options",
    "read_history",
]

_LATER = {
    "History": "pahcl_track.history",
    "Session": "pahcl_track.session",
    "installed_trackers": "pahcl_track.discovery",
    "load_tracker": "pahcl_track.discovery",
    "parse_options": "pahcl_track.discovery",
    "read_history": "pahcl_track.history",
}


def __getattr__(name: str) -> Any:  # noqa: ANN401
    if name not in _LATER:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    import importlib

    return getattr(importlib.import_module(_LATER[name]), name)
