"""How much of a run a tracker was sent: a file of a few lines for each tracker.

The first line has the number of rows and their order. Of a tracker that counts what it holds
(`protocol.Positioned`), further lines say where its count and the number of rows part: it refused a
row, or it holds an earlier stretch of the run in another order.
"""

import contextlib
import logging
import os
import threading
from pathlib import Path
from typing import Literal, NamedTuple

from pahcl_track.journal_file import lock_file

log = logging.getLogger(__name__)

SUFFIX = ".sent"
"""Of the folder beside a journal that has a file for each tracker."""

Order = Literal["logged", "settled"]
"""As the run logged it, or as its history has it when all is over; see `history`."""


class _Parting(NamedTuple):
    rows: int
    held: int
    """Of these rows, as the tracker counts."""


class Sent:
    """The note on one tracker, beside the journal of the run.

    Whoever sends to the tracker holds it, so that a replay and a run, or two replays, do not send
    the same rows.
    """

    def __init__(self, journal: Path, name: str) -> None:
        """Read what was noted the last time, if anything was."""
        self.path = journal.with_suffix(SUFFIX) / name
        self.rows = 0
        self.order: Order | None = None
        """None where nothing was noted."""

        self._partings: list[_Parting] = []
        self._file = -1
        self._over = self._told = False
        self._guard = threading.Lock()  # whoever gives a tracker up is not who sends to it
        self._read()

    def hold(self) -> bool:
        """Keep others from sending to this tracker, and read again what was noted.

        Returns:
            False if somebody does so now, or the note was let go of. Where nothing can be noted,
            nobody is kept out.
        """
        with self._guard:
            if self._over:
                return False
            try:
                self._open()
            except OSError as error:
                self._tell(error)
                return True
            if not lock_file(self._file, patience_s=0.0):
                self._let_go()
                return False
            self._read()
            return True

    def forget(self) -> None:
        """What was noted is of another run, or of what the tracker holds no more."""
        self.rows, self.order = 0, None
        self._partings.clear()
        with contextlib.suppress(OSError):
            if self._file >= 0:
                os.ftruncate(self._file, 0)
            else:
                self.path.unlink(missing_ok=True)

    def reached(self, rows: int, order: Order) -> None:
        """Note that so many rows were sent; the program's death does not undo it."""
        self.rows, self.order = rows, order
        self._write(_first_line(rows, order), os.SEEK_SET)

    def parted(self, rows: int, held: int) -> None:
        """Note that the tracker held that many when it had been sent so many rows."""
        self._partings.append(_Parting(rows, held))
        self._write(_line_of(rows, held), os.SEEK_END)

    def resumed_at(self, position: int) -> int:
        """How many rows had been sent to a tracker when it first came to hold so many.

        What it was sent after that is to be sent again, be it that it lost it or that it refused
        it, for its server may have been gone; so nothing is noted of it any more.
        """
        self._partings = [one for one in self._partings if one.held < position]
        with self._guard, contextlib.suppress(OSError):
            if self._file >= 0 and self.order is not None:
                lines = "".join(_line_of(*one) for one in self._partings)
                os.ftruncate(self._file, len(_first_line(0, self.order)) + len(lines))
        last = self._partings[-1] if self._partings else _Parting(0, 0)
        return position + last.rows - last.held

    def close(self) -> None:
        """Let go of the file; nothing is noted from here on."""
        with self._guard:
            self._over = True
            self._let_go()

    def leave(self) -> None:
        """In a forked child: let go of what is the parent's, which goes on holding it."""
        self._over = True
        self._let_go()

    def _read(self) -> None:
        self.rows, self.order, self._partings = 0, None, []
        with contextlib.suppress(OSError, ValueError, TypeError):
            first, *others = self.path.read_text(encoding="utf-8").splitlines()
            rows, order = first.split()
            self.rows, self.order = int(rows), "settled" if order == "settled" else "logged"
            for line in others:
                self._partings.append(_Parting(*map(int, line.split())))

    def _open(self) -> None:
        if self._file < 0:
            self.path.parent.mkdir(exist_ok=True)
            flags = os.O_RDWR | os.O_CREAT | getattr(os, "O_BINARY", 0)
            self._file = os.open(self.path, flags, 0o644)

    def _let_go(self) -> None:
        if self._file >= 0:
            os.close(self._file)
            self._file = -1

    def _write(self, line: str, whence: int) -> None:
        with self._guard:
            if self._over:
                return
            try:
                self._open()
                os.lseek(self._file, 0, whence)
                os.write(self._file, line.encode())
            except OSError as error:  # a full disk is no reason to stop sending
                self._tell(error)

    def _tell(self, error: OSError) -> None:
        if not self._told:
            self._told = True
            log.warning(
                "%s cannot be written: %s; what is sent to %s now is sent again by the next replay",
                self.path, error.strerror or error, self.path.name,
            )  # fmt: skip


def _first_line(rows: int, order: Order) -> str:
    """Always of one length, as it is written over."""
    return f"{rows:>20} {order:>10}\n"


def _line_of(rows: int, held: int) -> str:
    return f"{rows} {held}\n"
