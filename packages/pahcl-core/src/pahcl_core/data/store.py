"""The store of prepared recordings: made once, then opened in an instant and mapped into memory.

    STORE/circor-0123456789abcdef/   a collection: NumPy arrays and index.json
    STORE/parts/fedcba9876543210/    what is prepared of collections that are not complete yet

Every name is a hash of content and settings (`store_key`), so nothing stale is ever found. A
collection appears under its name when it is complete, in one step; whoever is interrupted finds
the recordings prepared so far among the parts. Several processes may prepare at once.
"""

import os
import random
import re
import shutil
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

import joblib

from pahcl_core.data.collection import Collection, Recording
from pahcl_core.data.kept_memory import keep_memory
from pahcl_core.data.orphans import end_with
from pahcl_core.data.preparation import Progress, SignalConfig, prepare_recordings
from pahcl_core.data.store_key import recording_key, recording_stamp, settings_key
from pahcl_core.data.store_merge import Entry, Prepared, collection_key, merge, open_collection
from pahcl_core.data.store_parts import Parts
from pahcl_core.errors import DataError, DiskError, SettingError, is_full

_READERS = 8  # threads that read files to hash them: they wait for the disk, not for a core
_READ_AT_ONCE = 16  # recordings by one of them, since to hand one over takes time, too
_TOGETHER, _TOGETHER_S = 8, 200.0  # recordings, and seconds of their sound, see prepare_recordings
_WORTH_PROCESSES_S = 1200.0  # of sound; workers need two seconds to get ready
_ROUNDS = 3  # a part that was found damaged or was taken away is made again


@dataclass(frozen=True, kw_only=True, slots=True)
class Shard:
    """One of several equal shares of a collection's recordings."""

    number: int
    """From 1 to `count`."""

    count: int

    def __post_init__(self) -> None:
        if not 1 <= self.number <= self.count:
            raise SettingError(
                f"shard {self.number}/{self.count}: the first number must lie between 1 and the "
                "second"
            )

    def of(self, recordings: Sequence[Recording]) -> Sequence[Recording]:
        """Its share."""
        return recordings[self.number - 1 :: self.count]


def shard_named(name: str) -> Shard:
    """The shard that `2/8` stands for, the second of eight.

    Raises:
        SettingError: If it is not of that form, or there is no such shard.
    """
    match = re.fullmatch(r"(\d+)/(\d+)", name.strip())
    if match is None:
        raise SettingError(f"shard {name!r}: not of the form 2/8, the second of eight")
    return Shard(number=int(match[1]), count=int(match[2]))


def prepare(
    collection: Collection,
    config: SignalConfig,
    *,
    store: Path,
    num_workers: int = 1,
    progress: Progress = lambda items, total: items,
) -> Prepared:
    """All cycles of a collection, from the store; what is not there is prepared first.

    Args:
        collection: What to prepare.
        config: How.
        store: Folder of the store; made if it is not there.
        num_workers: Processes; 0 for one per core. The result does not depend on it.
        progress: Shown the recordings as they are prepared.

    Raises:
        DataError: If not one recording can be used, or the disk is full.
        SettingError: If the store cannot be written to.
    """
    with _explained(store):
        entries = _entries(collection)
        return _completed(collection, entries, config, store, num_workers, progress)


def prepare_shard(
    collection: Collection,
    config: SignalConfig,
    shard: Shard,
    *,
    store: Path,
    num_workers: int = 1,
    progress: Progress = lambda items, total: items,
) -> int:
    """Prepare one share of a collection; `prepare` or `merge_shards` puts the shares together.

    Returns:
        How many recordings the share has.

    Raises:
        DataError: If the disk is full.
        SettingError: If the store cannot be written to.
    """
    with _explained(store):
        entries = _entries(collection, shard.of(collection.recordings))
        _prepare_missing(_parts(store, config), entries, config, num_workers, progress)
    return len(entries)


def merge_shards(collection: Collection, config: SignalConfig, *, store: Path) -> Prepared:
    """`prepare`, but refuses if anything is left to be prepared.

    Raises:
        DataError: If a recording is missing, with how many and the first; and as `prepare`.
        SettingError: If the store cannot be written to.
    """
    with _explained(store):
        entries = _entries(collection)
        key = collection_key(collection, entries, settings_key(config))
        if not (store / key).exists():
            parts = _parts(store, config)
            lacking = [one.recording.recording_id for one in entries if one.key not in parts]
            if lacking:
                raise DataError(
                    f"{store}: {len(lacking)} of {len(entries)} recordings of {collection.root} "
                    f"are not prepared with these settings, {lacking[0]} the first: has every "
                    "shard ended, and read the same files?"
                )
        return _completed(collection, entries, config, store, 1, lambda items, total: items)


def _completed(
    collection: Collection,
    entries: Sequence[Entry],
    config: SignalConfig,
    store: Path,
    num_workers: int,
    progress: Progress,
) -> Prepared:
    """The collection from the store, where it is put together first if it is not there."""
    key = collection_key(collection, entries, settings_key(config))
    for _ in range(_ROUNDS):
        if not (store / key).exists():
            parts = _parts(store, config)
            _prepare_missing(parts, entries, config, num_workers, progress)
            merge(collection, entries, parts, store=store, key=key, config=config)
        found = open_collection(store / key, collection)
        if found is not None:
            return found
    raise DataError(
        f"{store}: recordings vanish from it as they are prepared; is it being emptied?"
    )


