"""Small files in the formats of the public collections, for tests to read and to break."""

from pathlib import Path

import numpy as np
from scipy.io import savemat, wavfile


def write_wav(path: Path, *, rate: int, num_samples: int = 1000) -> None:
    """A ramp of 16 bit samples, so that all differ."""
    path.parent.mkdir(parents=True, exist_ok=True)
    wavfile.write(path, rate, np.arange(-500, num_samples - 500, dtype=np.int16))


def write_lines(path: Path, lines: list[str], *, end: str = "\n") -> None:
    """Lines of text, each with this end."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes("".join(line + end for line in lines).encode())


def write_states(path: Path, rows: list[tuple], *, name: str = "state_ans", **options) -> None:
    """A cell array of a start and a name, the name in a cell of its own, as in the collection."""
    cells = np.empty((len(rows), 2), dtype=object)
    for index, (start, label) in enumerate(rows):
        inner = np.empty((1, 1), dtype=object)
        inner[0, 0] = label
        cells[index] = [start if isinstance(start, str) else np.array([[start]]), inner]
    path.parent.mkdir(parents=True, exist_ok=True)
    savemat(path, {name: cells}, **options)
