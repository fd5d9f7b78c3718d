"""Checksum lists as `sha256sum` writes them, and whether a file is what a list says."""

import hashlib
import re
from pathlib import Path, PurePosixPath, PureWindowsPath

from pahcl_core.errors import DataError

_LINE = re.compile(r"(?P<sha256>[0-9A-Fa-f]{64}) [ *](?P<path>.+)")


def read_checksums(path: Path) -> dict[str, str]:
    """The SHA-256 by path, in the order of the list.

    Args:
        path: A list with lines `<sha256>  <relative path>`.

    Raises:
        DataError: If it cannot be read, holds nothing, has a line of another form, names a file
            twice, or names one outside its own folder; the line is named.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{path}: cannot be read as a checksum list: {error}") from error
    checksums: dict[str, str] = {}
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip():
            continue
        match = _LINE.fullmatch(line)
        if match is None:
            raise DataError(
                f"{path}, line {number}: is not '<sha256>  <path>': {line[:60]!r}; delete the "
                f"list, check --url, and download it again"
            )
        file = match["path"].removeprefix("./")
        if not _stays_inside(file):
            raise DataError(
                f"{path}, line {number}: {file!r} leads out of the folder; nothing was fetched"
            )
        if file in checksums:
            raise DataError(f"{path}, line {number}: names {file!r} again")
        checksums[file] = match["sha256"].lower()
    if not checksums:
        raise DataError(f"{path}: names no file; delete it, check --url, and download it again")
    return checksums


def _stays_inside(file: str) -> bool:
    """Whether a path names a file below the folder it is joined to, on any system."""
    parts = file.split("/")
    return (
        not any(part in ("", ".", "..") for part in parts)
        and not PurePosixPath(file).is_absolute()
        and not PureWindowsPath(file).drive
        and "\\" not in file
        and file.isprintable()
    )


def differs(path: Path, sha256: str) -> str:
    """What is wrong with a file's content, or nothing where it is the promised one."""
    with path.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    return "" if found == sha256 else f"its SHA-256 is {found}, not {sha256} as in the list"
