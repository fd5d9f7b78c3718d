"""`pahcl` forked from a process that has its imports behind it: seconds less for each command.

What a command does is the same; what is about how it begins needs `cli_process`, which is also what
runs it where forking a process with threads is not safe, or not known.
"""

import atexit
import contextlib
import functools
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from support import cli_process
from support.cli_process import environment

_HERE = Path(__file__).parent


def run(
    folder: Path,
    *arguments: str | Path,
    env: dict[str, str] | None = None,
    timeout_s: float = 120.0,
) -> subprocess.CompletedProcess[str]:
    """`pahcl` in a folder, to its end, with nobody at the keyboard."""
    program = _asking() if sys.platform == "linux" else None
    return cli_process.run(folder, *arguments, env=env, timeout_s=timeout_s, program=program)


@contextlib.contextmanager
def serving(path: Path, *, small: bool = False) -> Iterator[list[str]]:
    """The command line that `pahcl`'s arguments are to follow.

    Args:
        path: Of the socket to make.
        small: Whether what is typed is made small; see `small_commands`.
    """
    searched = os.pathsep.join([str(_HERE.parent), *filter(None, [os.environ.get("PYTHONPATH")])])
    server = subprocess.Popen(
        [sys.executable, str(_HERE / "pahcl_server.py"), str(path), *(["small"] * small)],
        env=environment(path.parent) | {"PYTHONPATH": searched},
    )
    try:
        while not path.exists():
            assert server.poll() is None, "it could not begin"
            time.sleep(0.05)
        yield [sys.executable, "-S", "-E", str(_HERE / "pahcl_client.py"), str(path)]
    finally:
        server.kill()
        server.wait()


@functools.cache
def _asking() -> list[str]:
    """One server for all tests of this process."""
    stack = contextlib.ExitStack()
    atexit.register(stack.close)
    folder = stack.enter_context(tempfile.TemporaryDirectory())
    return stack.enter_context(serving(Path(folder) / "socket"))
