"""Downloading a public collection: room, checksum list, files, and what came of it.

A file has its name only when it is whole and right, so a folder can be downloaded into again: what
is right is left, what is missing or differs is fetched, what was begun is continued.
"""

import fnmatch
import shutil
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any
from urllib.parse import quote, urlsplit

from pahcl_core.data.collection import Problem
from pahcl_core.data.download_checksums import differs, read_checksums
from pahcl_core.data.download_collections import CHECKSUMS, RemoteCollection
from pahcl_core.data.download_file import (
    Check,
    Patience,
    Stopped,
    TransferError,
    fetch,
    part_of,
)
from pahcl_core.data.download_pascal import broken_archive, unpack
from pahcl_core.data.download_report import Downloaded
from pahcl_core.data.preparation import Progress
from pahcl_core.errors import DataError, SettingError

_MOST_CONNECTIONS = 16
_MOST_FAILED = 10  # files; beyond it the server is down, or the address is wrong
_ARCHIVES = "archives"  # folder for what is unpacked; kept, so that it need not come again


@dataclass(frozen=True, slots=True)
class _File:
    """A file to have."""

    path: str
    """Below the directory."""

    url: str
    check: Check


@dataclass(slots=True)
class _Tally:
    """What became of the files so far."""

    fetched: int = 0
    replaced: list[str] = field(default_factory=list)
    failed: list[TransferError] = field(default_factory=list)


def download(
    remote: RemoteCollection,
    directory: Path,
    *,
    url: str | None = None,
    connections: int = 4,
    everything: bool = False,
    patience: Patience | None = None,
    progress: Progress = lambda items, total: items,
) -> Downloaded:
    """Bring a public collection here, or what is missing of it.

    Args:
        remote: Which.
        directory: Where it goes; made if it does not exist. Other files in it are left alone.
        url: Where it is instead of the public address, such as a mirror.
        connections: Files fetched at once, 1 to 16.
        everything: Whether also what nothing here uses.
        patience: With the server.
        progress: Shown the files as they are there.

    Raises:
        SettingError: If the address or the number of connections makes no sense.
        DataError: If there is too little room, the checksum list cannot be used, or files could
            not be had; what was fetched is kept, and the next download goes on from it.
    """
    base = _base(url or remote.url)
    if not 1 <= connections <= _MOST_CONNECTIONS:
        raise SettingError(f"connections must be 1 to {_MOST_CONNECTIONS}, got {connections}")
    patience = patience or Patience()
    _refuse_without_room(directory, remote.num_bytes - _bytes_here(remote, directory))
    stop = threading.Event()
    if remote.archives:
        files, left_out = _archives(remote, directory, base), 0
    else:
        files, left_out = _listed(remote, directory, base, everything, patience, stop)
    tally = _fetch_all(files, directory, connections, patience, stop, progress)
    return Downloaded(
        directory=directory,
        num_files=len(files),
        num_fetched=tally.fetched,
        replaced=tuple(sorted(tally.replaced)),
        left_out=left_out,
        left_out_because=remote.unused_because,
        problems=_after(remote, directory, files),
    )


def _base(url: str) -> str:
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise SettingError(f"--url must begin with https:// or http://, got {url!r}")
    return url.rstrip("/") + "/"


def _bytes_here(remote: RemoteCollection, directory: Path) -> int:
    """What an earlier download left, whole files and parts."""
    paths = [directory / _ARCHIVES / archive.name for archive in remote.archives]
    if not remote.archives and (directory / CHECKSUMS).is_file():
        paths = [directory / file for file in read_checksums(directory / CHECKSUMS)]
    here = [path for whole in paths for path in (whole, part_of(whole)) if path.is_file()]
    return sum(path.stat().st_size for path in here)


def _refuse_without_room(directory: Path, needed: int) -> None:
    existing = next(path for path in (directory, *directory.absolute().parents) if path.exists())
    free = shutil.disk_usage(existing).free
    if free < needed:
        raise DataError(
            f"{directory}: {needed / 1e6:,.0f} MB are needed and {free / 1e6:,.0f} MB are free; "
            "nothing was fetched"
        )


