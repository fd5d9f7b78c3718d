"""What workers do in tests: functions that another process can import."""

import errno
import os
import signal
import time
from pathlib import Path
from typing import Any

from pahcl_core.errors import DataError, DiskError
from pahcl_core.studies.study import PlannedRun


def tenfold(run: PlannedRun[Any]) -> int:
    """Ten times the seed; those of 2, 3 and 4 fail, each in its own way."""
    seed = run.config.seed
    if seed == 2:
        raise DataError("the disk is full\nand more of it")
    if seed == 3:
        os.kill(os.getpid(), signal.SIGKILL)
    if seed == 4:
        raise KeyError("a mistake")
    return 10 * int(seed)


def full_disk(run: PlannedRun[Any]) -> None:
    """No run has room."""
    raise DiskError("x", OSError(errno.ENOSPC, "No space left"), "go on with --resume x")


def process_and_threads(run: PlannedRun[Any]) -> tuple[int, str]:
    """Who does it, and on how many threads."""
    return os.getpid(), os.environ["OMP_NUM_THREADS"]


def waiting(run: PlannedRun[Any]) -> None:
    """Says that it has begun, and how it ended."""
    folder = Path(run.config.output_dir)
    (folder / f"{run.config.seed}.begun").write_text(str(os.getpid()))
    try:
        time.sleep(60)
    except KeyboardInterrupt:
        (folder / f"{run.config.seed}.interrupted").write_text("")
        raise
