"""What a run has told, as tests compare it."""

from pathlib import Path
from typing import Any

from pahcl_track import read_history


def history(directory: Path) -> dict[tuple[str, int], Any]:
    """Every value in the history but what tells the time, by name and step."""
    return {
        (name, row.step): value
        for row in read_history(directory).rows
        for name, value in row.values.items()
        if not name.startswith("throughput/")
    }


def logged(tracker: Any, name: str) -> dict[int, Any]:
    """Everything that a mocked tracker was told under a name, by step."""
    return {
        call.kwargs["step"]: call.args[0][name]
        for call in tracker.log.mock_calls
        if name in call.args[0]
    }
