"""A folder of recordings with a table of one's own: any WAV or FLAC file, any label.

The table has a header and one row per recording. Its columns: `path`, below the folder;
`subject`, whoever was recorded, in any spelling; `location`, which may be left out; and labels,
of which none is needed where nothing is learnt from them.
"""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pahcl_core.data import flac
from pahcl_core.data.audio import SUFFIXES, usable_header
from pahcl_core.data.collection import Collection, Problem, Recording, Subject
from pahcl_core.data.csv_table import read_table
from pahcl_core.data.layout import limit_damage
from pahcl_core.data.provenance import read_provenance
from pahcl_core.errors import DataError, SettingError, closest

_PATH, _SUBJECT, _LOCATION = "path", "subject", "location"
_COLUMNS = (_PATH, _SUBJECT, _LOCATION)

Unit = Literal["subject", "recording"]


@dataclass(frozen=True, kw_only=True, slots=True)
class _Entry:
    """One usable row."""

    row: int
    file: str
    """Below the folder, with `/` and without detours."""

    subject: str
    location: str | None
    labels: Mapping[str, str]


def read_folder(
    root: Path,
    table: Path,
    *,
    labels: Sequence[str],
    unit: Unit = "subject",
    max_damaged: float = 0.05,
    strict: bool = False,
) -> Collection:
    """Read a table of recordings, and the header of each.

    Args:
        root: The folder that the paths of the table start from.
        table: A comma-separated file in UTF-8 with a header, here or elsewhere.
        labels: Columns that are labels, possibly none; an empty cell is a missing label. What is
            in other columns is not read.
        unit: What has a label, and is scored: a `subject`, whose rows must then agree, or each
            `recording` on its own. Either way the person is the one in the column `subject`.
        max_damaged: Largest tolerated share of unusable rows and of unusable recordings, 0 to 1.
        strict: Whether the first unusable row or recording is an error, too.

    Returns:
        The collection; a recording's number is its path. Rows that could not be used are in its
        `problems`: those without a path or a subject, whose file is missing or neither WAV nor
        FLAC, that name a file again or contradict their subject's label; so are columns that
        were not read, though they may be meant for one that is missing.

    Raises:
        SettingError: If a label is named like one of the reader's own columns.
        DataError: If the folder or the table cannot be read, a column is missing, a path leads
            out of the folder, soundfile is missing for FLAC, nothing can be used, or too much
            cannot.
    """
    _check_arguments(root, labels)
    file = _table_name(root, table)
    content = read_table(table, file=file, required=(_PATH, _SUBJECT, *labels))
    entries, problems = _usable_rows(root, table, content.rows, labels, file=file)
    if unit == "subject":
        entries, conflicts = _agreeing(entries, file=file)
        problems += conflicts
    bad_rows = sorted((*content.problems, *problems), key=lambda problem: problem.row or 0)
    num_rows = len(content.rows) + len(content.problems)
    limit_damage(bad_rows, num_rows, "rows", root, max_damaged=max_damaged, strict=strict)
    if any(entry.file.lower().endswith(".flac") for entry in entries):
        flac.soundfile()  # one message rather than one for each recording
    recordings, damaged = _read_recordings(root, entries, unit)
    limit_damage(damaged, len(entries), "recordings", root, max_damaged=max_damaged, strict=strict)
    if not recordings:
        raise DataError(f"{table}: not one recording in it can be used")
    unread = _unread_columns(content.columns, labels, file=file)
    return Collection(
        name=root.resolve().name,
        root=root,
        provenance=read_provenance(root),
        subjects=_subjects(recordings, {entry.file: entry for entry in entries}, unit),
        recordings=tuple(recordings),
        problems=(*unread, *bad_rows, *damaged),
    )


def read_unlabelled_folder(
    root: Path, *, max_damaged: float = 0.05, strict: bool = False
) -> Collection:
    """Read the one table in a folder, whatever its name, and no label: what pretraining needs.

    Args:
        root: The folder with the table, from which its paths start.
        max_damaged: As for `read_folder`.
        strict: Likewise.

    Raises:
        DataError: If there is no table or several, and as for `read_folder`.
    """
    table = only_table(root)
    return read_folder(root, table, labels=(), max_damaged=max_damaged, strict=strict)


def only_table(root: Path) -> Path:
    """The one `.csv` file in a folder.

    Raises:
        DataError: If there is no such folder, no table in it or several.
    """
    _check_arguments(root, ())
    tables = sorted(path for path in root.glob("*.csv") if not path.name.startswith("."))
    needed = f"with the columns {_PATH!r} and {_SUBJECT!r}, one row for each recording"
    if not tables:
        content = ", ".join(sorted(path.name for path in root.iterdir())[:5]) or "nothing"
        raise DataError(
            f"{root} holds no table: put a .csv file {needed}, there (it holds: {content})"
        )
    if len(tables) > 1:
        found = ", ".join(path.name for path in tables)
        raise DataError(f"{root} holds several tables: leave there only the one {needed}: {found}")
    return tables[0]


