"""How much of a run a tracker was sent, for trackers that cannot tell: a file of one line."""

import logging
import os
from pathlib import Path
from typing import Literal

log = logging.getLogger(__name__)

SUFFIX = ".sent"
"""Of the folder beside a journal that has a file for each tracker."""

Order = Literal["logged", "settled"]
"""As the run logged it, or as its history has it when all is over; see `history`."""


class Sent:
    """The note on one tracker, beside the journal of the run."""

    def __init__(self, journal: Path, name: str) -> None:
        """Read what was noted the last time, if anything was."""
        self.path = journal.with_suffix(SUFFIX) / name
        self.rows = 0
        self.order: Order | None = None
        """None where nothing was noted."""

        self._file = -1
        try:
            rows, order = self.path.read_text(encoding="utf-8").split()
            self.rows, self.order = int(rows), "settled" if order == "settled" else "logged"
        except (OSError, ValueError):
            return

    def forget(self) -> None:
        """What was noted is of another run."""
        self.rows, self.order = 0, None
        try:
            self.path.unlink(missing_ok=True)
        except OSError as error:
            log.debug("%s cannot be removed: %s", self.path, error)

    def reached(self, rows: int, order: Order) -> None:
        """Note that so many rows were sent; the program's death does not undo it."""
        self.rows, self.order = rows, order
        try:
            if self._file < 0:
                self.path.parent.mkdir(exist_ok=True)
                flags = os.O_WRONLY | os.O_CREAT | getattr(os, "O_BINARY", 0)
                self._file = os.open(self.path, flags, 0o644)
            os.lseek(self._file, 0, os.SEEK_SET)
            os.write(self._file, f"{rows:>20} {order:>10}\n".encode())  # always of one length
        except OSError as error:  # a full disk is no reason to stop sending
            log.debug("%s cannot be written: %s", self.path, error)

    def close(self) -> None:
        """Let go of the file."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1
