"""Writing synthetic collections: where they may go, what may be asked for, and the files."""

import csv
import wave
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
from jaxtyping import Float32

from pahcl_core.errors import SettingError

DURATION_S = (8.0, 25.0)
"""Shortest and longest recording unless something else is asked for, in seconds."""

_SHORTEST_S = 3.0  # below, there may be no whole beat to annotate


def check_request(
    what: str, number: int, *, fewest: int, seed: int, duration_s: tuple[float, float]
) -> None:
    """Refuse what makes no collection.

    Args:
        what: How the argument `number` is called.
        number: How many are asked for.
        fewest: How many there must be.
        seed: Must not be negative.
        duration_s: Shortest and longest recording, in seconds.

    Raises:
        SettingError: Naming the argument and what it may be.
    """
    if number < fewest:
        raise SettingError(f"{what} must be at least {fewest}, got {number}")
    if seed < 0:
        raise SettingError(f"seed must not be negative, got {seed}")
    if not _SHORTEST_S <= duration_s[0] <= duration_s[1]:
        raise SettingError(
            f"duration_s must be a shortest and a longest duration from {_SHORTEST_S:g} s on, "
            f"got {duration_s[0]:g} and {duration_s[1]:g}"
        )


def make_directories(root: Path, folders: Sequence[str]) -> None:
    """Make the root of a collection and folders in it.

    Raises:
        SettingError: If the root is there and not an empty folder.
    """
    if root.exists() and (not root.is_dir() or any(root.iterdir())):
        raise SettingError(
            f"{root} is not an empty folder; name a new one, or empty it yourself first"
        )
    for folder in folders:
        (root / folder).mkdir(parents=True)


def write_wav(
    path: Path,
    samples: Float32[np.ndarray, "samples"] | Float32[np.ndarray, "samples channels"],
    sample_rate: int,
    *,
    bits: int = 16,
) -> None:
    """Write samples between -1 and 1 as whole numbers.

    Args:
        path: Of the file.
        samples: One or several channels.
        sample_rate: In hertz.
        bits: 8, 16 or 24 for each sample; 8 are unsigned, as WAV has them.
    """
    scaled = np.rint(samples * float(2 ** (bits - 1) - 1)).astype("<i4")
    if bits == 8:
        scaled += 128
    width = bits // 8
    content = scaled.reshape(-1, 1).view(np.uint8)[:, :width]  # the low bytes come first
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1 if samples.ndim == 1 else samples.shape[1])
        file.setsampwidth(width)
        file.setframerate(sample_rate)
        file.writeframes(content.tobytes())


def write_text(path: Path, text: str) -> None:
    """Write text in UTF-8, its line ends as they are."""
    path.write_text(text, encoding="utf-8", newline="")


def write_rows(path: Path, rows: Iterable[Sequence[object]], *, line_end: str = "\n") -> None:
    """Write a comma-separated table."""
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file, lineterminator=line_end).writerows(rows)
