"""What lies under a journal: a file that one process alone writes, and an end that may be torn."""

import contextlib
import json
import os
import sys
from pathlib import Path

if sys.platform == "win32":
    import msvcrt
else:
    import fcntl

_BLOCK = 65_536


def is_being_written(path: Path) -> bool:
    """Whether a process that lives has this journal open to write it."""
    try:
        file = os.open(path, os.O_RDONLY | getattr(os, "O_BINARY", 0))
    except OSError:
        return False
    try:
        return not lock_file(file)
    finally:
        os.close(file)


def lock_file(file: int) -> bool:
    """Keep other processes out; the lock goes with the process, however it ends."""
    try:
        if sys.platform == "win32":
            # A byte far behind the content, because locked bytes cannot be read there.
            os.lseek(file, 1 << 40, os.SEEK_SET)
            msvcrt.locking(file, msvcrt.LK_NBLCK, 1)
        else:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def mend_end(file: int) -> None:
    """Cut off a last line that is not whole: whoever wrote it was killed."""
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
        return
    with contextlib.suppress(ValueError, OSError):
        json.loads(piece.decode())
        os.write(file, b"\n")  # that was all it lacked
        return
    os.ftruncate(file, end)
