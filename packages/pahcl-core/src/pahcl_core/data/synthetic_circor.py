"""Writes a synthetic collection in the native layout of CirCor DigiScope.

Same files, same columns, same quirks as the download, so that whatever reads one reads the other;
the provenance file at its root says that it is synthetic.
"""

from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pahcl_core.data.circor import RECORDINGS
from pahcl_core.data.circor_table import COLUMNS, MISSING, TABLE
from pahcl_core.data.preparation import Progress
from pahcl_core.data.provenance import Origin, write_provenance
from pahcl_core.data.states import StateAnnotation
from pahcl_core.data.synthesis import RecordingProfile, SystolicMurmur, synthesise_recording
from pahcl_core.data.synthetic_files import (
    DURATION_S,
    check_request,
    make_directories,
    write_rows,
    write_text,
    write_wav,
)
from pahcl_core.data.synthetic_noise import SAMPLE_RATE
from pahcl_core.data.synthetic_patients import SyntheticPatient, draw_patients

GENERATOR_VERSION = 1
"""Goes up whenever the same seed gives other files."""

_AUDIBLE = 0.7  # a murmur is heard from this multiple of the noise on, both root mean square
_S2_LEVELS = {"AV": 0.95, "PV": 0.9, "TV": 0.65, "MV": 0.5, "Phc": 0.6}


@dataclass(frozen=True, kw_only=True, slots=True)
class _Take:
    """One recording to be made."""

    name: str
    location: str
    profile: RecordingProfile


def write_synthetic_circor(
    directory: Path,
    *,
    num_patients: int,
    seed: int,
    duration_s: tuple[float, float] = DURATION_S,
    progress: Progress = lambda items, total: items,
) -> None:
    """Write a synthetic CirCor collection.

    Args:
        directory: Made if it does not exist; must be empty.
        num_patients: Rows of the table. From 12 on, every label has enough people to be split.
        seed: The same seed and arguments give the same bytes.
        duration_s: Shortest and longest recording, in seconds.
        progress: Shown the patients as they are written.

    Raises:
        SettingError: If the directory is not empty, or an argument makes no sense.
    """
    check_request("num_patients", num_patients, fewest=1, seed=seed, duration_s=duration_s)
    make_directories(directory, [RECORDINGS])
    # First of all, so that even an interrupted attempt cannot pass for recordings of patients.
    write_provenance(
        directory,
        Origin(
            generator="pahcl_core.data.synthetic_circor",
            generator_version=GENERATOR_VERSION,
            seed=seed,
            request={"num_patients": num_patients, "duration_s": duration_s},
        ),
    )
    patients = draw_patients(num_patients, np.random.default_rng(seed))
    rows: list[dict[str, str]] = []
    for patient in progress(patients, num_patients):
        rng = np.random.default_rng([seed, patient.patient_id])
        takes = _plan(patient, duration_s, rng)
        row = _row(patient, takes)
        _write_patient(directory / RECORDINGS, takes, row, rng)
        rows.append(row)
    cells = [[row[column] for column in COLUMNS] for row in rows]
    write_rows(directory / TABLE, [COLUMNS, *cells])


def _plan(
    patient: SyntheticPatient, duration_s: tuple[float, float], rng: np.random.Generator
) -> list[_Take]:
    """What to record of a patient, location by location."""
    times = Counter(patient.locations)
    seen: Counter[str] = Counter()
    takes: list[_Take] = []
    for location in patient.locations:
        seen[location] += 1
        name = f"{patient.patient_id}_{location}"
        if times[location] > 1:
            name += f"_{seen[location]}"
        profile = _profile(patient, location, rng.uniform(*duration_s), rng)
        takes.append(_Take(name=name, location=location, profile=profile))
    return takes