def _entries(
    collection: Collection, recordings: Sequence[Recording] | None = None
) -> tuple[Entry, ...]:
    chosen = collection.recordings if recordings is None else recordings
    keep_memory()
    some = [chosen[first : first + _READ_AT_ONCE] for first in range(0, len(chosen), _READ_AT_ONCE)]
    with ThreadPoolExecutor(_READERS) as pool:
        return tuple(chain.from_iterable(pool.map(_entered, some)))


def _entered(recordings: Sequence[Recording]) -> list[Entry]:
    entries = []
    for recording in recordings:
        stamp = recording_stamp(recording)  # first: a change from here on is noticed
        entries.append(Entry(recording=recording, key=recording_key(recording), stamp=stamp))
    return entries


def _parts(store: Path, config: SignalConfig) -> Parts:
    return Parts(store / "parts" / settings_key(config))


def _prepare_missing(
    parts: Parts,
    entries: Sequence[Entry],
    config: SignalConfig,
    num_workers: int,
    progress: Progress,
) -> None:
    by_content = {entry.key: entry for entry in reversed(entries)}
    todo = [entry for entry in entries if by_content[entry.key] is entry and entry.key not in parts]
    if not todo:
        return
    # Two processes at the same work begin at different places, and so leave some to each other.
    start = random.randrange(len(todo))
    todo = todo[start:] + todo[:start]
    sound_s = sum(entry.recording.duration_s for entry in todo)
    _require_room(parts.directory, sound_s * config.sample_rate)
    wanted = num_workers or joblib.cpu_count()
    workers = wanted if sound_s > _WORTH_PROCESSES_S else 1
    work = joblib.delayed(_prepare_some)
    with joblib.Parallel(n_jobs=workers, return_as="generator", **_watchful(workers)) as pool:
        done = pool(work(some, config, parts) for some in _together(todo))
        _exhaust(progress(chain.from_iterable(done), len(todo)))


def _together(entries: Sequence[Entry]) -> Iterator[list[Entry]]:
    """Those that are prepared together, in the same order."""
    some: list[Entry] = []
    sound_s = 0.0
    for entry in entries:
        duration_s = entry.recording.duration_s
        if some and (len(some) == _TOGETHER or sound_s + duration_s > _TOGETHER_S):
            yield some
            some, sound_s = [], 0.0
        some.append(entry)
        sound_s += duration_s
    if some:
        yield some


def _watchful(workers: int) -> dict[str, Any]:
    """How processes are told to end with this one."""
    if workers == 1:
        return {}
    return {"backend": "loky", "initializer": end_with, "initargs": (os.getpid(),)}


def _exhaust(items: Iterable[Any]) -> None:
    for _ in items:
        pass


def _prepare_some(entries: Sequence[Entry], config: SignalConfig, parts: Parts) -> Sequence[str]:
    """In a worker: make parts, but those that another process has made meanwhile; their names."""
    missing = [entry for entry in entries if entry.key not in parts]
    keep_memory()
    prepared = prepare_recordings([entry.recording for entry in missing], config)
    for entry in missing:
        if not _is_unchanged(entry):
            raise DataError(f"{entry.recording.path}: changed while it was read; run this again")
    for entry, one in zip(missing, prepared, strict=True):
        parts.write(entry.key, one)
    return [entry.key for entry in entries]


def _is_unchanged(entry: Entry) -> bool:
    """Whether its files hold what they held when it got its name."""
    if entry.stamp is not None and recording_stamp(entry.recording) == entry.stamp:
        return True
    return recording_key(entry.recording) == entry.key


def _require_room(directory: Path, num_samples: float) -> None:
    """Refuse at once what would fail at the end."""
    existing = next(one for one in (directory, *directory.parents) if one.exists())
    needed = 2 * num_samples * 4  # parts and the collection made of them, in 32-bit floats
    free = shutil.disk_usage(existing).free
    if needed > free:
        raise DataError(
            f"{directory}: the prepared recordings take up to {needed / 1e6:.0f} MB, and there "
            f"are {free / 1e6:.0f} MB left; make room, or name another folder as store"
        )


@contextmanager
def _explained(store: Path) -> Iterator[None]:
    """Says what to do about a disk or a worker that gives up, or Ctrl-C; the parts are kept."""
    try:
        yield
    except KeyboardInterrupt as error:
        error.add_note("run the same again")
        raise
    except OSError as error:
        if is_full(error):
            then = "run the same again; what is prepared so far is kept"
            raise DiskError(str(store), error, then) from error
        raise SettingError(
            f"{store}: {error.strerror or error}; name another folder as store"
        ) from error
    except BrokenProcessPool as error:
        raise DataError(
            "a process that prepares recordings was killed, perhaps for want of memory; what is "
            "prepared so far is kept: run the same again, with a smaller num_workers"
        ) from error
