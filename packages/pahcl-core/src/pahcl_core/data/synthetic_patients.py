"""Invented patients: who they are, how their hearts sound, and what would be written of them.

Shares of labels follow the published tables of the CirCor DigiScope dataset (Oliveira et al., IEEE
JBHI 26(6), 2022; Reyna et al., "Heart murmur detection from phonocardiogram recordings: The George
B. Moody PhysioNet Challenge 2022", PLOS Digital Health 2(9), 2023). Heart and respiratory rates by
age follow the medians of Fleming et al., "Normal ranges of heart rate and respiratory rate in
children from birth to 18 years of age", Lancet 377, 2011.
"""

from dataclasses import dataclass, replace

import numpy as np

from pahcl_core.data.circor_table import MISSING
from pahcl_core.data.synthesis import MurmurPitch, MurmurShape, MurmurTiming
from pahcl_core.data.synthetic_hearts import PITCHES, SHAPES, TIMINGS
from pahcl_core.data.synthetic_shares import choose

_MURMUR_SHARES = {"Present": 0.19, "Unknown": 0.07, "Absent": 0.74}
_ABNORMAL_SHARES = {"Present": 0.84, "Unknown": 0.63, "Absent": 0.38}
_FEWEST_PERSONS = 3  # of each label, so that any collection large enough can be split in three
_RECORDED_TWICE = 0.08
_RELABELLED = 0.2  # of the people recorded twice, those whose murmur is no longer heard

# Share, heart rate and breaths per minute, height in cm and weight in kg with their spread.
_AGES: dict[str, tuple[float, float, float, float, float]] = {
    "Neonate": (0.01, 135.0, 43.0, 50.0, 3.5),
    "Infant": (0.13, 130.0, 38.0, 70.0, 8.5),
    "Child": (0.71, 95.0, 22.0, 118.0, 23.0),
    "Adolescent": (0.08, 78.0, 17.0, 155.0, 48.0),
    MISSING: (0.07, 82.0, 18.0, 160.0, 60.0),  # as in the original, mostly adults
}
_LOCATION_SETS: dict[tuple[str, ...], float] = {
    ("AV", "PV", "TV", "MV"): 0.63,
    ("AV", "MV"): 0.13,
    ("PV", "TV", "MV"): 0.09,
    ("AV", "PV", "TV"): 0.05,
    ("MV",): 0.03,
    ("PV",): 0.02,
    ("AV", "AV", "PV", "TV", "MV"): 0.02,
    ("AV", "PV", "TV", "MV", "MV"): 0.02,
    ("AV", "PV", "TV", "MV", "Phc"): 0.01,
}
# What is left of a murmur's amplitude at the other locations, by where it is loudest.
_SPREAD: dict[str, dict[str, float]] = {
    "AV": {"AV": 1.0, "PV": 0.7, "TV": 0.45, "MV": 0.35, "Phc": 0.4},
    "PV": {"AV": 0.65, "PV": 1.0, "TV": 0.6, "MV": 0.3, "Phc": 0.4},
    "TV": {"AV": 0.4, "PV": 0.6, "TV": 1.0, "MV": 0.6, "Phc": 0.4},
    "MV": {"AV": 0.3, "PV": 0.35, "TV": 0.6, "MV": 1.0, "Phc": 0.5},
}
_GRADES: dict[str, tuple[float, float, float]] = {  # share, softest and loudest level at best
    "I/VI": (0.55, 0.045, 0.12),
    "II/VI": (0.22, 0.12, 0.22),
    "III/VI": (0.23, 0.22, 0.4),
}


@dataclass(frozen=True, kw_only=True, slots=True)
class PatientMurmur:
    """A systolic murmur before it reaches any location."""

    timing: MurmurTiming
    shape: MurmurShape
    pitch: MurmurPitch
    grade: str
    quality: str
    loudest_at: str
    level: float
    """Where it is loudest; see `SystolicMurmur.level`."""

    def level_at(self, location: str) -> float:
        """What is left of it at a location."""
        return self.level * _SPREAD[self.loudest_at][location]


@dataclass(frozen=True, kw_only=True, slots=True)
class SyntheticPatient:
    """One row of the table to be, and what cannot be read there."""

    patient_id: int
    additional_id: int | None
    """The other number of the same person."""

    campaign: str
    locations: tuple[str, ...]
    age: str
    sex: str
    height_cm: float | None
    weight_kg: float | None
    pregnant: bool
    murmur_label: str
    murmur: PatientMurmur | None
    """Also behind an Unknown there may be one, drowned in noise."""

    outcome: str
    heart_rate_bpm: float
    respiration_hz: float
    s2_split_s: float


