"""What lies under a journal: a file that one process alone writes, and an end that may be torn."""

import contextlib
import errno
import json
import os
import sys
import time
from pathlib import Path

if sys.platform == "win32":
    import msvcrt
else:
    import fcntl

LOCK_PATIENCE_S = 0.5
"""How long a lock is tried for: whoever asks whether a file is being written has it meanwhile."""

_HELD = {errno.EWOULDBLOCK, errno.EAGAIN, errno.EACCES}
"""What a lock fails with when another has it; all else is a file system that cannot lock."""

_PIECE_S = 0.01
_BLOCK = 65_536


def is_being_written(path: Path) -> bool:
    """Whether a process that lives has this file, a journal or a run's log, open to write it.

    Where the file system cannot lock, nobody can tell, and the answer is no.
    """
    file = _opened(path)
    if file is None:
        return False
    try:
        return not lock_file(file, patience_s=0.0)
    finally:
        os.close(file)


def lock_file(file: int, *, patience_s: float = LOCK_PATIENCE_S) -> bool:
    """Keep other processes out; the lock goes with the process, however it ends.

    Some file systems have no locks: a network's without a lock service, for instance. There
    nobody is kept out, and that is no reason to do without the file.

    Returns:
        False if another process has the lock, and did not let go of it within that time.
    """
    deadline = time.monotonic() + patience_s
    while not _take_lock(file):
        if time.monotonic() >= deadline:
            return False
        time.sleep(_PIECE_S)
    return True


def mend_end(file: int) -> bool:
    """Cut off a last line that is not whole: whoever wrote it was killed.

    Returns:
        False if the last line is whole, but for a line break that there is no room for.
    """
    end = os.fstat(file).st_size
    piece = b""
    while end > 0 and b"\n" not in piece:
        begin = max(0, end - _BLOCK)
        os.lseek(file, begin, os.SEEK_SET)
        piece = os.read(file, end - begin) + piece
        end = begin
    end += piece.rfind(b"\n") + 1
    piece = piece[piece.rfind(b"\n") + 1 :]
    if not piece:
        return True
    if not is_whole(piece):
        os.ftruncate(file, end)
        return True
    with contextlib.suppress(OSError):
        return os.write(file, b"\n") == 1
    return False


def is_whole(line: bytes) -> bool:
    """Whether a line lacks its line break alone, for which there was no room on the disk."""
    try:
        return isinstance(json.loads(line), dict)
    except (ValueError, RecursionError):
        return False


def _opened(path: Path) -> int | None:
    # To write, if it may be: over a network, only such a file can be locked for oneself.
    for access in (os.O_RDWR, os.O_RDONLY):
        with contextlib.suppress(OSError):
            return os.open(path, access | getattr(os, "O_BINARY", 0))
    return None


def _take_lock(file: int) -> bool:
    try:
        if sys.platform == "win32":
            # A byte far behind the content, because locked bytes cannot be read there.
            os.lseek(file, 1 << 40, os.SEEK_SET)
            msvcrt.locking(file, msvcrt.LK_NBLCK, 1)
        else:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        return error.errno not in _HELD
    return True
