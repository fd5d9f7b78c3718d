"""Cycles of many recordings over one signal."""

from pathlib import Path

import numpy as np
import pytest

from pahcl_core.data.collection import Recording
from pahcl_core.data.cycle_set import CycleSet


@pytest.fixture
def cycles() -> CycleSet:
    """Four recordings of three subjects, with 2, 1, 3 and 1 cycles."""
    owners = ["b", "a", "b", "c"]
    return CycleSet(
        recordings=tuple(
            Recording(
                recording_id=f"{owner}_{number}",
                subject_id=owner,
                path=Path(f"{number}.wav"),
                sample_rate=10,
                num_samples=10,
            )
            for number, owner in enumerate(owners)
        ),
        sources=("annotation",) * 4,
        sample_rate=10,
        samples=np.zeros(40, dtype=np.float32),
        offsets=np.arange(5) * 10,
        recording=np.array([0, 0, 1, 2, 2, 2, 3]),
        bounds=np.zeros((7, 5), dtype=np.int64),
    )


def test_its_length_is_the_number_of_cycles(cycles):
    assert len(cycles) == 7


@pytest.mark.parametrize(
    ("subjects", "expected"),
    [
        (["a"], [2]),
        (["b"], [0, 1, 3, 4, 5]),
        (["c", "a"], [2, 6]),
        (["b", "b", "nobody"], [0, 1, 3, 4, 5]),
        ([], []),
    ],
)
def test_cycles_of_subjects_are_those_of_all_their_recordings(cycles, subjects, expected):
    assert cycles.of_subjects(subjects).tolist() == expected
