"""Writes a synthetic collection in the native layout of the PASCAL challenge of 2011.

Same folders, tables and spellings of names as in the copies in circulation, unlabelled recordings
included. A murmur is systolic, an extrahls is a third heart sound, an extrastole is premature beats
with a pause after each, and an artifact is without a heart. The provenance file at the root says
that it is synthetic.

How many recordings there are of each kind, and what is heard in them, follows Bentley et al., "The
PASCAL Classifying Heart Sounds Challenge 2011 (CHSC2011)".
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
from jaxtyping import Float32

from pahcl_core.data.pascal import FOLDERS
from pahcl_core.data.pascal_timing import TIMING
from pahcl_core.data.preparation import Progress
from pahcl_core.data.provenance import Origin, write_provenance
from pahcl_core.data.states import S1, S2, StateAnnotation
from pahcl_core.data.synthesis import synthesise_recording
from pahcl_core.data.synthetic_files import (
    check_request,
    make_directories,
    write_rows,
    write_wav,
)
from pahcl_core.data.synthetic_hearts import NOISY, QUIET, Heart, draw_heart, draw_profile
from pahcl_core.data.synthetic_shares import choose, shared_out, sizes

GENERATOR_VERSION = 1
"""Goes up whenever the same seed gives other files."""

_RATES = {"set_a": 44100, "set_b": 4000}
_FIRST_DAY = datetime(2011, 1, 1)
_FIRST_SESSION = 1_305_000_000_000  # milliseconds, in the spring of 2011
_FIRST_SUBJECT = 101
_TAKES, _SPARE_TAKE = "ABCD", "E"
_MOST_OF_A_PERSON = {"set_a": 2, "set_b": len(_TAKES)}
_COLUMNS = ("dataset", "fname", "label", "sublabel")
_TIMING_COLUMNS = ("fname", "cycle", "sound", "location")


@dataclass(frozen=True, kw_only=True, slots=True)
class _Kind:
    """Recordings that are named alike."""

    folder: str
    label: str
    """As in file names; nothing for unlabelled ones."""

    remark: str = ""


_PUBLISHED: Mapping[_Kind, int] = {
    _Kind(folder="set_a", label="normal"): 31,
    _Kind(folder="set_a", label="murmur"): 34,
    _Kind(folder="set_a", label="extrahls"): 19,
    _Kind(folder="set_a", label="artifact"): 40,
    _Kind(folder="set_a", label=""): 52,
    _Kind(folder="set_b", label="normal"): 200,
    _Kind(folder="set_b", label="normal", remark="noisynormal"): 120,
    _Kind(folder="set_b", label="murmur"): 66,
    _Kind(folder="set_b", label="murmur", remark="noisymurmur"): 29,
    _Kind(folder="set_b", label="extrastole"): 46,
    _Kind(folder="set_b", label=""): 195,
}
_EXTRASTOLE = _Kind(folder="set_b", label="extrastole")
_REGULAR = _Kind(folder="set_b", label="normal")
# Three persons of each class, so that any collection can be split in three.
_FEWEST = dict.fromkeys(_PUBLISHED, 1) | {_EXTRASTOLE: 12, _REGULAR: 5}
_HEARD = {  # behind an unlabelled recording
    "set_a": {"normal": 0.25, "murmur": 0.27, "extrahls": 0.15, "artifact": 0.33},
    "set_b": {"normal": 0.7, "murmur": 0.2, "extrastole": 0.1},
}


@dataclass(frozen=True, kw_only=True, slots=True)
class _Take:
    """One recording to be made."""

    kind: _Kind
    heard: str
    """What it would be labelled as."""

    heart: Heart
    identity: str
    """What follows the label in its name."""

    @property
    def stem(self) -> str:
        """Of the file on disk."""
        label = self.kind.label or f"{self.kind.folder[-1].upper()}unlabelledtest"
        return f"{label}_{self.kind.remark}_{self.identity}"

    @property
    def fname(self) -> str:
        """As the table spells the same name."""
        kind = self.kind
        if kind.folder == "set_a":
            return f"{kind.folder}/{kind.label}__{self.identity}.wav"
        if not kind.label:
            return f"{kind.folder}/Bunlabelledtest_{self.identity}.wav"
        remark = f"Btraining_{kind.remark}_" if kind.remark else ""
        return f"{kind.folder}/Btraining_{kind.label}_{remark}{self.identity}.wav"


def write_synthetic_pascal(
    directory: Path,
    *,
    num_recordings: int,
    seed: int,
    duration_s: tuple[float, float] = (3.0, 12.0),
    progress: Progress = lambda items, total: items,
) -> None:
    """Write a synthetic collection of the PASCAL challenge.

    Args:
        directory: Made if it does not exist; must be empty.
        num_recordings: At least 26, so that every class can be split by person.
        seed: The same seed and arguments give the same bytes.
        duration_s: Shortest and longest recording, in seconds.
        progress: Shown the recordings as they are written.

    Raises:
        SettingError: If the directory is not empty, or an argument makes no sense.
    """
    check_request(
        "num_recordings",
        num_recordings,
        fewest=sum(_FEWEST.values()),
        seed=seed,
        duration_s=duration_s,
    )
    make_directories(directory, FOLDERS)
    # First of all, so that even an interrupted attempt cannot pass for recordings of patients.
    write_provenance(
        directory,
        Origin(
            generator="pahcl_core.data.synthetic_pascal",
            generator_version=GENERATOR_VERSION,
            seed=seed,
            request={"num_recordings": num_recordings, "duration_s": duration_s},
        ),
    )
    takes = _plan(num_recordings, np.random.default_rng(seed))
    tables: dict[str, list[Sequence[object]]] = {folder: [_COLUMNS] for folder in FOLDERS}
    timing: list[Sequence[object]] = [_TIMING_COLUMNS]
    for index, take in enumerate(progress(takes, num_recordings)):
        rng = np.random.default_rng([seed, index])
        samples, states = _write_recording(directory, take, rng.uniform(*duration_s), rng)
        kind = take.kind
        tables[kind.folder].append((kind.folder[-1], take.fname, kind.label, kind.remark))
        if kind == _Kind(folder="set_a", label="normal"):
            timing += _positions(take, samples, states)
    for folder, rows in tables.items():
        write_rows(directory / f"{folder}.csv", rows, line_end="\r\n")
    write_rows(directory / TIMING, timing, line_end="\r\n")


def _plan(num_recordings: int, rng: np.random.Generator) -> list[_Take]:
    """What to record of whom, in the order of the tables."""
    counts = shared_out(num_recordings, _PUBLISHED, fewest=_FEWEST)
    takes: dict[_Kind, list[_Take]] = {kind: [] for kind in _PUBLISHED}
    num_persons = dict.fromkeys(FOLDERS, 0)
    for kind, count in counts.items():
        for size in sizes(count, _MOST_OF_A_PERSON[kind.folder], rng):
            heard = kind.label or choose(_HEARD[kind.folder], rng)
            heart = draw_heart(
                rng,
                murmur=heard == "murmur",
                s3=heard == "extrahls",
                early=heard == "extrastole",
            )
            for identity in _identities(kind.folder, num_persons[kind.folder], size, rng):
                take = _Take(kind=kind, heard=heard, heart=heart, identity=identity)
                takes[kind].append(take)
            num_persons[kind.folder] += 1
    # In the original, people with extrasystoles also have recordings without.
    patient = takes[_EXTRASTOLE][0]
    takes[_REGULAR][-1] = _Take(
        kind=_REGULAR,
        heard=_REGULAR.label,
        heart=replace(patient.heart, early_every=0),
        identity=patient.identity[:-1] + _SPARE_TAKE,
    )
    return [take for kind in _PUBLISHED for take in takes[kind]]


def _identities(folder: str, number: int, size: int, rng: np.random.Generator) -> list[str]:
    """What the names of a person's recordings end with."""
    if folder == "set_a":
        day = _FIRST_DAY + timedelta(days=number)
        minutes = sorted(rng.choice(24 * 60, size, replace=False).tolist())
        return [f"{day + timedelta(minutes=minute):%Y%m%d%H%M}" for minute in minutes]
    session = _FIRST_SESSION + 3_600_000 * number + int(rng.integers(3_600_000))
    return [f"{_FIRST_SUBJECT + number}_{session}_{letter}" for letter in _TAKES[:size]]


