"""What a user can mend, as exceptions: the command line prints them as one line, without traceback.

All are `ValueError`, so a caller of the library may catch them the common way.
"""

import difflib
import errno
from collections.abc import Iterable

_NO_ROOM = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_NO_LEAVE = {errno.EROFS, errno.EACCES, errno.EPERM, errno.EIO}


class DataError(ValueError):
    """A file or a data set that cannot be used; the message says which, why, and what to do."""


class DiskError(DataError):
    """A disk that is full or not to be written to, which other runs would find so as well."""

    def __init__(self, where: str, error: OSError, then: str) -> None:
        """Make one.

        Args:
            where: What could not be written.
            error: What the operating system said.
            then: What to do when that is mended, as for `disk_trouble`.
        """
        super().__init__(where, error, then)  # which goes to other processes

    def __str__(self) -> str:
        """One line."""
        where, error, then = self.args
        return f"{where}: {disk_trouble(error, then=then) or error}"

    def instead(self, then: str) -> "DiskError":
        """The same where something else is to be done."""
        where, error, _ = self.args
        return DiskError(where, error, then)


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


AGAIN = "run the same again"
"""What to do where all that was done is kept."""


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
    if is_full(error):
        return f"{error.strerror}: make room, and {then}"
    if error.errno in _NO_LEAVE:
        return f"{error.strerror}: see to that, and {then}"
    return None


def is_full(error: OSError) -> bool:
    """Whether there was no room."""
    return error.errno in _NO_ROOM


def unwritable(where: str, error: OSError, *, then: str, what: str) -> DataError | SettingError:
    """What to raise where a place cannot be written to.

    Args:
        where: The place.
        error: What the operating system said.
        then: What to do once there is room, where it is full.
        what: What cannot be done there, where it is not, as "cannot write a run here".
    """
    if is_full(error):
        return DiskError(where, error, then)
    return SettingError(f"{where}: {what}: {error.strerror or error}")
