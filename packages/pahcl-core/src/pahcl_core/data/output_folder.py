"""A folder that results go to."""

from pathlib import Path

from pahcl_core.errors import AGAIN, unwritable


def make_folder(directory: Path) -> None:
    """Make a folder and those above it, if it is not there.

    Raises:
        SettingError: If it cannot be made.
        DiskError: If the disk is full.
    """
    try:
        directory.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise unwritable(str(directory), error, then=AGAIN, what="cannot write here") from error
