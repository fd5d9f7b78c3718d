"""The table of a folder of one's own: which recording is whose, and what is true of it."""

import csv
import os
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from pahcl_core.data.audio import SUFFIXES
from pahcl_core.data.collection import Problem
from pahcl_core.data.csv_table import read_table
from pahcl_core.errors import DataError, closest

PATH, SUBJECT, LOCATION = "path", "subject", "location"
COLUMNS = (PATH, SUBJECT, LOCATION)

Unit = Literal["subject", "recording"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Entry:
    """One usable row."""

    row: int
    file: str
    """Below the folder, with `/` and without detours."""

    subject: str
    """In the one spelling that Unicode has for it (NFC): what looks the same is the same."""

    location: str | None
    labels: Mapping[str, str]


@dataclass(frozen=True, kw_only=True, slots=True)
class FolderTable:
    """What a table says."""

    entries: tuple[Entry, ...]
    num_rows: int
    """With those that cannot be used."""

    bad_rows: tuple[Problem, ...]
    unread: tuple[Problem, ...]
    """Columns that were not read, though they may be meant for one that is missing."""


def read_folder_table(
    root: Path, table: Path, *, labels: Sequence[str], unit: Unit = "subject"
) -> FolderTable:
    """The usable rows of a table, and what was left out; see `read_folder`.

    Raises:
        DataError: If the table cannot be read, a column is missing or there twice, a quote is
            not closed, or a path leads out of the folder.
    """
    file = _table_name(root, table)
    content = read_table(table, file=file, required=(PATH, SUBJECT, *labels))
    _refuse_open_quotes(table)
    if content.columns.count(LOCATION) > 1:  # it may be missing, so it is not a required one
        raise DataError(f"{table}: has {content.columns.count(LOCATION)} columns {LOCATION!r}")
    entries, problems = _usable_rows(root, table, content.rows, labels, file=file)
    if unit == "subject":
        entries, conflicts = _agreeing(entries, file=file)
        problems += conflicts
    bad_rows = sorted((*content.problems, *problems), key=lambda problem: problem.row or 0)
    return FolderTable(
        entries=tuple(entries),
        num_rows=len(content.rows) + len(content.problems),
        bad_rows=tuple(bad_rows),
        unread=tuple(_unread_columns(content.columns, labels, file=file)),
    )


def _table_name(root: Path, table: Path) -> str:
    """How problems call the table: relative to the root where it lies below it."""
    inside = table.resolve().is_relative_to(root.resolve())
    return table.resolve().relative_to(root.resolve()).as_posix() if inside else str(table)


def _refuse_open_quotes(table: Path) -> None:
    """A quote that is not closed makes one cell of all rows up to the next one, or to the end."""
    row = 1
    with table.open(encoding="utf-8-sig", newline="") as file:
        reader = csv.reader(file, strict=True)
        try:
            for _ in reader:
                row = reader.line_num + 1
        except csv.Error as error:
            raise DataError(
                f'{table}: row {row}: a quote (") is not closed, or stands in a quoted cell and is '
                f"not doubled ({error}); what follows would be taken for the same cell"
            ) from error


def _unread_columns(columns: Sequence[str], labels: Sequence[str], *, file: str) -> list[Problem]:
    """Those that may be meant for one that is missing; others are nobody's business here."""
    known = (*COLUMNS, *labels)
    missing = [name for name in COLUMNS if name not in columns]
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
) -> tuple[list[Entry], list[Problem]]:
    entries: list[Entry] = []
    problems: list[Problem] = []
    first: dict[str, int] = {}
    for row, cells in rows:
        path = _below(root, cells[PATH])
        if path is None:
            # Not set aside like the rest: a table that reaches elsewhere is not this folder's.
            raise DataError(f"{table}: row {row}: the path {cells[PATH]!r} leads out of {root}")
        fault = _fault(root, path, cells, first)
        if fault is not None:
            problems.append(Problem(file=file, row=row, reason=f"{fault}; the row was left out"))
            continue
        first[path] = row
        entries.append(
            Entry(
                row=row,
                file=path,
                subject=unicodedata.normalize("NFC", cells[SUBJECT]),
                location=cells.get(LOCATION) or None,
                labels={name: cells[name] for name in labels if cells[name]},
            )
        )
    return entries, problems


def _below(root: Path, path: str) -> str | None:
    """A path as it is below the root; None where it, or a link on its way, leads elsewhere."""
    path = os.path.normpath(path)
    if Path(path).is_absolute():
        # As the root is written, which keeps links inside it apart; else as it is on the disk.
        for start, end in (
            (os.path.normpath(root.absolute()), path),
            (os.path.realpath(root), os.path.realpath(path)),
        ):
            if Path(end).is_relative_to(start):
                path = os.path.relpath(end, start)
                break
    inside = Path(os.path.realpath(root / path)).is_relative_to(os.path.realpath(root))
    return path.replace(os.sep, "/") if inside else None


def _fault(root: Path, path: str, cells: Mapping[str, str], first: Mapping[str, int]) -> str | None:
    """Why a row cannot be used."""
    if not cells[PATH]:
        return "names no path"
    if not cells[SUBJECT]:
        return "names no subject"
    if path in first:
        return f"names {path!r}, which row {first[path]} names already"
    if not path.lower().endswith(SUFFIXES):
        return f"names {path!r}, which is neither WAV nor FLAC"
    try:
        there = (root / path).is_file()
    except OSError as error:  # a name that no file can have, a folder that nobody may enter
        return f"names {path!r}, which cannot be read: {error.strerror}"
    return None if there else f"names {path!r}, which is not there"


def _agreeing(entries: Sequence[Entry], *, file: str) -> tuple[list[Entry], list[Problem]]:
    """Rows that contradict no earlier one of their subject, each with all that is said of it.

    A row without any label is none of a subject that has one elsewhere: nobody said that it
    belongs to the label.
    """
    said: dict[str, dict[str, str]] = {}
    source: dict[tuple[str, str], int] = {}
    kept: list[Entry] = []
    problems: list[Problem] = []
    for entry in entries:
        known = said.setdefault(entry.subject, {})
        against = {name for name, value in entry.labels.items() if known.get(name, value) != value}
        if against:
            row = min(source[entry.subject, name] for name in against)
            problems.append(_contradiction(entry, {n: known[n] for n in against}, row, file=file))
            continue
        for name in entry.labels.keys() - known.keys():
            source[entry.subject, name] = entry.row
        known.update(entry.labels)
        kept.append(entry)
    return [
        replace(entry, labels=said[entry.subject])
        for entry in kept
        if entry.labels or not said[entry.subject]
    ], problems


def _contradiction(entry: Entry, known: Mapping[str, str], row: int, *, file: str) -> Problem:
    own = {name: entry.labels[name] for name in known}
    reason = (
        f"labels subject {entry.subject!r} {_listing(own)}, but row {row} labels it "
        f"{_listing(known)}; the row was left out: where recordings, not subjects, have labels, "
        "read them with unit 'recording'"
    )
    return Problem(file=file, row=entry.row, reason=reason)


def _listing(labels: Mapping[str, str]) -> str:
    return ", ".join(f"{name} {value!r}" for name, value in labels.items())