def _profile(
    patient: SyntheticPatient, location: str, duration_s: float, rng: np.random.Generator
) -> RecordingProfile:
    drowned = patient.murmur_label == "Unknown"
    noise = (
        rng.uniform(0.22, 0.5) if drowned else float(np.exp(rng.uniform(*np.log([0.015, 0.07]))))
    )
    murmur = None
    if patient.murmur is not None:
        level = patient.murmur.level_at(location)
        if patient.murmur_label == "Present" and location == patient.murmur.loudest_at:
            noise = min(noise, level / _AUDIBLE)  # somewhere it was heard
        murmur = SystolicMurmur(
            timing=patient.murmur.timing,
            shape=patient.murmur.shape,
            pitch=patient.murmur.pitch,
            level=level,
        )
    return RecordingProfile(
        duration_s=duration_s,
        heart_rate_bpm=patient.heart_rate_bpm * rng.uniform(0.95, 1.05),
        respiration_hz=patient.respiration_hz,
        s2_level=_S2_LEVELS[location] * rng.uniform(0.8, 1.25),
        s2_split_s=patient.s2_split_s,
        murmur=murmur,
        noise=noise,
        breath=rng.uniform(0.0, 0.08),
        num_artefacts=int(rng.poisson(4.0 if drowned else 0.6)),
        annotated=(rng.uniform(0.02, 0.3), rng.uniform(0.7, 0.98)),
    )


def _row(patient: SyntheticPatient, takes: list[_Take]) -> dict[str, str]:
    """The patient's row of the table, column by column."""
    audible = {
        take.location
        for take in takes
        if take.profile.murmur is not None
        and take.profile.murmur.level >= _AUDIBLE * take.profile.noise
    }
    row = dict.fromkeys(COLUMNS, MISSING) | {
        "Patient ID": str(patient.patient_id),
        "Recording locations:": "+".join(patient.locations),
        "Age": patient.age,
        "Sex": patient.sex,
        "Height": _number(patient.height_cm),
        "Weight": _number(patient.weight_kg),
        "Pregnancy status": str(patient.pregnant),
        "Murmur": patient.murmur_label,
        "Outcome": patient.outcome,
        "Campaign": patient.campaign,
        "Additional ID": _number(patient.additional_id),
    }
    if patient.murmur is not None and patient.murmur_label == "Present":
        row |= {
            "Murmur locations": "+".join(sorted(audible)),
            "Most audible location": patient.murmur.loudest_at,
            "Systolic murmur timing": patient.murmur.timing,
            "Systolic murmur shape": patient.murmur.shape,
            "Systolic murmur grading": patient.murmur.grade,
            "Systolic murmur pitch": patient.murmur.pitch,
            "Systolic murmur quality": patient.murmur.quality,
        }
    return row


def _number(value: float | None) -> str:
    if value is None:
        return MISSING
    return str(value)


def _write_patient(
    folder: Path, takes: list[_Take], row: dict[str, str], rng: np.random.Generator
) -> None:
    patient_id = row["Patient ID"]
    lines = [f"{patient_id} {len(takes)} {SAMPLE_RATE}"]
    for take in takes:
        samples, sample_rate, states = synthesise_recording(take.profile, rng)
        write_wav(folder / f"{take.name}.wav", samples, sample_rate)
        _write_header(folder / f"{take.name}.hea", take, len(samples))
        _write_states(folder / f"{take.name}.tsv", states)
        files = " ".join(f"{take.name}.{suffix}" for suffix in ("hea", "wav", "tsv"))
        lines.append(f"{take.location} {files}")
    lines += [f"#{column}: {row[column]}" for column in COLUMNS[2:]]
    write_text(folder / f"{patient_id}.txt", "\n".join(lines) + "\n")


def _write_header(path: Path, take: _Take, num_samples: int) -> None:
    """A WFDB header: 16 bit samples that start after the 44 bytes of the WAV header."""
    lines = [
        f"{take.name} 1 {SAMPLE_RATE} {num_samples}",
        f"{take.name}.wav 16+44 1 16 0 0 0 0 {take.location}",
    ]
    write_text(path, "\r\n".join(lines) + "\r\n")


def _write_states(path: Path, states: StateAnnotation) -> None:
    rows = zip(states.start_s, states.end_s, states.state, strict=True)
    lines = [f"{_seconds(start)}\t{_seconds(end)}\t{state}\n" for start, end, state in rows]
    write_text(path, "".join(lines))


def _seconds(value: float) -> str:
    return np.format_float_positional(value, precision=6, trim="-")
