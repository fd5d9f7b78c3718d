"""A run's directory: made so that nothing computed earlier is ever overwritten."""

import contextlib
import json
import logging
import os
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import IO, Any

from pahcl_core.errors import SettingError

if sys.platform != "win32":
    import fcntl

_LOGGERS = ("pahcl_core", "pahcl_track")


@contextlib.contextmanager
def run_directory(path: Path) -> Iterator[Path]:
    """Hold a fresh directory for one run, with everything that is logged going to its `train.log`.

    An earlier run's directory of that name is kept beside it, as `<name>.1` and so on.

    Raises:
        SettingError: If another process is writing a run there, or it cannot be made.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _set_aside(path)
        path.mkdir()
        stream = (path / "train.log").open("a", encoding="utf-8")
    except OSError as error:
        raise SettingError(f"{path}: cannot write a run here: {error.strerror}") from error
    with stream:
        _lock(stream)
        handler = logging.StreamHandler(stream)
        handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
        levels = {name: logging.getLogger(name).level for name in _LOGGERS}
        for name in _LOGGERS:
            logging.getLogger(name).addHandler(handler)
            logging.getLogger(name).setLevel(logging.INFO)
        try:
            yield path
        finally:
            for name, level in levels.items():
                logging.getLogger(name).removeHandler(handler)
                logging.getLogger(name).setLevel(level)


def _set_aside(path: Path) -> None:
    if not path.exists():
        return
    log = path / "train.log"
    if log.exists():
        with log.open("a", encoding="utf-8") as stream:
            if not _lock(stream):
                raise SettingError(
                    f"{path}: another run is writing here; give this one another --experiment-name"
                )
    elif path.is_dir() and not any(path.iterdir()):
        path.rmdir()
        return
    number = 1
    while (kept := path.with_name(f"{path.name}.{number}")).exists():
        number += 1
    path.rename(kept)
    logging.getLogger(__name__).warning("%s: an earlier run was kept as %s", path, kept.name)


def _lock(stream: IO[str]) -> bool:
    """Keep others out of the file's directory; on Windows nobody is kept out."""
    if sys.platform != "win32":
        try:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return False
    return True


def write_atomically(path: Path, write: Callable[[Path], None]) -> None:
    """Have `write` make a file beside `path`, then put it in place: complete, or not there."""
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    os.close(descriptor)
    scratch = Path(name)
    try:
        write(scratch)
        with scratch.open("rb") as stream:
            os.fsync(stream.fileno())
        scratch.replace(path)
    finally:
        scratch.unlink(missing_ok=True)


def write_json(path: Path, content: Mapping[str, Any]) -> None:
    """Write a JSON object for people and machines: indented, keys in the order given."""
    text = json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False)
    write_atomically(path, lambda scratch: _write_text(scratch, text + "\n"))


def _write_text(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8")