def _check_arguments(root: Path, labels: Sequence[str]) -> None:
    for name in labels:
        if name in _COLUMNS:
            raise SettingError(f"the column {name!r} cannot be a label: it has a meaning already")
    if not root.is_dir():
        raise DataError(f"{root} {'is not a folder' if root.exists() else 'does not exist'}")


def _table_name(root: Path, table: Path) -> str:
    """How problems call the table: relative to the root where it lies below it."""
    inside = table.resolve().is_relative_to(root.resolve())
    return table.resolve().relative_to(root.resolve()).as_posix() if inside else str(table)


def _unread_columns(columns: Sequence[str], labels: Sequence[str], *, file: str) -> list[Problem]:
    """Those that may be meant for one that is missing; others are nobody's business here."""
    known = (*_COLUMNS, *labels)
    missing = [name for name in _COLUMNS if name not in columns]
    return [
        Problem(
            file=file,
            row=1,
            reason=f"the column {name!r} was not read{closest(name, known)}; "
            f"columns that were: {', '.join(one for one in known if one in columns)}",
        )
        for name in columns
        if name not in known and closest(name, missing)
    ]


def _usable_rows(
    root: Path,
    table: Path,
    rows: Sequence[tuple[int, Mapping[str, str]]],
    labels: Sequence[str],
    *,
    file: str,
) -> tuple[list[_Entry], list[Problem]]:
    entries: list[_Entry] = []
    problems: list[Problem] = []
    first: dict[str, int] = {}
    for row, cells in rows:
        path = os.path.normpath(cells[_PATH]).replace(os.sep, "/")
        if cells[_PATH] and not _is_inside(root, path):
            # Not set aside like the rest: a table that reaches elsewhere is not this folder's.
            raise DataError(f"{table}: row {row}: the path {cells[_PATH]!r} leads out of {root}")
        fault = _fault(root, path, cells, first)
        if fault is not None:
            problems.append(Problem(file=file, row=row, reason=f"{fault}; the row was left out"))
            continue
        first[path] = row
        entries.append(
            _Entry(
                row=row,
                file=path,
                subject=cells[_SUBJECT],
                location=cells.get(_LOCATION) or None,
                labels={name: cells[name] for name in labels if cells[name]},
            )
        )
    return entries, problems


def _is_inside(root: Path, path: str) -> bool:
    """Also where a part of the path is a link."""
    return (root / path).resolve().is_relative_to(root.resolve())


def _fault(root: Path, path: str, cells: Mapping[str, str], first: Mapping[str, int]) -> str | None:
    """Why a row cannot be used."""
    if not cells[_PATH]:
        return "names no path"
    if not cells[_SUBJECT]:
        return "names no subject"
    if path in first:
        return f"names {path!r}, which row {first[path]} names already"
    if not path.lower().endswith(SUFFIXES):
        return f"names {path!r}, which is neither WAV nor FLAC"
    if not (root / path).is_file():
        return f"names {path!r}, which is not there"
    return None


def _agreeing(entries: Sequence[_Entry], *, file: str) -> tuple[list[_Entry], list[Problem]]:
    """Rows that say of their subject what its first row says."""
    first: dict[str, _Entry] = {}
    kept: list[_Entry] = []
    problems: list[Problem] = []
    for entry in entries:
        said = first.setdefault(entry.subject, entry)
        if entry.labels == said.labels:
            kept.append(entry)
            continue
        reason = (
            f"labels subject {entry.subject!r} {_listing(entry.labels)}, but row {said.row} labels "
            f"it {_listing(said.labels)}; the row was left out: where recordings, not subjects, "
            "have labels, read them with unit 'recording'"
        )
        problems.append(Problem(file=file, row=entry.row, reason=reason))
    return kept, problems


def _listing(labels: Mapping[str, str]) -> str:
    return ", ".join(f"{name} {value!r}" for name, value in labels.items()) or "not at all"


def _read_recordings(
    root: Path, entries: Sequence[_Entry], unit: Unit
) -> tuple[list[Recording], list[Problem]]:
    recordings: list[Recording] = []
    damaged: list[Problem] = []
    for entry in entries:
        header = usable_header(root / entry.file, file=entry.file)
        if isinstance(header, Problem):
            damaged.append(header)
            continue
        recordings.append(
            Recording(
                recording_id=entry.file,
                subject_id=entry.subject if unit == "subject" else entry.file,
                path=root / entry.file,
                sample_rate=header.sample_rate,
                num_samples=header.num_samples,
                location=entry.location,
                labels=entry.labels,
            )
        )
    return recordings, damaged


def _subjects(
    recordings: Sequence[Recording], entries: Mapping[str, _Entry], unit: Unit
) -> tuple[Subject, ...]:
    """One for each subject, or for each recording, in the order of their first recordings."""
    subjects: dict[str, Subject] = {}
    for recording in recordings:
        entry = entries[recording.recording_id]
        subjects.setdefault(
            recording.subject_id,
            Subject(
                subject_id=recording.subject_id,
                person_id=entry.subject,
                labels=recording.labels,
            ),
        )
    return tuple(subjects.values())
