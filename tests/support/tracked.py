"""What tests of a tracked run ask it."""

from pahcl_track.account import Account
from pahcl_track.session import Session

LONG = 3600.0
"""Seconds that nothing takes."""

RUN_LINE = (
    '{"n":0,"t":1.0,"run":{"name":"quiet","directory":"/elsewhere","tags":["a"],"id":"x1"}}\n'
)
"""A journal's first."""


def logged(session, steps):
    """Log one float at each of these steps."""
    for step in steps:
        session.log({"a": float(step)}, step=step)


def account_of(session: Session, name: str = "mine") -> Account:
    """What became of the run with one of its trackers."""
    return next(account for account in session.accounts() if account.tracker == name)


def counts(session: Session, name: str = "mine") -> tuple[int, int, int]:
    """Sent, failed, not delivered."""
    account = account_of(session, name)
    return account.sent, account.failed, account.not_delivered


def row(step, **values):
    """Content of a line of a journal."""
    return {"step": step, "values": values}
