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

    def __str__(self) -> str:
        """One line."""
        if self.refusal is not None:
            return f"{self.tracker}: did not start, {self.not_delivered} not delivered"
        return (
            f"{self.tracker}: {self.sent} sent, {self.failed} failed, "
            f"{self.not_delivered} not delivered"
        )


def account_of(delivery: Delivery) -> Account:
    """How it stands at this moment."""
    return Account(
        tracker=delivery.name,
        sent=delivery.sent,
        failed=delivery.failed,
        not_delivered=delivery.undelivered,
        refusal=delivery.refusal,
    )


def tell(accounts: Iterable[Account], directory: Path | None) -> None:
    """Log a line for each tracker, with the command that sends it what it was not given.

    Args:
        accounts: Of all trackers.
        directory: Where the journal lies that has it; None if there is none.
    """
    for account in accounts:
        complete = account.refusal is None and not account.failed + account.not_delivered
        remedy = ""
        if account.not_delivered and directory is not None:  # what it refused stays refused
            run = shlex.quote(str(directory))
            remedy = f"; to send it: pahcl track replay {run} --tracker {account.tracker}"
        # A refusal was told at the start.
        level = logging.INFO if complete or account.refusal else logging.WARNING
        log.log(level, "%s%s", account, remedy)
