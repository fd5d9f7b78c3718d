"""What benchmarks that kill processes share: what of a killed process is still there."""

import os
import time
from contextlib import suppress
from pathlib import Path

_MARK = f"PAHCL_KILLS={os.getpid()}"  # in the environment of every process begun from here
_GRACE_S = 20.0  # for workers to notice that nobody waits for them


def mark_children() -> None:
    """Have every process that is begun from now on be known to `orphans`, and theirs, too."""
    os.environ.update([_MARK.split("=")])


def orphans() -> int:
    """Marked processes that are still there after some grace; Linux only."""
    until = time.monotonic() + _GRACE_S
    own = str(os.getpid())
    while True:
        found = 0
        for one in Path("/proc").glob("[0-9]*/environ"):
            with suppress(OSError):
                found += one.parent.name != own and _MARK.encode() in one.read_bytes()
        if not found or time.monotonic() > until:
            return found
        time.sleep(0.5)
