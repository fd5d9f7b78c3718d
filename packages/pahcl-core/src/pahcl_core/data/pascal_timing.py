"""`set_a_timing.csv` of the PASCAL challenge: where S1 and S2 are in some recordings of set_a.

A position is one point within a sound, near its loudest, and says neither where the sound starts
nor where it ends. So it is no annotation of states, and no cycle with its four phases follows from
it; it is what a segmentation is scored against.

Source: Bentley et al., "The PASCAL Classifying Heart Sounds Challenge 2011 (CHSC2011)".
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float64

from pahcl_core.data.collection import Problem
from pahcl_core.data.csv_table import read_table

TIMING = "set_a_timing.csv"

_SOUNDS = ("S1", "S2")
_TIMING_RATE = 44100  # hertz, in which positions are counted


@dataclass(frozen=True, kw_only=True, slots=True)
class SoundPositions:
    """Positions of one recording's sounds, each array ascending."""

    s1_s: Float64[np.ndarray, "s1"]
    """Seconds from the recording's first sample."""

    s2_s: Float64[np.ndarray, "s2"]


def read_pascal_timing(root: Path) -> tuple[Mapping[str, SoundPositions], list[Problem]]:
    """Positions of S1 and S2 by `recording_id`, of recordings that are on disk.

    Args:
        root: The folder with `set_a_timing.csv` and `set_a`; `Collection.root`.

    Returns:
        Positions, and a problem for each row left out: one without a sound or a position, or
        that goes back in time; and one problem for all rows whose recordings are not there.

    Raises:
        DataError: If the table cannot be opened, is no text in UTF-8 or lacks a column.
    """
    table = read_table(root / TIMING, file=TIMING, required=("fname", "sound", "location"))
    problems = list(table.problems)
    positions: dict[str, list[tuple[str, int]]] = {}
    absent: set[str] = set()
    for row, cells in table.rows:
        recording_id = f"set_a/{Path(cells['fname']).stem}"
        if not (root / f"{recording_id}.wav").is_file():
            absent.add(recording_id)
            continue
        found = positions.setdefault(recording_id, [])
        try:
            found.append(_position(cells, after=found[-1][1] if found else -1))
        except ValueError as fault:
            reason = f"{fault}; the row was left out"
            problems.append(Problem(file=TIMING, row=row, reason=reason))
    if absent:
        reason = f"{len(absent)} of {len(absent) + len(positions)} recordings are not there"
        problems.append(Problem(file=TIMING, reason=reason))
    return {name: _seconds(found) for name, found in positions.items()}, problems


def _position(cells: Mapping[str, str], *, after: int) -> tuple[str, int]:
    sound, location = cells["sound"], cells["location"]
    if sound not in _SOUNDS:
        raise ValueError(f"the sound {sound!r} is not one of {', '.join(_SOUNDS)}")
    if not (location.isascii() and location.isdigit()):
        raise ValueError(f"the location {location!r} is not the number of a sample")
    if int(location) <= after:
        raise ValueError(f"the location {location} is not after {after}: it goes back in time")
    return sound, int(location)


def _seconds(found: list[tuple[str, int]]) -> SoundPositions:
    s1_s, s2_s = (
        np.array([at for sound, at in found if sound == name], dtype=np.float64) / _TIMING_RATE
        for name in _SOUNDS
    )
    return SoundPositions(s1_s=s1_s, s2_s=s2_s)
