"""Writes heart states as the PhysioNet/CinC Challenge 2016 has them: see `physionet2016_states`."""

from pathlib import Path

import numpy as np
from scipy.io import savemat

from pahcl_core.data.physionet2016_states import ANNOTATION_RATE
from pahcl_core.data.states import DIASTOLE, NOT_ANNOTATED, S1, S2, SYSTOLE, StateAnnotation

_NAMES = {S1: "S1", SYSTOLE: "systole", S2: "S2", DIASTOLE: "diastole"}
_HEADER = b"MATLAB 5.0 MAT-file, synthetic".ljust(116)  # SciPy's own tells the time


def write_mat_states(path: Path, states: StateAnnotation, *, num_samples: int) -> None:
    """Write a cell array of the samples at which states start, and their names.

    The name of a state lies in a cell of its own, those of noise do not; state 0 is noise.

    Args:
        path: Of the file.
        states: Without gaps from the recording's start to its end.
        num_samples: Of the recording, at 2000 Hz.
    """
    first = np.rint(states.start_s * ANNOTATION_RATE).astype(int) + 1  # counted from 1
    last = np.append(first[1:] - 1, num_samples)
    rows: list[tuple[int, str]] = []
    for start, end, state in zip(first, last, states.state, strict=True):
        if start > end:  # a state cut off by the recording's start or end, shorter than a sample
            continue
        if state == NOT_ANNOTATED:
            rows += [(start, "(N"), (end, "N)")]
        else:
            rows.append((start, _NAMES[state]))
    cells = np.empty((len(rows), 2), dtype=object)
    for index, (start, name) in enumerate(rows):
        cells[index, 0] = np.array([[float(start)]])
        cells[index, 1] = _in_a_cell(name) if name in _NAMES.values() else name
    savemat(path, {"state_ans": cells}, do_compression=True)
    with path.open("r+b") as file:
        file.write(_HEADER)


def _in_a_cell(name: str) -> np.ndarray:
    cell = np.empty((1, 1), dtype=object)
    cell[0, 0] = name
    return cell
