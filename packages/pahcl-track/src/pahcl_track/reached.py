"""How far a tracker has come with a run, seen from another thread than the one that sends."""

from typing import NamedTuple


class Counts(NamedTuple):
    """What became of a session's rows and files."""

    sent: int
    """The tracker took them."""

    failed: int
    """It refused them."""

    undelivered: int
    """It was not given them."""


class Reached(NamedTuple):
    """How far it is.

    The worker replaces it as a whole, so that whoever looks from another thread sees one moment, in
    which no row is counted twice, and none is forgotten.
    """

    next: int
    """Number of the event that comes next."""

    sent: int = 0
    failed: int = 0
    skipped: int = 0
    """Rows and files that the tracker was not given, though their turn came."""

    def after(self, number: int, *, due: bool, taken: bool | None) -> "Reached":
        """Once the event of that number is done with.

        Args:
            number: Its number.
            due: Whether the tracker was to be given it.
            taken: Whether it took it or refused it; None where it was not given it.
        """
        return Reached(
            next=number + 1,
            sent=self.sent + (taken is True),
            failed=self.failed + (taken is False),
            skipped=self.skipped + (due and taken is None),
        )

    def passed_over(self, rows: int, *, next: int) -> "Reached":
        """Once it turned out that so many are nowhere to be found."""
        return self._replace(next=next, skipped=self.skipped + rows)
