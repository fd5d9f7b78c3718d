"""Annotated heart states of the PhysioNet/CinC Challenge 2016, in MATLAB files.

A file holds a cell array of two columns: the sample at which a state starts, at 2000 Hz and
counted from 1, and the state's name. A state lasts until the next one starts, the last one until
the recording ends. In the hand-corrected files, noise is bracketed by rows `(N` and `N)`; nothing
between them is known.

Source: Liu et al., "An open access database for the evaluation of heart sound algorithms",
Physiological Measurement 37(12), 2016; the algorithm's states are of Springer et al., "Logistic
regression-HSMM-based heart sound segmentation", IEEE TBME 63(4), 2016.
"""

import math
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

from pahcl_core.data.collection import Problem
from pahcl_core.data.mat_cells import Cells, MatValue, read_variables
from pahcl_core.data.states import DIASTOLE, NOT_ANNOTATED, S1, S2, SYSTOLE, StateAnnotation

ANNOTATION_RATE = 2000
"""In which the samples are counted, in hertz."""

_STATES = {"S1": S1, "systole": SYSTOLE, "S2": S2, "diastole": DIASTOLE}
_NOISE_STARTS, _NOISE_ENDS = "(N", "N)"


def read_mat_states(
    path: Path, *, file: str, duration_s: float
) -> tuple[StateAnnotation, list[Problem]]:
    """The usable states of an annotation file, and what was left out.

    Args:
        path: A MATLAB 5 file with one cell array of two columns.
        file: How problems name the file; usually its path below the collection's root.
        duration_s: Length of the recording in seconds, where its last state ends.

    Returns:
        The states in the order of time, possibly none; noise and states of unknown name are not
        annotated. One problem for each row that is none, has an unknown state or does not go
        forward in time; one without a row if the file cannot be used at all. Rows are those of
        the cell array, counted from 1.
    """
    try:
        cells = _cells(read_variables(path.read_bytes()))
    except OSError as error:
        return _nothing(file, f"cannot be read: {error.strerror}")
    except ValueError as fault:
        return _nothing(file, str(fault))
    num_rows = cells.shape[0]
    if num_rows == 0:
        return _nothing(file, "is empty")
    rows = zip(cells.values[:num_rows], cells.values[num_rows:], strict=True)
    starts, problems = _starts(rows, file=file)
    inside = [start for start in starts if start[0] < duration_s]
    if len(inside) < len(starts):
        reason = (
            f"{len(starts) - len(inside)} states start after the recording's end at "
            f"{duration_s:g} s; they were left out"
        )
        problems.append(Problem(file=file, reason=reason))
    return _until_the_next(inside, duration_s=duration_s), problems


def _nothing(file: str, reason: str) -> tuple[StateAnnotation, list[Problem]]:
    problem = Problem(file=file, reason=f"{reason}: the recording has no annotation")
    return _until_the_next([], duration_s=0.0), [problem]


def _cells(variables: dict[str, MatValue]) -> Cells:
    """The one cell array of two columns, whatever its name."""
    found = [value for value in variables.values() if isinstance(value, Cells)]
    if len(found) != 1 or found[0].shape[1] != 2:
        names = ", ".join(variables) or "nothing"
        raise ValueError(f"does not hold one cell array of two columns (it holds: {names})")
    return found[0]


def _starts(
    rows: Iterable[tuple[MatValue, MatValue]], *, file: str
) -> tuple[list[tuple[float, int]], list[Problem]]:
    """Second and state from which each usable row is true, ascending."""
    starts: list[tuple[float, int]] = []
    problems: list[Problem] = []
    in_noise = False
    for number, (start, label) in enumerate(rows, start=1):
        name = _name(label)
        in_noise = name == _NOISE_STARTS or (in_noise and name != _NOISE_ENDS)
        noise = in_noise or name == _NOISE_ENDS
        state = NOT_ANNOTATED if noise else _STATES.get(name, NOT_ANNOTATED)
        try:
            start_s = _seconds(start, earliest_s=starts[-1][0] if starts else None)
        except ValueError as fault:
            reason = f"{fault}; the row was left out"
            problems.append(Problem(file=file, row=number, reason=reason))
            if starts:  # nobody knows any longer where the state before it ends
                starts[-1] = (starts[-1][0], NOT_ANNOTATED)
            continue
        if state == NOT_ANNOTATED and not noise:
            reason = f"{name!r} is not one of {', '.join(_STATES)}; taken as not annotated"
            problems.append(Problem(file=file, row=number, reason=reason))
        starts.append((start_s, state))
    return starts, problems


def _name(label: MatValue) -> str:
    """The text, which most rows keep in a cell of its own."""
    while isinstance(label, Cells) and len(label.values) == 1:
        (label,) = label.values
    return label.strip() if isinstance(label, str) else str(label)


def _seconds(start: MatValue, *, earliest_s: float | None) -> float:
    while isinstance(start, Cells) and len(start.values) == 1:
        (start,) = start.values
    if not isinstance(start, float) or not math.isfinite(start) or start < 1:
        raise ValueError(f"{start!r} is not the number of a sample, counted from 1")
    start_s = (start - 1) / ANNOTATION_RATE
    if earliest_s is not None and start_s <= earliest_s:
        raise ValueError(f"starts at {start_s:g} s, not after {earliest_s:g} s")
    return start_s


def _until_the_next(starts: Sequence[tuple[float, int]], *, duration_s: float) -> StateAnnotation:
    start_s = np.array([start for start, _ in starts], dtype=np.float64)
    return StateAnnotation(
        start_s=start_s,
        end_s=np.append(start_s[1:], duration_s)[: len(starts)],
        state=np.array([state for _, state in starts], dtype=np.int64),
    )
