"""What a user can mend, as exceptions: the command line prints them as one line, without traceback.

All are `ValueError`, so a caller of the library may catch them the common way.
"""

import difflib
from collections.abc import Iterable


class DataError(ValueError):
    """A file or a data set that cannot be used; the message says which, why, and what to do."""


class SettingError(ValueError):
    """A setting or an argument that makes no sense; the message says which and what would."""


class TrainingError(ValueError):
    """Training that cannot go on; the message says what happened and what to try."""


class RankLostError(TrainingError):
    """Training that cannot go on because another of its processes is gone."""

    def __init__(self, message: str, *, tells: bool) -> None:
        """Make one.

        Args:
            message: Which is gone, and what to do.
            tells: Whether it falls to this process to say so; one of them is enough.
        """
        super().__init__(message)
        self.tells = tells


def closest(name: str, known: Iterable[str]) -> str:
    """`, did you mean 'epochs'?` for a misspelt name, or nothing where none comes close."""
    matches = difflib.get_close_matches(name, list(known), n=1)
    return f", did you mean {matches[0]!r}?" if matches else ""
