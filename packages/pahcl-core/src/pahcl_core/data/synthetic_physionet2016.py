"""Writes a synthetic collection in the native layout of the PhysioNet/CinC Challenge 2016.

Same folders, same files, same formats as the download, with hand-corrected states but not the
algorithm's, without training-a's electrocardiograms, and with the columns of the appendix up to
`Recording state`. Abnormal is who has a systolic murmur. The provenance file at the root says that
it is synthetic.

How many recordings each database has, how many of them are abnormal and how many were rated unsure
are the figures of Liu et al., "An open access database for the evaluation of heart sound
algorithms", Physiological Measurement 37(12), 2016.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float32

from pahcl_core.data.physionet2016_states import ANNOTATION_RATE
from pahcl_core.data.physionet2016_tables import APPENDIX, QUALITY, REFERENCE
from pahcl_core.data.preparation import Progress
from pahcl_core.data.provenance import Origin, write_provenance
from pahcl_core.data.states import S1
from pahcl_core.data.synthesis import synthesise_recording
from pahcl_core.data.synthetic_files import (
    DURATION_S,
    check_request,
    make_directories,
    write_rows,
    write_text,
    write_wav,
)
from pahcl_core.data.synthetic_hearts import DROWNED, QUIET, Heart, draw_heart, draw_profile
from pahcl_core.data.synthetic_mat_states import write_mat_states
from pahcl_core.data.synthetic_shares import shared_out, sizes

GENERATOR_VERSION = 1
"""Goes up whenever the same seed gives other files."""

_PUBLISHED = {  # recordings by database and whether they are abnormal
    ("a", False): 117,
    ("a", True): 292,
    ("b", False): 386,
    ("b", True): 104,
    ("c", False): 7,
    ("c", True): 24,
    ("d", False): 27,
    ("d", True): 28,
    ("e", False): 1958,
    ("e", True): 183,
    ("f", False): 80,
    ("f", True): 34,
}
_UNSURE = 364 / 3240
_NOISE_AT_THE_START = 0.05  # of the recordings of good quality; about as in the annotations
_MOST_OF_A_PERSON = {"a": 4, "b": 6, "c": 1, "d": 1, "e": 8, "f": 1}
_DIAGNOSES = {
    "a": ("Normal", ("MVP", "Benign", "MPC", "AD")),
    "b": ("Normal", ("CAD",)),
    "c": ("Controls", ("AS", "MR")),
    "d": ("Normal", ("Pathologic",)),
    "e": ("Normal", ("CAD",)),
    "f": ("Normal", ("Pathologic",)),
}
_SITES = ("Left of parasternum", "Left of apex", "Parasternum when sit", "Parasternum when squat")
_COLUMNS = (
    "Challenge record name",
    "Database",
    "Original record name",
    "Diagnosis",
    "Class (-1=normal 1=abnormal)",
    "# Beat (automated algorithm)",
    "# Beats requiring hand correction",
    "Gender",
    "Age (year)",
    "Height (m)",
    "Weight (kg)",
    "BMI",
    "Smoker",
    "Degree of disease",
    "Subject ID",
    "# Raw record",
    "# Recording in each subject",
    "Transducer site on body",
    "Recording state",
)


@dataclass(frozen=True, kw_only=True, slots=True)
class _Person:
    database: str
    number: int
    abnormal: bool
    heart: Heart
    diagnosis: str
    sex: str
    age: int


@dataclass(frozen=True, kw_only=True, slots=True)
class _Take:
    """One recording to be made."""

    name: str
    person: _Person
    take: int
    """Which of the person's it is, counted from 1."""

    unsure: bool

    @property
    def label(self) -> int:
        return 1 if self.person.abnormal else -1

    @property
    def folder(self) -> str:
        return f"training-{self.person.database}"


def write_synthetic_physionet2016(
    directory: Path,
    *,
    num_recordings: int,
    seed: int,
    duration_s: tuple[float, float] = DURATION_S,
    progress: Progress = lambda items, total: items,
) -> None:
    """Write a synthetic collection of the Challenge 2016.

    Args:
        directory: Made if it does not exist; must be empty.
        num_recordings: At least 12: a normal and an abnormal one in each of the six databases.
        seed: The same seed and arguments give the same bytes.
        duration_s: Shortest and longest recording, in seconds.
        progress: Shown the recordings as they are written.

    Raises:
        SettingError: If the directory is not empty, or an argument makes no sense.
    """
    check_request(
        "num_recordings",
        num_recordings,
        fewest=len(_PUBLISHED),
        seed=seed,
        duration_s=duration_s,
    )
    folders = [f"training-{database}" for database in _MOST_OF_A_PERSON]
    states = [f"annotations/hand_corrected/{folder}_StateAns" for folder in folders]
    make_directories(directory, [*folders, *states])
    # First of all, so that even an interrupted attempt cannot pass for recordings of patients.
    write_provenance(
        directory,
        Origin(
            generator="pahcl_core.data.synthetic_physionet2016",
            generator_version=GENERATOR_VERSION,
            seed=seed,
            request={"num_recordings": num_recordings, "duration_s": duration_s},
        ),
    )
    takes = _plan(num_recordings, np.random.default_rng(seed))
    appendix: list[Sequence[object]] = [_COLUMNS]
    for index, take in enumerate(progress(takes, num_recordings)):
        rng = np.random.default_rng([seed, index])
        num_beats = _write_recording(directory, take, duration_s, rng)
        appendix.append(_appendix_row(take, num_beats))
    write_rows(directory / APPENDIX, appendix)
    for folder in folders:
        inside = [take for take in takes if take.folder == folder]
        write_rows(directory / folder / "RECORDS", ([take.name] for take in inside))
        write_rows(directory / folder / REFERENCE, ([take.name, take.label] for take in inside))
        rated = ([take.name, take.label, int(not take.unsure)] for take in inside)
        write_rows(directory / folder / QUALITY, rated)


