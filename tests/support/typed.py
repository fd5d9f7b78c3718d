"""Typing what a document shows, in a folder of one's own."""

import contextlib
import os
import stat
import subprocess
from collections.abc import Iterator
from pathlib import Path

from support.cli_process import PAHCL, environment
from support.forked import serving


@contextlib.contextmanager
def quick_pahcl(folder: Path, *, small: bool = True) -> Iterator[Path]:
    """A folder for `PATH` whose `pahcl` begins at once.

    Args:
        folder: It, empty.
        small: Whether what is typed is made small; see `small_commands`.
    """
    program = folder / "pahcl"
    with serving(folder / "socket", small=small) as asking:
        quoted = " ".join(f'"{part}"' for part in asking)
        program.write_text(f'#!/bin/sh\nexec {quoted} "$@"\n')
        program.chmod(program.stat().st_mode | stat.S_IXUSR)
        yield folder


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
