"""Typing what a document shows, in a folder of one's own."""

import contextlib
import os
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from support.cli_process import PAHCL, environment

_HERE = Path(__file__).parent


@contextlib.contextmanager
def quick_pahcl(folder: Path) -> Iterator[Path]:
    """A folder for `PATH` whose `pahcl` begins at once, and does little; see `pahcl_server`."""
    path = folder / "socket"
    program = folder / "pahcl"
    client = f'"{sys.executable}" -S -E "{_HERE}/pahcl_client.py" "{path}" "$@"'
    program.write_text(f"#!/bin/sh\nexec {client}\n")
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    searched = os.pathsep.join([str(_HERE.parent), *filter(None, [os.environ.get("PYTHONPATH")])])
    server = subprocess.Popen(
        [sys.executable, str(_HERE / "pahcl_server.py"), str(path)],
        env=environment(folder) | {"PYTHONPATH": searched},
    )
    try:
        while not path.exists():
            assert server.poll() is None, "it could not begin"
            time.sleep(0.05)
        yield folder
    finally:
        server.kill()
        server.wait()


def typed(folder: Path, text: str, *, programs: Path = PAHCL.parent) -> str:
    """What a block of shell commands prints; each of them has to end well.

    Args:
        folder: Where it is typed.
        text: The block.
        programs: Comes first in `PATH`.
    """
    searched = os.pathsep.join([str(programs), str(PAHCL.parent), os.environ["PATH"]])
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", text],
        cwd=folder,
        env=environment(folder) | {"PATH": searched, "WANDB_MODE": "offline"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=1800,
        check=False,
    )
    assert done.returncode == 0, f"{text}\n{done.stdout}\n{done.stderr}"
    return done.stdout
