"""Prepared recordings one by one, each in a file named after its content.

They are what is left of a preparation that was interrupted, and what the shards of a cluster's
array job leave for each other. A file is there as a whole or not at all; damage is noticed by its
checksums and taken for absence. Each is written once and read once, so it is plain:

    bytes  content
    8      checksum (CRC-32) of all that follows up to the samples
    8      length of the text
    …      JSON: counts of samples and cycles, the samples' checksum, all that is not a number;
           spaces to 8 bytes
    …      64 bit floats: the quality, then bounds and qualities of the cycles
    …      32 bit floats: the samples

Numbers are little-endian.
"""

import json
import os
import struct
import time
import zlib
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import numpy as np

from pahcl_core.data.preparation import PreparedRecording, Remark

_HEAD = struct.Struct("<QQ")
_DAMAGE = (ValueError, KeyError, TypeError, struct.error, FileNotFoundError)
_ABANDONED_S = 3600.0  # a file is written in milliseconds


class Part(NamedTuple):
    """What a file holds."""

    prepared: PreparedRecording
    checksum: int
    """CRC-32 of its samples, as 32 bit little-endian floats."""


class Parts:
    """A folder of prepared recordings."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory

    def __contains__(self, key: str) -> bool:
        return self._path(key).exists()

    def write(self, key: str, prepared: PreparedRecording) -> None:
        """Keep a recording.

        Raises:
            OSError: If there is no room, or no leave to write.
        """
        content = _packed(prepared)
        # A file of its own, which whoever removes the last part does not take away with it.
        unfinished = self.directory / f".{key}.{os.urandom(8).hex()}.tmp"
        try:
            with self._open_new(unfinished) as file:
                file.writelines(content)
            unfinished.replace(self._path(key))
        except BaseException:
            unfinished.unlink(missing_ok=True)
            raise

    def _open_new(self, path: Path) -> BinaryIO:
        """In the folder, which is made if it is not there, or not there any more."""
        while True:
            try:
                return path.open("xb")
            except FileNotFoundError:
                self.directory.mkdir(parents=True, exist_ok=True)

    def read(self, key: str) -> Part | None:
        """A recording kept before; None if it is missing or damaged, so that it is made again."""
        try:
            return _unpacked(self._path(key).read_bytes())
        except _DAMAGE:
            return None

    def remove(self, keys: Iterable[str]) -> None:
        """Forget these, and what a process that was killed has left half-written."""
        for key in keys:
            self._path(key).unlink(missing_ok=True)
        for file in self.directory.glob(".*.tmp"):
            with suppress(FileNotFoundError):
                if time.time() - file.stat().st_mtime > _ABANDONED_S:
                    file.unlink()
        with suppress(OSError):  # not empty: another preparation goes on
            self.directory.rmdir()

    def _path(self, key: str) -> Path:
        return self.directory / f"{key}.part"


def _packed(prepared: PreparedRecording) -> list[bytes | memoryview]:
    """What a file holds, piece by piece."""
    samples = np.ascontiguousarray(prepared.samples, dtype="<f4").data
    about = {
        "samples": len(prepared.samples),
        "cycles": len(prepared.bounds_s),
        "source": prepared.source,
        "flags": prepared.flags,
        "remarks": [asdict(remark) for remark in prepared.remarks],
        "checksum": zlib.crc32(samples),
    }
    text = json.dumps(about).encode()
    text = text.ljust(-(-len(text) // 8) * 8)  # so that the numbers lie where they are read best
    ratings = ([prepared.quality], prepared.bounds_s.ravel(), prepared.cycle_quality)
    numbers = np.concatenate(ratings).astype("<f8", copy=False).tobytes()
    head = len(text).to_bytes(8, "little") + text + numbers
    return [zlib.crc32(head).to_bytes(8, "little"), head, samples]


def _unpacked(content: bytes) -> Part:
    """The recording; a ValueError if a byte is not what was written."""
    checksum, text_bytes = _HEAD.unpack_from(content)
    start = _HEAD.size + text_bytes
    about = json.loads(content[_HEAD.size : start])
    num_cycles = about["cycles"]
    # Copied: whoever keeps them of many recordings shall not keep all the samples with them.
    ratings = np.frombuffer(content, "<f8", count=1 + 6 * num_cycles, offset=start).copy()
    begin = start + ratings.nbytes
    samples = np.frombuffer(content, dtype="<f4", offset=begin)
    told = zlib.crc32(memoryview(content)[8:begin]), zlib.crc32(samples.data), len(samples)
    if told != (checksum, about["checksum"], about["samples"]):
        raise ValueError("the checksums are not those of the content")
    prepared = PreparedRecording(
        samples=samples,
        bounds_s=ratings[1 : 1 + 5 * num_cycles].reshape(-1, 5),
        source=about["source"],
        quality=float(ratings[0]),
        flags=tuple(about["flags"]),
        cycle_quality=ratings[1 + 5 * num_cycles :],
        remarks=tuple(remark_from(one) for one in about["remarks"]),
    )
    return Part(prepared, about["checksum"])


def remark_from(content: dict[str, Any]) -> Remark:
    """A remark as JSON has it."""
    return Remark(of=content["of"], row=content["row"], reason=content["reason"])
