"""How much of a run a tracker was sent, for trackers that cannot tell: a file of one line."""

import logging
import time
from pathlib import Path
from typing import Literal

log = logging.getLogger(__name__)

FOLDER = "journal.sent"

Order = Literal["logged", "settled"]
"""As the run logged it, or as its history has it when all is over; see `history`."""

_EVERY_S = 1.0


class Sent:
    """Notes in a run's directory."""

    def __init__(self, directory: Path, name: str) -> None:
        """Read what was noted the last time, if anything was."""
        self.path = directory / FOLDER / name
        self.rows = 0
        self.order: Order | None = None
        """None where nothing was noted."""

        self._written_at = 0.0
        try:
            rows, order = self.path.read_text(encoding="utf-8").split()
            self.rows, self.order = int(rows), "settled" if order == "settled" else "logged"
        except (OSError, ValueError):
            return

    def reached(self, rows: int, order: Order) -> None:
        """Note that so many rows were sent; on disk about once a second."""
        self.rows, self.order = rows, order
        if time.monotonic() - self._written_at >= _EVERY_S:
            self.write()

    def write(self) -> None:
        """Put the note on disk now."""
        if self.order is None:
            return
        self._written_at = time.monotonic()
        unfinished = self.path.with_name(f".{self.path.name}")
        try:
            self.path.parent.mkdir(exist_ok=True)
            unfinished.write_text(f"{self.rows} {self.order}\n", encoding="utf-8")
            unfinished.replace(self.path)
        except OSError as error:  # a full disk is no reason to stop sending
            log.debug("%s cannot be written: %s", self.path, error)
