"""Experiment tracking: one small protocol, trackers found through entry points.

Everything is imported when it is first used: `dataclasses` and `typing` alone, which the protocol
is written with, take longer than a program should have to wait for a tracker that it may not use.
"""

TYPE_CHECKING = False  # as type checkers take it; importing typing's own costs ten milliseconds
if TYPE_CHECKING:
    from typing import Any

    from pahcl_track.backends.null import NullTracker
    from pahcl_track.discovery import (
        InstalledTracker,
        installed_trackers,
        load_tracker,
        parse_options,
    )
    from pahcl_track.errors import TrackerError, TrackingRequired
    from pahcl_track.history import History, read_history
    from pahcl_track.protocol import Outcome, Run, Tracker
    from pahcl_track.session import Session
    from pahcl_track.values import Histogram, Image, Table, Value

__version__ = "0.1.0"
__all__ = [
    "Histogram",
    "History",
    "Image",
    "InstalledTracker",
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

_WHERE = {
    "Histogram": "values",
    "History": "history",
    "Image": "values",
    "InstalledTracker": "discovery",
    "NullTracker": "backends.null",
    "Outcome": "protocol",
    "Run": "protocol",
    "Session": "session",
    "Table": "values",
    "Tracker": "protocol",
    "TrackerError": "errors",
    "TrackingRequired": "errors",
    "Value": "values",
    "installed_trackers": "discovery",
    "load_tracker": "discovery",
    "parse_options": "discovery",
    "read_history": "history",
}


def __getattr__(name: str) -> "Any":  # noqa: ANN401
    if name not in _WHERE:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    import importlib

    value = getattr(importlib.import_module(f"{__name__}.{_WHERE[name]}"), name)
    globals()[name] = value  # found at once from now on
    return value
