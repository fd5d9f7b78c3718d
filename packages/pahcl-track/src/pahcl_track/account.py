"""What became of a run with each tracker, said at its end."""

import logging
import shlex
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from pahcl_track.delivery import Delivery
from pahcl_track.redaction import without_secrets

log = logging.getLogger(__name__)
log.addFilter(without_secrets)


@dataclass(frozen=True, kw_only=True, slots=True)
class Account:
    """What became of a run's rows and files with one tracker."""

    tracker: str
    sent: int
    failed: int
    not_delivered: int
    refusal: str | None = None
    """Why it did not start, if it did not."""

    no_end: bool = False
    """Whether it failed at the run's end or did not come to it: what it was sent may be missing."""

    def __str__(self) -> str:
        """One line."""
        if self.refusal is not None:
            return f"{self.tracker}: did not start, {self.not_delivered} not delivered"
        end = ", no end" if self.no_end and not self.not_delivered else ""
        return (
            f"{self.tracker}: {self.sent} sent, {self.failed} failed, "
            f"{self.not_delivered} not delivered{end}"
        )

    @property
    def complete(self) -> bool:
        """Whether the tracker has everything."""
        return not (self.refusal or self.failed or self.not_delivered or self.no_end)


def account_of(delivery: Delivery) -> Account:
    """How it stands at this moment."""
    counts = delivery.counts()
    return Account(
        tracker=delivery.name,
        sent=counts.sent,
        failed=counts.failed,
        not_delivered=counts.undelivered,
        refusal=delivery.refusal,
        no_end=delivery.no_end,
    )


def tell(accounts: Iterable[Account], directory: Path | None) -> None:
    """Log a line for each tracker, with the command that sends it what it was not given.

    Args:
        accounts: Of all trackers.
        directory: Where the journal lies that has it; None if there is none.
    """
    for account in accounts:
        remedy = ""
        lacks = account.not_delivered or account.no_end  # what it refused stays refused
        if lacks and directory is not None:
            run = shlex.quote(str(directory))
            remedy = f"; to send it: pahcl track replay {run} --tracker {account.tracker}"
        # A refusal was told at the start.
        level = logging.INFO if account.complete or account.refusal else logging.WARNING
        log.log(level, "%s%s", account, remedy)