def draw_patients(num_patients: int, rng: np.random.Generator) -> tuple[SyntheticPatient, ...]:
    """Patients in the order of their numbers; some are one person under two numbers.

    From 12 patients on, at least three persons have each murmur label and each outcome.
    """
    num_twice = round(_RECORDED_TWICE * num_patients / (1 + _RECORDED_TWICE))
    labels = _labels(num_patients - num_twice, rng)
    numbers = [int(one) for one in rng.choice(80000, num_patients, replace=False) + 10000]
    patients: list[SyntheticPatient] = []
    for (label, outcome), patient_id in zip(labels, numbers, strict=False):
        patients.append(_draw_patient(patient_id, label, outcome, rng))
    for person in range(num_twice):
        first, again_id = patients[person], numbers[len(labels) + person]
        relabelled = num_twice > 1 and person < max(1, round(_RELABELLED * num_twice))
        again = replace(
            first,
            patient_id=again_id,
            additional_id=first.patient_id,
            campaign="CC2015",
            murmur_label="Absent" if relabelled else first.murmur_label,
            murmur=None if relabelled else first.murmur,
        )
        patients[person] = replace(first, additional_id=again_id, campaign="CC2014")
        patients.append(again)
    return tuple(sorted(patients, key=lambda patient: patient.patient_id))


def _labels(num_persons: int, rng: np.random.Generator) -> list[tuple[str, str]]:
    """Murmur and outcome per person, shuffled; the counts do not depend on chance."""
    enough = num_persons > _FEWEST_PERSONS * len(_MURMUR_SHARES)
    fewest = _FEWEST_PERSONS if enough else 0
    counts = {
        label: max(fewest, round(_MURMUR_SHARES[label] * num_persons))
        for label in ("Present", "Unknown")
    }
    counts["Absent"] = num_persons - sum(counts.values())
    labels: list[tuple[str, str]] = []
    for label, count in counts.items():
        num_abnormal = round(_ABNORMAL_SHARES[label] * count)
        labels += [(label, "Abnormal")] * num_abnormal + [(label, "Normal")] * (
            count - num_abnormal
        )
    return [labels[index] for index in rng.permutation(num_persons)]


def _draw_patient(
    patient_id: int, label: str, outcome: str, rng: np.random.Generator
) -> SyntheticPatient:
    age = choose({name: row[0] for name, row in _AGES.items()}, rng)
    _, heart_rate_bpm, breaths_per_minute, height_cm, weight_kg = _AGES[age]
    size = float(np.clip(rng.normal(1.0, 0.1), 0.75, 1.25))
    measured = bool(rng.uniform() < 0.85)
    sex = str(rng.choice(["Female", "Male"]))
    pregnant = age == MISSING and sex == "Female"
    locations = choose(_LOCATION_SETS, rng)
    has_murmur = label == "Present" or (label == "Unknown" and rng.uniform() < 0.3)
    wide_split = outcome == "Abnormal" and rng.uniform() < 0.5  # as when the right ventricle lags
    return SyntheticPatient(
        patient_id=patient_id,
        additional_id=None,
        campaign=str(rng.choice(["CC2014", "CC2015"])),
        locations=locations,
        age=age,
        sex=sex,
        height_cm=round(height_cm * size) if measured and not pregnant else None,
        weight_kg=round(weight_kg * size**2.5, 1) if measured and not pregnant else None,
        pregnant=pregnant,
        murmur_label=label,
        murmur=_draw_murmur(locations, rng) if has_murmur else None,
        outcome=outcome,
        heart_rate_bpm=heart_rate_bpm * float(np.clip(rng.normal(1.0, 0.12), 0.7, 1.3)),
        respiration_hz=breaths_per_minute / 60.0 * rng.uniform(0.85, 1.15),
        s2_split_s=rng.uniform(0.045, 0.06) if wide_split else rng.uniform(0.02, 0.035),
    )


def _draw_murmur(locations: tuple[str, ...], rng: np.random.Generator) -> PatientMurmur:
    grade = choose({name: row[0] for name, row in _GRADES.items()}, rng)
    _, softest, loudest = _GRADES[grade]
    return PatientMurmur(
        timing=choose(TIMINGS, rng),
        shape=choose(SHAPES, rng),
        pitch=choose(PITCHES, rng),
        grade=grade,
        quality=str(rng.choice(["Blowing", "Harsh"])),
        loudest_at=str(rng.choice(sorted(set(locations) & _SPREAD.keys()))),
        level=rng.uniform(softest, loudest),
    )
