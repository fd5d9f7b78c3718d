"""Many prepared recordings put together as one collection: NumPy arrays that are mapped from disk.

    samples.npy      every signal, one after the other
    offsets.npy      where each begins
    bounds.npy       the cycles, in samples
    recording.npy    the recording of each cycle
    quality.npy      0 to 1, of each recording; not a number where its rate is too low to tell
    cycle_quality.npy  the same of each cycle
    index.json       settings, recordings, remarks, a checksum of each recording's samples, and the
                     hash of every other array's file

Written in one pass with one recording in memory at a time, however many there are.
"""

import hashlib
import io
import json
import shutil
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import numpy as np
from filelock import FileLock
from jaxtyping import Float64, Shaped

from pahcl_core.data.collection import Collection, Problem, Recording
from pahcl_core.data.cycle_set import CycleSet
from pahcl_core.data.preparation import SignalConfig, problems_of
from pahcl_core.data.store_key import Stamp
from pahcl_core.data.store_parts import Part, Parts, remark_from
from pahcl_core.errors import DataError

_SIGNALS = ("samples", "offsets", "bounds", "recording")
_RATINGS = ("quality", "cycle_quality")
# The samples are not: their checksums come with the parts, which were checked as they were read.
_HASHED = tuple(name for name in (*_SIGNALS, *_RATINGS) if name != "samples")


@dataclass(frozen=True, kw_only=True, slots=True)
class Ratings:
    """How good the recordings of a `CycleSet` are; see `Quality`."""

    quality: Float64[np.ndarray, "recordings"]
    cycle_quality: Float64[np.ndarray, "cycles"]
    flags: tuple[tuple[str, ...], ...]
    """What is wrong, by recording."""


class Prepared(NamedTuple):
    """A collection from the store."""

    cycles: CycleSet
    """Its arrays are mapped from disk."""

    problems: tuple[Problem, ...]
    """What could not be used of the recordings."""

    ratings: Ratings


@dataclass(frozen=True, kw_only=True, slots=True)
class Entry:
    """A recording and the name of its content."""

    recording: Recording
    key: str
    stamp: Stamp | None
    """Of its files, from before they were read for the name."""


def collection_key(collection: Collection, entries: Sequence[Entry], settings: str) -> str:
    """The name of a collection in the store: these recordings, in this order, so prepared."""
    digest = hashlib.sha256(settings.encode())
    for entry in entries:
        digest.update(f"\n{entry.recording.recording_id}\t{entry.key}".encode())
    return f"{collection.name}-{digest.hexdigest()[:16]}"


def merge(
    collection: Collection,
    entries: Sequence[Entry],
    parts: Parts,
    *,
    store: Path,
    key: str,
    config: SignalConfig,
) -> None:
    """Put a collection together from its parts, unless it is there, and remove the parts.

    Does nothing if a part is missing or damaged: a damaged one is removed, to be made again.

    Raises:
        DataError: If not one recording can be used.
        OSError: If there is no room, or no leave to write.
    """
    store.mkdir(parents=True, exist_ok=True)
    with FileLock(store / ".lock"):  # let go by the system if the process is killed
        if (store / key).exists():  # another process was first: nobody needs these any more
            parts.remove(entry.key for entry in entries)
            return
        unfinished = store / f".{key}.unfinished"
        shutil.rmtree(unfinished, ignore_errors=True)
        unfinished.mkdir()
        try:
            if not _write(collection, entries, parts, unfinished, config):
                return
            unfinished.replace(store / key)
        finally:
            shutil.rmtree(unfinished, ignore_errors=True)
    parts.remove(entry.key for entry in entries)


def _save(path: Path, array: Shaped[np.ndarray, "..."]) -> None:
    """As `numpy.save` does, which tells nothing of a disk that is full half-way through."""
    content = io.BytesIO()
    np.save(content, array)
    path.write_bytes(content.getvalue())


