"""What a user can mend, as exceptions: the command line prints them as one line, without traceback.

All are `ValueError`, so a caller of the library may catch them the common way.
"""

import difflib
import errno
from collections.abc import Iterable

NO_ROOM = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
"""What the operating system says of a full disk."""

_NO_LEAVE = {errno.EROFS, errno.EACCES, errno.EPERM, errno.EIO}


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


def disk_trouble(error: OSError, *, then: str) -> str | None:
    """What a person can do about a disk that is full or not to be written to.

    Args:
        error: What the operating system said.
        then: What to do when that is mended, as "run the same again".

    Returns:
        In words, to follow the name of what could not be written; None for any other error.
    """
    if error.errno in NO_ROOM:
        return f"{error.strerror}: make room, and {then}"
    if error.errno in _NO_LEAVE:
        return f"{error.strerror}: see to that, and {then}"
    return None
