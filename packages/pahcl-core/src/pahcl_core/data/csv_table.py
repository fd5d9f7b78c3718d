"""Comma-separated tables as they come with collections: rows by column name, with line numbers."""

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from textwrap import shorten

from pahcl_core.data.collection import Problem
from pahcl_core.errors import DataError


@dataclass(frozen=True, kw_only=True, slots=True)
class CsvTable:
    """A table whose first line names its columns."""

    columns: tuple[str, ...]

    rows: tuple[tuple[int, Mapping[str, str]], ...]
    """Line number, counted from 1, and cells by column name; blanks around cells are gone."""

    problems: tuple[Problem, ...]
    """One for each row left out because it has another number of fields."""


def read_table(
    path: Path, *, file: str, required: Sequence[str], encoding_errors: str = "strict"
) -> CsvTable:
    """The rows of a table with a header.

    Args:
        path: Where it is.
        file: How problems name it; usually its path below the collection's root.
        required: Columns that must be there, once each.
        encoding_errors: `replace` where only columns in ASCII matter.

    Raises:
        DataError: If the file cannot be opened, is no text in UTF-8, is empty, or lacks a
            required column or has it twice.
    """
    lines = read_lines(path, encoding_errors=encoding_errors)
    if not lines:
        raise DataError(f"{path}: is empty")
    (_, columns), *lines = lines
    for name in required:
        if name not in columns:
            raise DataError(f"{path}: has no column {name!r}; its columns: {_listed(columns)}")
        if columns.count(name) > 1:
            raise DataError(f"{path}: has {columns.count(name)} columns {name!r}")
    rows: list[tuple[int, Mapping[str, str]]] = []
    problems: list[Problem] = []
    for number, line in lines:
        if len(line) == len(columns):
            rows.append((number, dict(zip(columns, line, strict=True))))
        else:
            reason = f"has {len(line)} fields, not {len(columns)}; the row was left out"
            problems.append(Problem(file=file, row=number, reason=reason))
    return CsvTable(columns=tuple(columns), rows=tuple(rows), problems=tuple(problems))


def _listed(columns: Sequence[str]) -> str:
    """On one line, however long a name becomes where a quote is not closed."""
    shown = [" ".join(shorten(name, 40, placeholder="…").split()) for name in columns[:30]]
    return ", ".join(shown) + (", …" if len(columns) > len(shown) else "")


def read_lines(path: Path, *, encoding_errors: str = "strict") -> list[tuple[int, list[str]]]:
    """Line number and stripped cells of every line that is not blank; no header is assumed.

    Raises:
        DataError: If the file cannot be opened or is no text in UTF-8; the row is named.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror}") from error
    try:
        # The signature that spreadsheets put in front is no part of the first column's name.
        text = content.decode("utf-8-sig", errors=encoding_errors)
        if "\0" in text:
            raise csv.Error("it holds zero bytes")
        reader = csv.reader(io.StringIO(text, newline=""))
        lines = [(reader.line_num, [cell.strip() for cell in line]) for line in reader]
    except UnicodeDecodeError as error:
        row = error.object[: error.start].count(b"\n") + 1
        raise DataError(f"{path}: is not a table in UTF-8: row {row}: {error}") from error
    except csv.Error as error:
        raise DataError(f"{path}: is not a table in UTF-8: {error}") from error
    return [(number, line) for number, line in lines if any(line)]
