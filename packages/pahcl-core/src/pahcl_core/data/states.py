"""Annotated heart states: rows of start, end and state in a tab-separated file, as CirCor has them.

States: 0 not annotated, 1 S1, 2 systole, 3 S2, 4 diastole. Source of the format: Oliveira et al.,
"The CirCor DigiScope dataset: from murmur detection to murmur classification", IEEE Journal of
Biomedical and Health Informatics 26(6), 2022.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float64, Int64

from pahcl_core.data.collection import Problem
from pahcl_core.errors import DataError

NOT_ANNOTATED, S1, SYSTOLE, S2, DIASTOLE = range(5)


@dataclass(frozen=True, kw_only=True, slots=True)
class StateAnnotation:
    """The states of one recording, in the order of time.

    Rows may touch, leave gaps or overlap by a rounding error, and need not reach the recording's
    end: what no row covers is not annotated.
    """

    start_s: Float64[np.ndarray, "rows"]
    """Seconds from the recording's first sample, ascending."""

    end_s: Float64[np.ndarray, "rows"]
    """Seconds; after `start_s`."""

    state: Int64[np.ndarray, "rows"]
    """0 not annotated, 1 S1, 2 systole, 3 S2, 4 diastole."""

    def __len__(self) -> int:
        return len(self.state)


def read_states(path: Path, *, file: str) -> tuple[StateAnnotation, list[Problem]]:
    """The usable rows of an annotation file, and what was left out.

    Args:
        path: A file of `start end state` rows, times in seconds.
        file: How problems name the file; usually its path below the collection's root.

    Returns:
        The rows in the file's order, possibly none, and one problem for each row left out: one
        that is no row of three numbers, whose state is not 0 to 4, or that goes back in time.

    Raises:
        DataError: If the file cannot be opened.
    """
    try:
        # Bytes that are no text become a row that is no number, and so a problem with a line.
        text = path.read_bytes().decode("utf-8-sig", errors="replace")
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror}") from error
    return _usable_rows(text.splitlines(), file=file)


def write_states(path: Path, states: StateAnnotation) -> None:
    """Write states as CirCor has them; `read_states` gives back the very same numbers.

    Args:
        path: Of the file; one that is there is overwritten.
        states: At least one row, or the file counts as one without an annotation.
    """
    columns = (states.start_s.tolist(), states.end_s.tolist(), states.state.tolist())
    rows = (f"{start}\t{end}\t{state}\n" for start, end, state in zip(*columns, strict=True))
    path.write_text("".join(rows), encoding="utf-8", newline="\n")


def _usable_rows(lines: Sequence[str], *, file: str) -> tuple[StateAnnotation, list[Problem]]:
    annotation = _all_usable(lines)
    if annotation is not None:
        return annotation, []
    rows: list[tuple[float, float, int]] = []
    problems: list[Problem] = []
    empty = True
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        empty = False
        try:
            row = _parse(line, earliest_s=rows[-1][0] if rows else 0.0)
        except ValueError as fault:
            reason = f"{fault}; the row was left out"
            problems.append(Problem(file=file, row=number, reason=reason))
            continue
        if row[0] < row[1]:  # some files close with a state 0 of no length: nobody's mistake
            rows.append(row)
    if empty:
        problems.append(Problem(file=file, reason="is empty: the recording has no annotation"))
    columns = np.array(rows, dtype=np.float64).reshape(-1, 3)
    annotation = StateAnnotation(
        start_s=columns[:, 0].copy(),
        end_s=columns[:, 1].copy(),
        state=columns[:, 2].astype(np.int64),
    )
    return annotation, problems


def _all_usable(lines: Sequence[str]) -> StateAnnotation | None:
    """All rows at once; None if there is any that has to be looked at by itself."""
    try:
        start, end, label = zip(*(line.split() for line in lines), strict=True)
        start_s = np.fromiter(map(float, start), np.float64, len(start))
        end_s = np.fromiter(map(float, end), np.float64, len(end))
        state = np.fromiter(map(int, label), np.int64, len(label))
    except (ValueError, OverflowError):
        return None
    lasts = start_s < end_s
    usable = (lasts | ((start_s == end_s) & (state == NOT_ANNOTATED))) & (end_s < math.inf)
    usable &= (state >= NOT_ANNOTATED) & (state <= DIASTOLE)
    if start_s[0] < 0 or not usable.all() or (start_s[1:] < start_s[:-1]).any():
        return None
    return StateAnnotation(start_s=start_s[lasts], end_s=end_s[lasts], state=state[lasts])


def _parse(line: str, *, earliest_s: float) -> tuple[float, float, int]:
    """The row's values; a ValueError says what is wrong with it."""
    try:
        start, end, label = line.split()
        start_s, end_s, state = float(start), float(end), int(label)
    except ValueError as error:
        raise ValueError(f"{line.strip()!r} is not a start, an end and a state") from error
    if not (math.isfinite(start_s) and math.isfinite(end_s)):
        raise ValueError(f"{line.strip()!r} has a time that is not a finite number")
    if state not in range(5):
        raise ValueError(f"state {state} is not one of 0–4")
    if start_s < earliest_s:
        raise ValueError(f"starts at {start_s:g} s, before {earliest_s:g} s: it goes back in time")
    if end_s < start_s or (end_s == start_s and state != NOT_ANNOTATED):
        raise ValueError(f"ends at {end_s:g} s, not after its start at {start_s:g} s")
    return start_s, end_s, state
