"""What a tracker holds of a run: as it says itself, or as it was noted."""

import time
from collections.abc import Callable
from pathlib import Path

from pahcl_track.protocol import Positioned, Tracker
from pahcl_track.sent import Order, Sent

_POLL_S = 0.05


class Held:
    """How many rows a tracker holds; noted as it comes to hold more."""

    def __init__(self, tracker: Tracker, *, journal: Path, name: str) -> None:
        """Begin with what was noted beside the journal under the tracker's name."""
        self._tracker = tracker
        self._note = Sent(journal, name)
        self._counted: int | None = 0  # by the tracker; None where it cannot tell

    @property
    def order(self) -> Order | None:
        """In which it was sent what it holds; None where nothing was noted."""
        return self._note.order

    @property
    def noted(self) -> int:
        """Rows that it was sent, whatever it says itself."""
        return self._note.rows

    def take(self) -> bool:
        """Whether nobody else sends to the tracker; from now on nobody else can."""
        return self._note.hold()

    def wait(self, *, over: Callable[[], bool]) -> bool:
        """Take it when whoever sends to the tracker has done so; False if it is over before."""
        while not over():
            if self.take():
                return True
            time.sleep(_POLL_S)
        return False

    def forget(self) -> None:
        """What was noted is of another run."""
        self._note.forget()

    def rows(self) -> int | None:
        """How many rows it was sent, and holds unless it refused them; to be asked once started.

        None where it is one to tell (`protocol.Positioned`) and cannot tell now. What it raises is
        raised.
        """
        if not isinstance(self._tracker, Positioned):
            return self._note.rows
        self._counted = None
        self._counted = self._tracker.position()
        if self._counted == 0:  # it lost all, or is another of the same name
            self._note.forget()
        return None if self._counted is None else self._note.resumed_at(self._counted)

    def reached(self, rows: int, order: Order, *, taken: bool) -> None:
        """Note that it was sent so many rows, of which it took the last or refused it."""
        before = self._note.order
        self._note.reached(rows, order)
        if self._counted is not None and isinstance(self._tracker, Positioned):
            if not taken:
                self._note.parted(rows, self._counted)
            elif before not in (None, order):  # from here on, the row among them
                self._note.parted(rows - 1, self._counted)
            self._counted += taken

    def close(self) -> None:
        """Let go of the tracker."""
        self._note.close()

    def leave(self) -> None:
        """In a forked child: let go of what is the parent's."""
        self._note.leave()
