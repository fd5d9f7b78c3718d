"""The tables of the PhysioNet/CinC Challenge 2016: labels, quality, and who was recorded.

`training-x/REFERENCE.csv` and `REFERENCE-SQI.csv` have no header: name, label (-1 normal,
1 abnormal) and, in the latter, quality (1 good, 0 unsure). The appendix of the paper, in
`annotations/`, has a row for most recordings and what is known of the person.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from pahcl_core.data.collection import Problem
from pahcl_core.data.csv_table import read_lines, read_table

REFERENCE = "REFERENCE.csv"
QUALITY = "REFERENCE-SQI.csv"
APPENDIX = "annotations/Online_Appendix_training_set.csv"

LABELS = {"-1": "normal", "1": "abnormal"}
QUALITIES = {"1": "good", "0": "unsure"}

_NAME, _ORIGINAL, _SUBJECT, _RAW_RECORD, _SITE = (
    "Challenge record name",
    "Original record name",
    "Subject ID",
    "# Raw record",
    "Transducer site on body",
)
_ATTRIBUTES = {
    "Diagnosis": "diagnosis",
    "Gender": "sex",
    "Age (year)": "age",
    "Recording state": "activity",
    _ORIGINAL: "original_name",
}


@dataclass(frozen=True, kw_only=True, slots=True)
class References:
    """The usable rows of the reference tables of one database."""

    labels: Mapping[str, str]
    """normal or abnormal, by name of the recording, in the table's order."""

    rows: Mapping[str, int]
    """Line in `REFERENCE.csv`, counted from 1."""

    quality: Mapping[str, str]
    """good or unsure, by name of the recording."""

    problems: tuple[Problem, ...]
    """One for each row left out."""

    num_rows: int
    """Of both tables, with those left out."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Origin:
    """What the appendix says of a recording."""

    person_key: str | None
    """Equal for recordings of one person; None where the appendix does not tell."""

    location: str | None
    """Where the transducer was, in its words."""

    attributes: Mapping[str, str] = field(default_factory=dict)


def read_references(root: Path, folder: str) -> References:
    """Labels and quality of one database, such as `training-a`.

    Raises:
        DataError: If a table cannot be opened or is no text in UTF-8. The table of labels must
            be there, that of quality need not.
    """
    file = f"{folder}/{REFERENCE}"
    lines = read_lines(root / folder / REFERENCE)
    usable, problems = _coded(lines, 2, LABELS, file=file)
    labels = {name: values[-1] for name, (_, values) in usable.items()}
    quality_file = f"{folder}/{QUALITY}"
    quality: dict[str, str] = {}
    quality_lines: list[tuple[int, list[str]]] = []
    if (root / quality_file).is_file():
        quality_lines = read_lines(root / quality_file)
        rated, faults = _coded(quality_lines, 3, QUALITIES, file=quality_file)
        quality = {name: values[-1] for name, (_, values) in rated.items()}
        problems += faults
        for name, (row, (label, _)) in rated.items():
            if name in labels and LABELS.get(label) != labels[name]:
                reason = f"{name} has the label {label!r} here, but {labels[name]} in {REFERENCE}"
                problems.append(
                    Problem(file=quality_file, row=row, reason=f"{reason}, which counts")
                )
    return References(
        labels=labels,
        rows={name: row for name, (row, _) in usable.items()},
        quality=quality,
        problems=tuple(problems),
        num_rows=len(lines) + len(quality_lines),
    )


def _coded(
    lines: Sequence[tuple[int, list[str]]], num_fields: int, codes: Mapping[str, str], *, file: str
) -> tuple[dict[str, tuple[int, list[str]]], list[Problem]]:
    """By name, the row and its other fields, the last one decoded; and a problem for the rest."""
    usable: dict[str, tuple[int, list[str]]] = {}
    problems: list[Problem] = []
    for row, (name, *values) in lines:
        if len(values) != num_fields - 1:
            reason = f"has {len(values) + 1} fields, not {num_fields}"
        elif values[-1] not in codes:
            reason = f"{name} has the value {values[-1]!r}, not one of {', '.join(codes)}"
        elif name in usable:
            reason = f"{name} is in row {usable[name][0]} already"
        else:
            usable[name] = (row, [*values[:-1], codes[values[-1]]])
            continue
        problems.append(Problem(file=file, row=row, reason=f"{reason}; the row was left out"))
    return usable, problems


def read_appendix(root: Path) -> tuple[Mapping[str, Origin], tuple[Problem, ...], int]:
    """What is known of each recording by name, a problem for each row left out, number of rows.

    A name that occurs again is a problem, and its first row counts.

    Raises:
        DataError: If the table cannot be opened, is empty or lacks a column.
    """
    # Keys and names are ASCII; nothing else in the table may make it unreadable.
    table = read_table(
        root / APPENDIX,
        file=APPENDIX,
        required=(_NAME, _ORIGINAL, _SUBJECT, _RAW_RECORD),
        encoding_errors="replace",
    )
    origins: dict[str, Origin] = {}
    problems = list(table.problems)
    for number, row in table.rows:
        name = row[_NAME]
        if name in origins:
            reason = f"{name} is in the table twice; the row was left out"
            problems.append(Problem(file=APPENDIX, row=number, reason=reason))
            continue
        origins[name] = Origin(
            person_key=_person_key(name[:1], row),
            location=row.get(_SITE) or None,
            attributes={
                short: row[column] for column, short in _ATTRIBUTES.items() if row.get(column)
            },
        )
    return origins, tuple(problems), len(table.rows) + len(table.problems)


def _person_key(database: str, row: Mapping[str, str]) -> str | None:
    """The person as far as the database tells persons apart."""
    if database == "a":
        match = re.match(r"C\d+", row[_ORIGINAL])
        return match.group() if match else None
    number = {"b": row[_SUBJECT], "e": row[_RAW_RECORD]}.get(database, "").removesuffix(".0")
    return number or None
