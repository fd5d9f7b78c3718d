"""Cycles of many recordings over one signal."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from pahcl_core.data.collection import Recording
from pahcl_core.data.cycle_set import CycleSet, joined, with_windows


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


def test_sets_are_joined_one_after_the_other(cycles):
    """By hand; each recording and subject gets the name of its set before its own."""
    second = replace(
        cycles,
        recordings=cycles.recordings[:2],
        sources=("annotation", "windows"),
        samples=np.ones(20, dtype=np.float32),
        offsets=np.array([0, 10, 20]),
        recording=np.array([0, 1, 1]),
        bounds=np.arange(15).reshape(3, 5),
    )

    both = joined({"x": cycles, "y": second})

    assert both.samples.tolist() == [0.0] * 40 + [1.0] * 20
    assert both.offsets.tolist() == [0, 10, 20, 30, 40, 50, 60]
    assert both.recording.tolist() == [0, 0, 1, 2, 2, 2, 3, 4, 5, 5]
    assert both.bounds[7:].tolist() == (40 + np.arange(15)).reshape(3, 5).tolist()
    assert both.sources == ("annotation",) * 5 + ("windows",)
    assert [r.recording_id for r in both.recordings[3:]] == ["x/c_3", "y/b_0", "y/a_1"]
    assert both.of_subjects(["x/b"]).tolist() == [0, 1, 3, 4, 5]
    assert both.of_subjects(["y/b", "b"]).tolist() == [7]


def test_one_set_is_joined_without_a_copy(cycles):
    assert joined({"x": cycles}).samples is cycles.samples


def test_sets_of_different_rates_are_not_joined(cycles):
    with pytest.raises(AssertionError, match=r"sample rates of \[10, 20\] Hz"):
        joined({"x": cycles, "y": replace(cycles, sample_rate=20)})


# Recordings that could not be segmented.


@pytest.fixture
def partly(cycles) -> CycleSet:
    """10 Hz; the second of the recordings, 25 samples, and the fourth, 4 samples, in windows."""
    return replace(
        cycles,
        sources=("annotation", "windows", "segmentation", "windows"),
        samples=np.zeros(49, dtype=np.float32),
        offsets=np.array([0, 10, 35, 45, 49]),
        recording=np.array([0, 0, 1, 1, 2, 2, 2, 3]),
        bounds=np.array(
            [
                [0, 1, 2, 3, 5], [5, 6, 7, 8, 10], [10, 10, 10, 10, 20], [20, 20, 20, 20, 30],
                [35, 36, 37, 38, 39], [39, 40, 41, 42, 43], [43, 43, 43, 43, 45],
                [45, 45, 45, 45, 49],
            ]
        ),
    )  # fmt: skip


def test_windows_lie_half_their_length_apart_within_the_recording(partly):
    """Of 1 s: from 0, 0.5, 1 and 1.5 s in one of 2.5 s; one of 0.4 s has a single one, shorter."""
    found = with_windows(partly, 1.0)

    assert found.recording.tolist() == [0, 0, 1, 1, 1, 1, 2, 2, 2, 3]
    starts = [10, 15, 20, 25]
    assert found.bounds[2:6].tolist() == [[one, one, one, one, one + 10] for one in starts]
    assert found.bounds[9].tolist() == [45, 45, 45, 45, 49]
    assert not found.has_phases[[2, 3, 4, 5, 9]].any()


def test_cycles_that_were_found_stay_as_they_are(partly):
    """Also one whose phases are unknown."""
    found = with_windows(partly, 1.0)

    assert found.bounds[[0, 1, 6, 7, 8]].tolist() == partly.bounds[[0, 1, 4, 5, 6]].tolist()
    assert found.recordings == partly.recordings
    assert found.samples is partly.samples


@pytest.mark.parametrize(("window_s", "count"), [(0.5, 11), (2.5, 1), (2.4, 1), (9.0, 1)])
def test_as_many_windows_as_there_is_room_for(partly, window_s, count):
    """Of half a second, every second sample from 0 to 20; a longer one than the recording."""
    found = with_windows(partly, window_s)

    own = found.bounds[found.recording == 1]
    assert len(own) == count
    assert own[:, 0].min() == 10
    assert own[:, -1].max() <= 35
    assert own[0, -1] == 10 + min(25, round(10 * window_s))


def test_windows_say_which_recordings_they_stand_for(partly, cycles):
    assert partly.by_windows.tolist() == [False, True, False, True]
    assert with_windows(cycles, 1.0).bounds.tolist() == cycles.bounds.tolist()
