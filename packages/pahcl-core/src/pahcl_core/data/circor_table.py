"""`training_data.csv` of the CirCor DigiScope collection: one row per patient.

A missing value reads `nan`, several locations `AV+PV`, and `Additional ID` names the patient number
under which the same person was recorded in the other campaign (Oliveira et al., IEEE JBHI 26(6),
2022).
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from pahcl_core.data import csv_table
from pahcl_core.data.collection import Problem
from pahcl_core.errors import DataError

TABLE = "training_data.csv"
MURMUR = ("Present", "Absent", "Unknown")
OUTCOME = ("Normal", "Abnormal")
MISSING = "nan"

COLUMNS = (
    "Patient ID",
    "Recording locations:",
    "Age",
    "Sex",
    "Height",
    "Weight",
    "Pregnancy status",
    "Murmur",
    "Murmur locations",
    "Most audible location",
    "Systolic murmur timing",
    "Systolic murmur shape",
    "Systolic murmur grading",
    "Systolic murmur pitch",
    "Systolic murmur quality",
    "Diastolic murmur timing",
    "Diastolic murmur shape",
    "Diastolic murmur grading",
    "Diastolic murmur pitch",
    "Diastolic murmur quality",
    "Outcome",
    "Campaign",
    "Additional ID",
)
"""Of the public table, in its order."""

_REQUIRED = (
    "Patient ID",
    "Recording locations:",
    "Murmur",
    "Murmur locations",
    "Outcome",
    "Additional ID",
)
_LABELS_AND_KEYS = ("Patient ID", "Murmur", "Outcome", "Additional ID")


@dataclass(frozen=True, kw_only=True, slots=True)
class Patient:
    """One row of the table."""

    row: int
    """Line of the file, counted from 1."""

    patient_id: str
    person_id: str
    """Smallest number among all patients linked by `Additional ID`."""

    murmur: str
    """Present, Absent or Unknown."""

    murmur_locations: tuple[str, ...]
    """Where it was heard; empty when nobody says."""

    outcome: str
    """Normal or Abnormal."""

    recording_locations: tuple[str, ...]
    """One for each recording that ought to be there; a location can occur twice."""

    attributes: Mapping[str, str] = field(default_factory=dict)
    """The other columns, as written, by name in `snake_case`; missing values are absent."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Table:
    """The usable rows of the table."""

    patients: tuple[Patient, ...]
    problems: tuple[Problem, ...]
    """One for each row left out."""

    num_rows: int
    """With those left out."""


def read_table(path: Path) -> Table:
    """The usable rows of `training_data.csv`, and why others are not.

    Raises:
        DataError: If the file is no text in UTF-8, lacks a column, or has no usable row.
    """
    content = csv_table.read_table(path, file=TABLE, required=_REQUIRED)
    problems = list(content.problems)
    usable: dict[str, tuple[int, Mapping[str, str]]] = {}
    links: list[tuple[str, str]] = []
    for number, row in content.rows:
        try:
            patient_id = _patient_number(row["Patient ID"], column="Patient ID")
            partner = row["Additional ID"]
            if partner != MISSING:
                links.append((patient_id, _patient_number(partner, column="Additional ID")))
            _check_labels(row)
            if patient_id in usable:
                raise ValueError(f"patient {patient_id} is in row {usable[patient_id][0]} already")
        except ValueError as fault:
            reason = f"{fault}; the row was left out"
            problems.append(Problem(file=TABLE, row=number, reason=reason))
        else:
            usable[patient_id] = (number, row)
    if not usable:
        first = f"; {problems[0]}" if problems else ""
        raise DataError(f"{path}: not one patient in it can be used{first}")
    persons = _persons(links)
    patients = tuple(
        _patient(number, row, patient_id=patient_id, person_id=persons.get(patient_id, patient_id))
        for patient_id, (number, row) in usable.items()
    )
    return Table(
        patients=patients,
        problems=tuple(sorted(problems, key=lambda problem: problem.row or 0)),
        num_rows=len(usable) + len(problems),
    )


def _patient_number(text: str, *, column: str) -> str:
    """`50379`, also where a table with missing values made it `50379.0`."""
    number = text.removesuffix(".0")
    if not (number.isascii() and number.isdigit()):
        raise ValueError(f"{column} {text!r} is not a patient number")
    return number


def _check_labels(row: Mapping[str, str]) -> None:
    for column, allowed in (("Murmur", MURMUR), ("Outcome", OUTCOME)):
        if row[column] not in allowed:
            raise ValueError(f"{column} {row[column]!r} is not one of {', '.join(allowed)}")


def _persons(links: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Connected components: each linked patient with the smallest number it is linked to."""
    members: dict[str, set[str]] = {}
    for first, second in links:
        merged = members.get(first, {first}) | members.get(second, {second})
        for patient_id in merged:
            members[patient_id] = merged
    return {patient_id: min(merged, key=int) for patient_id, merged in members.items()}


def _patient(number: int, row: Mapping[str, str], *, patient_id: str, person_id: str) -> Patient:
    attributes = {
        column.rstrip(":").lower().replace(" ", "_"): value
        for column, value in row.items()
        if column not in _LABELS_AND_KEYS and value not in (MISSING, "")
    }
    return Patient(
        row=number,
        patient_id=patient_id,
        person_id=person_id,
        murmur=row["Murmur"],
        murmur_locations=_locations(row["Murmur locations"]),
        outcome=row["Outcome"],
        recording_locations=_locations(row["Recording locations:"]),
        attributes=attributes,
    )


def _locations(text: str) -> tuple[str, ...]:
    return () if text in (MISSING, "") else tuple(text.split("+"))
