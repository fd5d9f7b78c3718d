"""A disk that is full at each page in turn: the command says what to do, and loses nothing.

    python benchmarks/disk_full.py [--json] [--every PAGES] [--only COMMAND] ...

Preparing, pretraining, fine-tuning and a batch run on disks of 1, 2, 3, … pages (4 KiB), up to one
that holds all they write, so that each write is once the first that fails. Each is to end with one
line that says to make room, and no traceback. Then there is room, what the line says is done, and
what is left is compared with what one has left that had room from the beginning: to the byte, and
of the journal each value. At last the disk is one that cannot be written to at all.

Disks are file systems in memory (tmpfs), mounted in a namespace of its own; Linux only.
"""

import argparse
import sys
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from _checks import Check, format_table, report
from _forked import Ended, fault_checks, import_all, lines_of, pahcl, scratch_folder
from _small_disk import SmallDisk, may_mount
from _small_runs import GOING_ON, OUT, Command, commands, differing, gone_on_with

_LARGE = 100_000
FAULTS = (
    "not one line on what to do",
    *GOING_ON,
    "wrote to a read-only disk's folder, or said nothing of it",
)


@dataclass(kw_only=True, slots=True)
class Found:
    """What all trials came to."""

    full: Counter[str] = field(default_factory=Counter)
    """Disks that were too small, by command."""

    enough: Counter[str] = field(default_factory=Counter)
    faults: list[tuple[str, str]] = field(default_factory=list)
    """Which of `FAULTS`, and a line on it."""


def main() -> int:
    """Fill disks, and compare."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--json", action="store_true", help="print the counts as JSON")
    parser.add_argument("--every", type=int, default=1, help="disks are so many pages apart (1)")
    parser.add_argument("--only", action="append", default=[], help="a command; repeatable")
    options = parser.parse_args()
    if not may_mount():
        return report([], as_json=options.json, details={"skipped": "cannot mount a disk here"})
    import_all()
    found = Found()
    with scratch_folder() as folder:
        for command, how in commands(folder).items():
            if command in (options.only or [command]):
                _all_sizes(command, how, folder, options.every, found)
    checks = [Check(name="disks that were full", value=found.full.total(), least=1)]
    checks += fault_checks(found.faults, FAULTS)
    rows = [[name, str(found.full[name]), str(found.enough[name])] for name in found.full]
    lines = [format_table(["command", "full disks", "large enough"], rows), *lines_of(found.faults)]
    details = {"full": found.full, "faults": found.faults}
    return report(checks, as_json=options.json, table="\n".join(lines), details=details)


def _all_sizes(name: str, command: Command, folder: Path, every: int, found: Found) -> None:
    large = SmallDisk(folder / OUT, _LARGE)
    alone = pahcl(command.arguments, folder)
    if alone.code != 0:
        raise RuntimeError(f"{name}, undisturbed, ended with {alone.code}: {alone.said}")
    wanted, pages = command.left(folder / OUT), 1
    large.remove()
    while found.enough[name] == 0:
        disk = SmallDisk(folder / OUT, pages)
        _one_size(f"{name}, {pages} pages", command, disk, wanted, found)
        disk.remove()
        pages += every
    _read_only(name, command, folder, found)


def _one_size(
    where: str, command: Command, disk: SmallDisk, wanted: dict[str, object], found: Found
) -> None:
    name = where.partition(",")[0]
    ended = pahcl(command.arguments, disk.folder.parent, before=_no_estimate)
    if ended.code == 0:
        found.enough[name] += 1
        if other := differing(command.left(disk.folder), wanted):
            found.faults.append((FAULTS[2], f"{where}: {other}"))
        return
    found.full[name] += 1
    if not _says_what_to_do(ended, "make room"):
        found.faults.append((FAULTS[0], f"{where}: {ended.code}: {ended.said[-600:]}"))
    disk.resize(_LARGE)
    if fault := gone_on_with(command, ended, disk.folder.parent, wanted):
        found.faults.append((fault[0], f"{where}: {fault[1]}"))


def _read_only(name: str, command: Command, folder: Path, found: Found) -> None:
    """Nothing can be written, and nothing is tried for long."""
    disk = SmallDisk(folder / OUT, _LARGE)
    disk.read_only()
    ended = pahcl(command.arguments, folder)
    if not _says_what_to_do(ended, "Read-only file system"):
        found.faults.append((FAULTS[3], f"{name}: {ended.code}: {ended.said[-600:]}"))
    disk.remove()


def _says_what_to_do(ended: Ended, words: str) -> bool:
    """In the last line, once, and without a traceback."""
    lines = ended.said.splitlines()
    told = [line for line in ended.errors if words in line]
    return (
        ended.code in (1, 2) and len(told) == 1 and lines[-1] == told[0]
        and "Traceback" not in ended.said
    )  # fmt: skip


def _no_estimate() -> None:
    """Have preparing believe that there is room: others may take it meanwhile."""
    import shutil
    from collections import namedtuple

    usage = namedtuple("usage", "total used free")
    plenty: Callable[[object], object] = lambda path: usage(1 << 40, 0, 1 << 40)  # noqa: E731
    shutil.disk_usage = plenty  # type: ignore[assignment]


if __name__ == "__main__":
    sys.exit(main())
