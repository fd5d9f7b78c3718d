"""Runs `pahcl` hundreds of times: each in a process that is forked after all has been imported.

Linux and macOS only. What it comes to is what a person would see: the exit code, and what was said.
"""

import atexit
import contextlib
import importlib
import os
import shutil
import sys
import tempfile
import threading
import traceback
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from _checks import Check

os.environ.setdefault("OMP_NUM_THREADS", "1")  # a fork takes no thread along

_FAILED = 120
"""The exit code of a command that ended otherwise than the command line lets it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Ended:
    """How a command ended."""

    code: int
    """Negative for a signal, as `subprocess` has it."""

    said: str
    """On standard error."""

    @property
    def errors(self) -> list[str]:
        """The lines that say what is wrong."""
        return [line for line in self.said.splitlines() if line.startswith("error: ")]


@contextlib.contextmanager
def scratch_folder() -> Iterator[Path]:
    """A folder until the end; not that of `tempfile`, which each child would remove as it ends."""
    folder = Path(tempfile.mkdtemp())
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)  # a disk may still be mounted in it


def import_all() -> None:
    """Import what the commands import."""
    for name in ("pahcl_cli.main", "pahcl_core.data.store", "pahcl_core.studies.batch",
                 "pahcl_core.training.pretrain"):  # fmt: skip
        importlib.import_module(name)


def pahcl(
    arguments: Sequence[str | Path], folder: Path, *, before: Callable[[], object] | None = None
) -> Ended:
    """Run a command in a folder, with nobody at the keyboard.

    Args:
        arguments: Those of `pahcl`.
        folder: The current one of the process.
        before: Called in the process before the command.
    """
    from pahcl_cli.main import main

    def command() -> None:
        if before is not None:
            before()
        sys.argv = ["pahcl", *map(str, arguments)]
        main()

    return forked(command, folder)


def forked(command: Callable[[], object], folder: Path) -> Ended:
    """Call a function in a process of its own."""
    with tempfile.TemporaryFile("w+", errors="replace") as said:
        child = os.fork()
        if child == 0:
            _become(command, folder, said.fileno())
        _, status = os.waitpid(child, 0)
        said.seek(0)
        return Ended(code=os.waitstatus_to_exitcode(status), said=said.read())


def _become(command: Callable[[], object], folder: Path, said: int) -> None:
    """In the child; does not return."""
    code = _FAILED
    try:
        os.chdir(folder)
        null = os.open(os.devnull, os.O_RDWR)
        os.dup2(null, 0)
        os.dup2(null, 1)
        os.dup2(said, 2)
        code = _exit_code(command)
        threading._shutdown()  # as the interpreter ends: threads and their pools first
        atexit._run_exitfuncs()
        sys.stderr.flush()
    finally:
        os._exit(code)


def _exit_code(command: Callable[[], object]) -> int:
    try:
        command()
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException:  # noqa: BLE001  what the interpreter would print
        traceback.print_exc()
        return _FAILED
    return 0


def fault_checks(faults: Sequence[tuple[str, str]], kinds: Sequence[str]) -> list[Check]:
    """How often each kind of fault was found, which it should not have been."""
    return [Check(name=one, value=sum(kind == one for kind, _ in faults), most=0) for one in kinds]


def lines_of(faults: Sequence[tuple[str, str]], most: int = 20) -> Iterator[str]:
    """The first faults, a line each."""
    yield from (f"{where}: {what}" for where, what in faults[:most])