def _write_recording(
    root: Path, take: _Take, duration_s: float, rng: np.random.Generator
) -> tuple[Float32[np.ndarray, "samples"], StateAnnotation]:
    if take.heard == "artifact":
        profile = draw_profile(
            take.heart,
            rng,
            duration_s=duration_s,
            noise=NOISY,
            heart_gain=0.0,
            num_artefacts=int(rng.integers(4, 9)),
        )
    else:
        noise = NOISY if take.kind.remark else QUIET
        profile = draw_profile(take.heart, rng, duration_s=duration_s, noise=noise)
    folder = take.kind.folder
    samples, rate, states = synthesise_recording(profile, rng, sample_rate=_RATES[folder])
    write_wav(root / folder / f"{take.stem}.wav", samples, rate)
    return samples, states


def _positions(
    take: _Take, samples: Float32[np.ndarray, "samples"], states: StateAnnotation
) -> list[Sequence[object]]:
    """A row for every S1 and S2 of a whole beat: where it is loudest."""
    rate = _RATES[take.kind.folder]
    rows: list[Sequence[object]] = []
    cycle = 0
    for start_s, end_s, state in zip(states.start_s, states.end_s, states.state, strict=True):
        cycle += state == S1
        if state in (S1, S2):
            start = round(start_s * rate)
            loudest = start + int(np.abs(samples[start : round(end_s * rate)]).argmax())
            rows.append((take.fname, cycle, "S1" if state == S1 else "S2", loudest))
    return rows
