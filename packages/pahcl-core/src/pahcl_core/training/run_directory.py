"""A run's directory: made so that nothing computed earlier is ever overwritten."""

import contextlib
import json
import logging
import os
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import IO, Any

from pahcl_core.errors import DataError, DiskError, SettingError, disk_trouble, unwritable
from pahcl_core.training.interruption import told_how_to_go_on
from pahcl_track.journal_file import is_being_written, lock_file

log = logging.getLogger(__name__)

LOG = "train.log"
CONFIG = "config.toml"
BEST = "best_model.pt"
STUDY = "study.toml"
"""The settings that the runs of a study, in folders below, have in common."""

SWEEP = "sweep.json"
"""What a sweep came to, whose trials are in folders below."""

METRICS = "final_metrics.json"
PREDICTIONS = "predictions.csv"
INSTANCES = "instances.csv"
"""The cycles that predictions rest on."""

SPLIT = "splits.json"
REPORT = "report.html"
"""A page that says what the run came to; made at its end, or later by `pahcl report`."""

STATE = "resume.pt"
"""Where a training stands; there until all else of the run is."""

_LOGGERS = ("pahcl_core", "pahcl_track")
_AGAIN = "run the same again"


@contextlib.contextmanager
def resumed_directory(path: Path) -> Iterator[Path]:
    """Hold the directory of a run that is gone on with; its log is gone on with, too.

    What a process that was killed has left half written is removed.

    Raises:
        SettingError: If another process is writing a run there, or it cannot be written to.
        DataError: If the disk is full before the end.
    """
    try:
        stream = (path / LOG).open("a", encoding="utf-8", newline="\n")
    except OSError as error:
        raise _unwritable(path, error) from error
    with _closing(stream):
        if not lock_file(stream.fileno()):
            raise _in_use(path)
        _remove_scratch(path)
        with _explained(path, then=lambda: _AGAIN), _logged_to(stream):
            yield path


@contextlib.contextmanager
def run_directory(path: Path, *, resumable: bool = False) -> Iterator[Path]:
    """Hold a fresh directory for one run, with everything that is logged going to its `train.log`.

    An earlier run's directory of that name is kept beside it, as `<name>.1` and so on. A run that a
    user ends before it has begun, by a mistake or by Ctrl-C, leaves nothing behind, and the
    earlier one in place.

    Args:
        path: Made, with its parents.
        resumable: Whether a run that has begun there can be gone on with.

    Raises:
        SettingError: If another process is writing a run there, or it cannot be made.
        DataError: If the disk is full before the end; says how to go on.
    """
    first_of_all = not path.parent.exists()
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        kept = _set_aside(path)
        path.mkdir()
        stream = (path / LOG).open("a", encoding="utf-8", newline="\n")
    except OSError as error:
        raise _unwritable(path, error) from error
    if not lock_file(stream.fileno()):  # someone was quicker, in between: it is theirs now
        stream.close()
        raise _in_use(path)

    def then() -> str:
        return f"go on with --resume {path}" if resumable and not _has_not_begun(path) else _AGAIN

    try:
        with _closing(stream), _explained(path, then=then), _logged_to(stream):
            yield path
    except (DataError, SettingError, KeyboardInterrupt):
        if _has_not_begun(path):
            _undo(path, kept)
            kept = None
            if first_of_all:
                with contextlib.suppress(OSError):  # others may have runs in there by now
                    path.parent.rmdir()
        raise
    finally:
        if kept is not None:
            log.warning("%s: an earlier run was kept as %s", path, kept.name)


@contextlib.contextmanager
def _closing(stream: IO[str]) -> Iterator[None]:
    """Let go of a log; on a full disk it lacks its last lines, and that is all."""
    try:
        yield
    finally:
        with contextlib.suppress(OSError):
            stream.close()


@contextlib.contextmanager
def _explained(path: Path, *, then: Callable[[], str]) -> Iterator[None]:
    """Says what to do about a disk that gives up, or an interruption; what was written stays."""
    try:
        with told_how_to_go_on(then):
            yield
    except OSError as error:
        if disk_trouble(error, then="") is None:
            raise
        raise DiskError(str(path), error, then()) from error


