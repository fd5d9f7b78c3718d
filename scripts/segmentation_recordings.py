"""Recordings with annotated heart states from the public collections, and who is held out.

Read by `fit_segmentation.py` and by `benchmarks/segmentation.py`, which must agree on the people.
"""

import csv
import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float64, Int64
from scipy.io import loadmat

from pahcl_core.data.circor import read_circor
from pahcl_core.data.states import read_states
from pahcl_core.data.wav import read_header

FIT_SHARE = 0.6
"""Part of the persons whose recordings the parameters are fitted to."""

SPLIT_RULE = (
    "a person is held out when the first four bytes of sha256('<source>/<person>'), as a "
    "big-endian fraction of 2^32, are at least 0.6"
)
PHYSIONET_RATE = 2000  # of the annotations, in samples
PASCAL_RATE = 44100  # likewise

_STATES = {"S1": 1, "systole": 2, "S2": 3, "diastole": 4}


@dataclass(frozen=True, kw_only=True, slots=True)
class States:
    """Annotated states in the order of time; what no row covers is not annotated."""

    start_s: Float64[np.ndarray, "rows"]
    end_s: Float64[np.ndarray, "rows"]
    state: Int64[np.ndarray, "rows"]
    """1 S1, 2 systole, 3 S2, 4 diastole."""


@dataclass(frozen=True, kw_only=True, slots=True)
class AnnotatedRecording:
    """A recording, whose it is, and its states by hand and by Springer's algorithm."""

    source: str
    """`circor`, or `2016-a` to `2016-f`."""

    person: str
    path: Path
    states: States
    springer: States | None = None

    @property
    def held_out(self) -> bool:
        """Whether the recording's person takes no part in the fit."""
        return fraction(f"{self.source}/{self.person}") >= FIT_SHARE


def fraction(text: str) -> float:
    """A number from 0 up to 1 that depends on the text alone."""
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:4], "big") / 2**32


def read_annotated(root: Path) -> list[AnnotatedRecording]:
    """All recordings with states below a folder with `circor/` and `physionet2016/`."""
    return [*_circor(root / "circor"), *_physionet(root / "physionet2016")]


def read_pascal_timing(root: Path) -> list[tuple[Path, Float64[np.ndarray, "sounds"], list[str]]]:
    """Of each recording in PASCAL's set A with positions: its file, seconds, and S1 or S2."""
    places: dict[str, list[tuple[float, str]]] = {}
    with (root / "pascal" / "set_a_timing.csv").open(encoding="utf-8-sig", newline="") as file:
        for row in csv.DictReader(file):
            seconds = float(row["location"]) / PASCAL_RATE
            places.setdefault(row["fname"], []).append((seconds, row["sound"]))
    found = []
    for name, sounds in sorted(places.items()):
        path = root / "pascal" / name
        if path.is_file():
            seconds, kinds = zip(*sorted(sounds), strict=True)
            found.append((path, np.array(seconds), list(kinds)))
    return found


def _circor(root: Path) -> Iterator[AnnotatedRecording]:
    collection = read_circor(root)
    persons = {subject.subject_id: subject.person_id for subject in collection.subjects}
    for recording in collection.recordings:
        if recording.states_path is None:
            continue
        rows, _ = read_states(recording.states_path, file=recording.states_path.name)
        told = rows.state > 0
        yield AnnotatedRecording(
            source="circor",
            person=persons[recording.subject_id],
            path=recording.path,
            states=States(
                start_s=rows.start_s[told], end_s=rows.end_s[told], state=rows.state[told]
            ),
        )


def _physionet(root: Path) -> Iterator[AnnotatedRecording]:
    appendix = root / "annotations" / "Online_Appendix_training_set.csv"
    with appendix.open(encoding="utf-8-sig", newline="") as file:
        rows = {row["Challenge record name"]: row for row in csv.DictReader(file)}
    for database in "abcdef":
        hand = root / "annotations" / "hand_corrected" / f"training-{database}_StateAns"
        automatic = root / "annotations" / "springer_alg" / f"training-{database}-Aut"
        for path in sorted((root / f"training-{database}").glob("*.wav")):
            by_hand = hand / f"{path.stem}_StateAns.mat"
            by_springer = automatic / f"{path.stem}_StateAns0.mat"
            if not by_hand.is_file():
                continue
            duration_s = read_header(path).num_samples / PHYSIONET_RATE
            springer = None
            if by_springer.is_file():
                springer = _mat_states(loadmat(by_springer)["state_ans0"], duration_s)
            yield AnnotatedRecording(
                source=f"2016-{database}",
                person=_physionet_person(database, path.stem, rows),
                path=path,
                states=_mat_states(loadmat(by_hand)["state_ans"], duration_s),
                springer=springer,
            )


def _physionet_person(database: str, record: str, rows: dict[str, dict[str, str]]) -> str:
    """The grouping key of the record; where the collection gives none, the record itself."""
    row = rows.get(record)
    if row is None:
        return record
    match database:
        case "a":
            return row["Original record name"].partition("S")[0]
        case "b":
            return row["Subject ID"]
        case "e":
            return row["# Raw record"]
    return record


def _mat_states(cells: np.ndarray, duration_s: float) -> States:
    """Rows of first sample, counted from 1, and state; `(N` to `N)` is noise."""
    starts = [(float(_inner(cell[0])) - 1) / PHYSIONET_RATE for cell in cells]
    names = [str(_inner(cell[1])) for cell in cells]
    rows = [
        (start, end, _STATES[name])
        for start, end, name in zip(starts, [*starts[1:], duration_s], names, strict=True)
        if name in _STATES and end > start
    ]
    columns = np.array(rows, dtype=np.float64).reshape(-1, 3)
    return States(start_s=columns[:, 0], end_s=columns[:, 1], state=columns[:, 2].astype(np.int64))


def _inner(value: object) -> object:
    """The scalar inside MATLAB's nested cells."""
    while isinstance(value, np.ndarray):
        value = value.ravel()[0]
    return value
