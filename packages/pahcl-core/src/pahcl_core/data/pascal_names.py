"""What the names of PASCAL recordings say, on disk and in the tables, which spell them differently.

On disk, `extrastole__127_1306764300147_C2.wav` is of the second set: class, subject, session and
take; `murmur_noisymurmur_161_…` also has a remark. In `set_b.csv` the same two recordings are
`Btraining_extrastole_127_…` and `Btraining_murmur_Btraining_noisymurmur_161_…`. In the first set,
`normal__201101151127.wav` has a class and a time. A name without a class is unlabelled; it begins
with `Aunlabelledtest`, `Bunlabelledtest` or nothing.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from pahcl_core.data.collection import Problem
from pahcl_core.data.csv_table import read_table

PUBLISHED = {
    "normal": "normal",
    "murmur": "murmur",
    "extrastole": "extrasystole",
    "extrahls": "extrahls",
    "artifact": "artifact",
}
"""The classes as file names have them, and as we call them."""

_PREFIX = re.compile(r"[AB]training_")
_LABEL = r"(?P<label>[a-z]*|[AB]unlabelledtest)"
_PATTERNS = {
    "set_a": re.compile(rf"{_LABEL}_+(?P<session>\d{{8,14}})"),
    "set_b": re.compile(
        rf"{_LABEL}_+((?P<remark>[a-z]+)_)?(?P<subject>\d+)_(?P<session>\d+)_(?P<take>[A-Z]\w*)"
    ),
}


@dataclass(frozen=True, kw_only=True, slots=True)
class PascalName:
    """A recording as its name describes it; equal for the two spellings of a name."""

    published_class: str | None
    """normal, murmur, extrasystole, extrahls or artifact; None where it is unlabelled."""

    session: str
    """In the first set a time, `YYYYMMDDhhmm`; in the second a number of 13 digits."""

    subject: str | None = None
    """The number of the person; only the second set tells."""

    take: str | None = None
    """Such as `C2`, once `B_1`; only in the second set."""

    remark: str | None = None
    """`noisynormal` or `noisymurmur`, in the second set."""


def parse_name(folder: str, stem: str) -> PascalName:
    """What a name says, without its suffix.

    Args:
        folder: `set_a` or `set_b`.
        stem: As on disk or in a table.

    Raises:
        ValueError: If it is no name of that set.
    """
    match = _PATTERNS[folder].fullmatch(_PREFIX.sub("", stem))
    if match is None:
        raise ValueError(f"is not named as recordings of {folder} are")
    parts = match.groupdict()
    label = parts["label"]
    unlabelled = label == "" or label.endswith("unlabelledtest")
    if not unlabelled and label not in PUBLISHED:
        raise ValueError(f"is named after no class ({', '.join(PUBLISHED)})")
    return PascalName(
        published_class=None if unlabelled else PUBLISHED[label],
        session=parts["session"],
        subject=parts.get("subject"),
        take=parts.get("take"),
        remark=parts.get("remark"),
    )


def read_names(root: Path, folder: str) -> tuple[Mapping[PascalName, int], list[Problem], int]:
    """The recordings that `set_a.csv` or `set_b.csv` names, by row, and a problem for other rows.

    Returns:
        Line of the table by name; problems, for rows whose name makes no sense, whose columns
        `label` and `sublabel` differ from it, or that come again; number of rows.

    Raises:
        DataError: If the table cannot be opened, is no text in UTF-8 or lacks a column.
    """
    file = f"{folder}.csv"
    table = read_table(root / file, file=file, required=("fname", "label", "sublabel"))
    names: dict[PascalName, int] = {}
    problems = list(table.problems)
    for row, cells in table.rows:
        try:
            name = parse_name(folder, Path(cells["fname"]).stem)
            _check_columns(name, cells)
            if name in names:
                raise ValueError(f"names the recording of row {names[name]} again")
        except ValueError as fault:
            reason = f"{cells['fname']!r} {fault}; the row was left out"
            problems.append(Problem(file=file, row=row, reason=reason))
        else:
            names[name] = row
    return names, problems, len(table.rows) + len(table.problems)


def _check_columns(name: PascalName, cells: Mapping[str, str]) -> None:
    label, sublabel = cells["label"], cells["sublabel"]
    if PUBLISHED.get(label, label) != (name.published_class or ""):
        raise ValueError(f"has the label {label!r}, which is not the one in its name")
    if sublabel != (name.remark or ""):
        raise ValueError(f"has the sublabel {sublabel!r}, which is not the one in its name")
