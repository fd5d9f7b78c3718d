"""The tracker that records nothing, so that a program never asks whether there is one."""

from collections.abc import Mapping
from pathlib import Path

from pahcl_track.protocol import Outcome, Run
from pahcl_track.values import Value


class NullTracker:
    """Takes everything and keeps nothing."""

    def start(self, run: Run) -> None:
        """Do nothing."""

    def position(self) -> int:
        """It keeps nothing, so it can be given everything again."""
        return 0

    def log(self, values: Mapping[str, Value], *, step: int) -> None:
        """Do nothing."""

    def save(self, path: Path, *, kind: str) -> None:
        """Do nothing."""

    def finish(self, outcome: Outcome) -> None:
        """Do nothing."""