def _write(
    collection: Collection,
    entries: Sequence[Entry],
    parts: Parts,
    directory: Path,
    config: SignalConfig,
) -> bool:
    """Write all files of a collection; False if a part is missing."""
    rows: list[dict[str, Any]] = []
    offsets, bounds = [0], [np.zeros((0, 5), dtype=np.int64)]
    quality, cycle_quality = [], [np.zeros(0)]
    with (directory / "samples.npy").open("w+b") as file:
        samples = _SampleWriter(file)
        for entry in entries:
            part = parts.read(entry.key)
            if part is None:
                parts.remove([entry.key])
                return False
            prepared = part.prepared
            rows.append(_row(entry, part))
            if prepared.is_usable:
                rounded = np.rint(prepared.bounds_s * config.sample_rate).astype(np.int64)
                bounds.append(offsets[-1] + rounded)
                quality.append(prepared.quality)
                cycle_quality.append(prepared.cycle_quality)
                offsets.append(samples.append(prepared.samples))
        samples.close()
    if len(offsets) == 1:
        raise DataError(f"{collection.root}: not one of its recordings can be used")
    counts = [len(one) for one in bounds[1:]]
    _save(directory / "offsets.npy", np.array(offsets, dtype=np.int64))
    _save(directory / "bounds.npy", np.concatenate(bounds))
    _save(directory / "recording.npy", np.repeat(np.arange(len(counts)), counts))
    _save(directory / "quality.npy", np.array(quality))
    _save(directory / "cycle_quality.npy", np.concatenate(cycle_quality))
    index = {
        "collection": collection.name,
        "settings": asdict(config),
        "arrays": {name: _hash(directory / f"{name}.npy") for name in _HASHED},
        "recordings": rows,
    }
    text = json.dumps(index, indent=1, ensure_ascii=False)
    (directory / "index.json").write_text(text + "\n", encoding="utf-8", newline="\n")
    return True


class _SampleWriter:
    """A one-dimensional .npy file of unknown length: its header is written again at the end."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._length = 0
        self._write_header()

    def append(self, samples: np.ndarray[Any, np.dtype[np.float32]]) -> int:
        """Add samples; returns how many there are now."""
        self._file.write(np.ascontiguousarray(samples, dtype="<f4").data)
        self._length += len(samples)
        return self._length

    def close(self) -> None:
        """Say in the header how many there are."""
        self._file.seek(0)
        self._write_header()

    def _write_header(self) -> None:
        # NumPy leaves room in a header for the length to grow.
        header = {"descr": "<f4", "fortran_order": False, "shape": (self._length,)}
        np.lib.format.write_array_header_1_0(self._file, header)


def _row(entry: Entry, part: Part) -> dict[str, Any]:
    prepared = part.prepared
    return {
        "id": entry.recording.recording_id,
        "content": entry.key,
        "usable": prepared.is_usable,
        "samples_crc32": f"{part.checksum:08x}",
        "source": prepared.source,
        "flags": prepared.flags,
        "remarks": [asdict(remark) for remark in prepared.remarks],
    }


def _hash(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def open_collection(directory: Path, collection: Collection) -> Prepared | None:
    """A collection from the store; None if it is not there.

    Raises:
        DataError: If its files are damaged.
    """
    if not directory.exists():
        return None
    try:
        index = json.loads((directory / "index.json").read_text(encoding="utf-8"))
        # Copy on write: PyTorch wants arrays that may be written to; none is.
        arrays = {
            name: np.load(directory / f"{name}.npy", mmap_mode="c", allow_pickle=False)
            for name in _SIGNALS
        }
        rows = index["recordings"]
        both = list(zip(collection.recordings, rows, strict=True))
        usable = [(recording, row) for recording, row in both if row["usable"]]
        cycles = CycleSet(
            recordings=tuple(recording for recording, _ in usable),
            sources=tuple(row["source"] for _, row in usable),
            sample_rate=index["settings"]["sample_rate"],
            **arrays,
        )
        ratings = Ratings(
            flags=tuple(tuple(row["flags"]) for _, row in usable),
            **{name: np.load(directory / f"{name}.npy", allow_pickle=False) for name in _RATINGS},
        )
        remarks = [(one, [remark_from(each) for each in row["remarks"]]) for one, row in both]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DataError(
            f"{directory}: this prepared collection is damaged ({error}); remove the folder and "
            "run again"
        ) from error
    problems = [
        problem
        for recording, found in remarks
        for problem in problems_of(recording, found, root=collection.root)
    ]
    return Prepared(cycles=cycles, problems=tuple(problems), ratings=ratings)