def _unwritable(path: Path, error: OSError) -> DataError | SettingError:
    return unwritable(str(path), error, then=_AGAIN, what="cannot write a run here")


class _LogHandler(logging.StreamHandler[IO[str]]):
    """Writes to a run's log; what a full disk does not take comes with the next line it takes."""

    def handleError(self, record: logging.LogRecord) -> None:
        """Do without."""


@contextlib.contextmanager
def _logged_to(stream: IO[str]) -> Iterator[None]:
    handler = _LogHandler(stream)
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    levels = {name: logging.getLogger(name).level for name in _LOGGERS}
    for name in _LOGGERS:
        logging.getLogger(name).addHandler(handler)
        logging.getLogger(name).setLevel(logging.INFO)
    try:
        yield
    finally:
        for name, level in levels.items():
            logging.getLogger(name).removeHandler(handler)
            logging.getLogger(name).setLevel(level)


def _remove_scratch(path: Path) -> None:
    """Files that `write_atomically` and `write_toml` had begun; their writer is no more."""
    for scratch in path.glob(".*.tmp"):
        scratch.unlink(missing_ok=True)


def _set_aside(path: Path) -> Path | None:
    """Make room; returns where an earlier run is kept, if there was one."""
    if not path.exists():
        return None
    earlier = path / LOG
    if earlier.exists():
        with earlier.open("a", encoding="utf-8", newline="\n") as stream:
            if not lock_file(stream.fileno()):
                raise _in_use(path)
    elif path.is_dir() and not any(path.iterdir()):
        path.rmdir()
        return None
    number = 1
    while (kept := path.with_name(f"{path.name}.{number}")).exists():
        number += 1
    path.rename(kept)
    return kept


def _has_not_begun(path: Path) -> bool:
    """Whether there is nothing but what a run writes before it has read its data."""
    return {inside.name for inside in path.iterdir()} <= {LOG, CONFIG}


def _undo(path: Path, kept: Path | None) -> None:
    for name in (LOG, CONFIG):
        (path / name).unlink(missing_ok=True)
    path.rmdir()
    if kept is not None:
        kept.rename(path)


def _in_use(path: Path) -> SettingError:
    return SettingError(
        f"{path}: another run is writing here; give this one another --experiment-name"
    )


def is_complete(directory: Path) -> bool:
    """Whether the run in a directory came to its end."""
    # What says where a training stood is removed at its very end.
    return (directory / METRICS).exists() and not (directory / STATE).exists()


def is_in_use(path: Path) -> bool:
    """Whether a process that lives is writing a run there."""
    return is_being_written(path / LOG)


def write_atomically(path: Path, write: Callable[[Path], None]) -> None:
    """Have `write` make a file beside `path`, then put it in place: complete, or not there."""
    scratch = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        write(scratch)
        with scratch.open("r+b") as stream:  # Windows brings nothing to the disk that is only read
            os.fsync(stream.fileno())
        scratch.replace(path)
    finally:
        scratch.unlink(missing_ok=True)


def write_bytes(path: Path, content: bytes) -> None:
    """Write a file that somebody named: complete, or not there.

    Raises:
        SettingError: If it cannot be written there.
    """
    try:
        write_atomically(path, lambda scratch: _write_bytes(scratch, content))
    except OSError as error:
        raise SettingError(f"{path}: cannot be written: {error.strerror}") from error


def write_json(path: Path, content: Mapping[str, Any]) -> None:
    """Write a JSON object for people and machines: indented, keys in the order given."""
    text = json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False)
    write_text(path, text + "\n")


def write_text(path: Path, text: str) -> None:
    """Write a text: complete, or not there."""
    write_atomically(path, lambda scratch: _write_bytes(scratch, text.encode("utf-8")))


def _write_bytes(path: Path, content: bytes) -> None:
    path.write_bytes(content)