def _plan(num_recordings: int, rng: np.random.Generator) -> list[_Take]:
    """What to record of whom, by database and name."""
    counts = shared_out(num_recordings, _PUBLISHED, fewest=dict.fromkeys(_PUBLISHED, 1))
    takes: list[_Take] = []
    for database, most in _MOST_OF_A_PERSON.items():
        drawn: list[tuple[_Person, int]] = []
        number = 0
        for abnormal in (False, True):
            for size in sizes(counts[database, abnormal], most, rng):
                number += 1
                person = _draw_person(database, number, abnormal, rng)
                drawn += [(person, take) for take in range(1, size + 1)]
        digits = 5 if database == "e" else 4
        for position, index in enumerate(rng.permutation(len(drawn)), start=1):
            person, take = drawn[index]
            name = f"{database}{position:0{digits}}"
            takes.append(_Take(name=name, person=person, take=take, unsure=False))
    return _with_unsure(takes, rng)


def _draw_person(database: str, number: int, abnormal: bool, rng: np.random.Generator) -> _Person:
    healthy, diseases = _DIAGNOSES[database]
    return _Person(
        database=database,
        number=number,
        abnormal=abnormal,
        heart=draw_heart(rng, murmur=abnormal),
        diagnosis=str(rng.choice(diseases)) if abnormal else healthy,
        sex=str(rng.choice(["F", "M"])),
        age=int(rng.integers(20, 85)),
    )


def _with_unsure(takes: Sequence[_Take], rng: np.random.Generator) -> list[_Take]:
    """As many of them unsure as published, of each label; of six it is one."""
    unsure: set[str] = set()
    for label in (-1, 1):
        names = [take.name for take in takes if take.label == label]
        count = round(_UNSURE * len(names))
        unsure.update(names[index] for index in rng.permutation(len(names))[:count])
    return [
        _Take(name=take.name, person=take.person, take=take.take, unsure=take.name in unsure)
        for take in takes
    ]


def _write_recording(
    root: Path, take: _Take, duration_s: tuple[float, float], rng: np.random.Generator
) -> int:
    """Sound, header and states of one recording; how many beats begin in it."""
    begin = 0.0
    if not take.unsure and rng.uniform() < _NOISE_AT_THE_START:
        begin = rng.uniform(0.1, 0.3)
    profile = draw_profile(
        take.person.heart,
        rng,
        duration_s=rng.uniform(*duration_s),
        noise=DROWNED if take.unsure else QUIET,
        annotated=(1.0, 1.0) if take.unsure else (begin, 1.0),
        cut_beats=True,
    )
    samples, rate, states = synthesise_recording(profile, rng, sample_rate=ANNOTATION_RATE)
    _drown(samples[: round(begin * len(samples))], rng)
    path = root / take.folder / f"{take.name}.wav"
    write_wav(path, samples, rate)
    lines = [
        f"{take.name} 1 {rate} {len(samples)}",
        f"{take.name}.wav 16+44 1 16 0 0 0 0 PCG",  # samples start after the 44 bytes of the header
        "# Abnormal" if take.person.abnormal else "# Normal",
    ]
    write_text(path.with_suffix(".hea"), "\r\n".join(lines) + "\r\n")
    file = f"annotations/hand_corrected/{take.folder}_StateAns/{take.name}_StateAns.mat"
    write_mat_states(root / file, states, num_samples=len(samples))
    return int((states.state == S1).sum())


def _drown(samples: Float32[np.ndarray, "samples"], rng: np.random.Generator) -> None:
    """Make a stretch of a recording as noisy as one of unsure quality, in place."""
    noise = rng.normal(0.0, 0.3, len(samples)).astype(np.float32)
    np.clip(samples + noise, -1.0, 1.0, out=samples)


def _appendix_row(take: _Take, num_beats: int) -> list[object]:
    """What this database tells of its recordings and persons, column by column."""
    person = take.person
    told: dict[str, object] = dict.fromkeys(_COLUMNS, "") | {
        "Challenge record name": take.name,
        "Database": take.folder,
        "Diagnosis": person.diagnosis,
        "Class (-1=normal 1=abnormal)": take.label,
        "# Beat (automated algorithm)": num_beats,
        "# Beats requiring hand correction": 0,
    }
    match person.database:
        case "a":
            told["Original record name"] = f"C{person.number}S{take.take}"
            told["Transducer site on body"] = _SITES[take.take - 1]
        case "b":
            told["Original record name"] = f"S{person.number}f{take.take}_data"
            told |= {"Gender": person.sex, "Subject ID": person.number}
            told["# Recording in each subject"] = take.take
        case "e":
            told["Original record name"] = take.name
            told |= {"Gender": person.sex, "Age (year)": person.age, "# Raw record": person.number}
            told["Recording state"] = "Rest"
        case "c" | "f":
            told["Original record name"] = f"id{person.number}"
            told |= {"Gender": person.sex, "Age (year)": person.age}
        case _:
            told["Original record name"] = f"C{person.number:03}"
    return list(told.values())