def _archives(remote: RemoteCollection, directory: Path, base: str) -> list[_File]:
    return [
        _File(f"{_ARCHIVES}/{archive.name}", base + quote(archive.name), broken_archive)
        for archive in remote.archives
    ]


def _listed(
    remote: RemoteCollection,
    directory: Path,
    base: str,
    everything: bool,
    patience: Patience,
    stop: threading.Event,
) -> tuple[list[_File], int]:
    """What the checksum list names, and how many of it are left out; the list is fetched once."""
    path = directory / CHECKSUMS
    if not path.is_file():
        fetch(base + CHECKSUMS, path, check=None, patience=patience, stop=stop)
    checksums = read_checksums(path)
    wanted = {
        file: sha256
        for file, sha256 in checksums.items()
        if file != CHECKSUMS
        and (everything or not any(fnmatch.fnmatchcase(file, one) for one in remote.unused))
    }
    files = [
        _File(file, base + quote(file), partial(differs, sha256=sha256))
        for file, sha256 in wanted.items()
    ]
    return files, len(checksums.keys() - {CHECKSUMS}) - len(files)


def _fetch_all(
    files: Sequence[_File],
    directory: Path,
    connections: int,
    patience: Patience,
    stop: threading.Event,
    progress: Progress,
) -> _Tally:
    """Have every file, several at once.

    Raises:
        DataError: If some could not be had, after all others were tried.
    """

    def have(file: _File) -> tuple[bool, bool]:
        """Whether it was fetched, and whether that replaced another."""
        path = directory / file.path
        is_there = path.is_file()
        if is_there and not file.check(path):
            return False, False
        fetch(file.url, path, check=file.check, patience=patience, stop=stop)
        return True, is_there

    tally = _Tally()
    done = _in_threads(have, files, connections, stop)
    try:
        for file, outcome in progress(done, len(files)):
            if isinstance(outcome, TransferError):
                tally.failed.append(outcome)
                if len(tally.failed) >= _MOST_FAILED:
                    break
            elif isinstance(outcome, BaseException):
                raise outcome
            else:
                fetched, replaced = outcome
                tally.fetched += fetched
                tally.replaced += [file.path] if replaced else []
    finally:
        stop.set()
    if tally.failed:
        raise DataError(
            f"{directory}: {len(tally.failed)} of {len(files)} files could not be had; what was "
            f"fetched is kept, the same command goes on from there. The first: {tally.failed[0]}"
        )
    return tally


def _in_threads(
    work: Callable[[_File], Any], files: Sequence[_File], threads: int, stop: threading.Event
) -> Iterator[tuple[_File, Any]]:
    """Each file with what the work gave or raised, as they are done.

    The threads are daemons, which an executor's are not: after Ctrl-C nobody waits for one that
    listens to a silent server.
    """
    waiting: SimpleQueue[_File] = SimpleQueue()
    done: SimpleQueue[tuple[_File, Any]] = SimpleQueue()
    for file in files:
        waiting.put(file)

    def run() -> None:
        while not stop.is_set():
            try:
                file = waiting.get_nowait()
            except Empty:
                return
            try:
                outcome = work(file)
            except Stopped:
                return
            except BaseException as error:  # noqa: BLE001  raised again where it is read
                outcome = error
            done.put((file, outcome))

    for _ in range(min(threads, len(files))):
        threading.Thread(target=run, name="download", daemon=True).start()
    for _ in files:
        yield done.get()


def _after(
    remote: RemoteCollection, directory: Path, files: Sequence[_File]
) -> tuple[Problem, ...]:
    """Unpack what has to be, and say what is not as published."""
    if remote.archives:
        return tuple(
            problem
            for archive in remote.archives
            for problem in unpack(directory / _ARCHIVES / archive.name, archive, directory)
        )
    num_recordings = sum(
        file.path.endswith(".wav") and not file.path.startswith("validation/") for file in files
    )
    if num_recordings == remote.num_recordings:
        return ()
    reason = f"names {num_recordings} recordings, not {remote.num_recordings} as published"
    return (Problem(file=CHECKSUMS, reason=reason),)
