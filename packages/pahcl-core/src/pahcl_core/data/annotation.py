"""The annotated states of a recording, in whichever format its collection has them."""

from pahcl_core.data.collection import Problem, Recording
from pahcl_core.data.physionet2016_states import read_mat_states
from pahcl_core.data.states import StateAnnotation, read_states


def read_annotation(recording: Recording, *, file: str) -> tuple[StateAnnotation, list[Problem]]:
    """The states at `recording.states_path`, told apart by its suffix: `.mat`, or text.

    Args:
        recording: One that has an annotation.
        file: How problems name the annotation.

    Returns:
        The usable rows, possibly none, and what was left out.

    Raises:
        DataError: If a text file cannot be opened.
    """
    path = recording.states_path
    assert path is not None, "the caller asks only for recordings that have an annotation"
    if path.suffix == ".mat":
        return read_mat_states(path, file=file, duration_s=recording.duration_s)
    return read_states(path, file=file)
