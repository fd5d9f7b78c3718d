"""Whether two folders hold the same."""

import hashlib
from pathlib import Path


def digest(folder: Path) -> str:
    """Of the names and the bytes of every file."""
    total = hashlib.sha256()
    for path in sorted(folder.rglob("*")):
        total.update(path.relative_to(folder).as_posix().encode())
        total.update(path.read_bytes() if path.is_file() else b"")
    return total.hexdigest()
