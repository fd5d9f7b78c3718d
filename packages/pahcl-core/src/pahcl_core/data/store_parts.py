"""Prepared recordings one by one, each in a file named after its content.

They are what is left of a preparation that was interrupted, and what the shards of a cluster's
array job leave for each other. A file is there as a whole or not at all; damage is noticed by the
checksums of the zip format and taken for absence.
"""

import json
import os
import tempfile
import time
import zipfile
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from pahcl_core.data.preparation import PreparedRecording, Remark

_DAMAGE = (zipfile.BadZipFile, ValueError, KeyError, TypeError, EOFError, FileNotFoundError)
_ABANDONED_S = 3600.0  # a file is written in milliseconds


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
        self.directory.mkdir(parents=True, exist_ok=True)
        about = {
            "source": prepared.source,
            "flags": prepared.flags,
            "remarks": [asdict(remark) for remark in prepared.remarks],
        }
        handle, name = tempfile.mkstemp(dir=self.directory, prefix=".", suffix=".tmp")
        try:
            with os.fdopen(handle, "wb") as file:
                np.savez(
                    file,
                    samples=prepared.samples,
                    bounds_s=prepared.bounds_s,
                    quality=np.float64(prepared.quality),
                    cycle_quality=prepared.cycle_quality,
                    about=np.frombuffer(json.dumps(about).encode(), dtype=np.uint8),
                )
            Path(name).replace(self._path(key))
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise

    def read(self, key: str) -> PreparedRecording | None:
        """A recording kept before; None if it is missing or damaged, so that it is made again."""
        try:
            with np.load(self._path(key), allow_pickle=False) as file:
                about = json.loads(file["about"].tobytes())
                return PreparedRecording(
                    samples=file["samples"],
                    bounds_s=file["bounds_s"],
                    source=about["source"],
                    quality=float(file["quality"]),
                    flags=tuple(about["flags"]),
                    cycle_quality=file["cycle_quality"],
                    remarks=tuple(remark_from(one) for one in about["remarks"]),
                )
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
        return self.directory / f"{key}.npz"


def remark_from(content: dict[str, Any]) -> Remark:
    """A remark as JSON has it."""
    return Remark(of=content["of"], row=content["row"], reason=content["reason"])
