"""The heart states of the Challenge 2016: seconds by hand, noise, faults, and damaged files."""

import random
import re

import numpy as np
import pytest
from scipy.io import savemat

from pahcl_core.data.check import check_collection
from pahcl_core.data.physionet2016 import read_physionet2016
from pahcl_core.data.physionet2016_states import read_mat_states
from pahcl_core.data.preparation import SignalConfig
from support.prepared import prepare
from support.recordings import write_states

GOOD = [(1, "S1"), (201, "systole"), (401, "S2"), (601, "diastole"), (1601, "S1")]


@pytest.fixture
def read(tmp_path):
    """Write these rows and read them as the states of a recording of a second."""

    def read(rows, *, duration_s: float = 1.0, **options):
        write_states(tmp_path / "a.mat", rows, **options)
        return read_mat_states(tmp_path / "a.mat", file="annotations/a.mat", duration_s=duration_s)

    return read


def rows(annotation) -> list[tuple[float, float, int]]:
    columns = annotation.start_s.tolist(), annotation.end_s.tolist(), annotation.state.tolist()
    return list(zip(*columns, strict=True))


@pytest.mark.parametrize("name", ["state_ans", "state_ans0"])
@pytest.mark.parametrize("compressed", [False, True])
def test_a_state_lasts_until_the_next_one(read, name, compressed):
    """By hand: sample 1 is second 0, sample 201 second 0.1; the last ends with the recording."""
    annotation, problems = read(GOOD, name=name, do_compression=compressed)

    assert rows(annotation) == [
        (0.0, 0.1, 1),
        (0.1, 0.2, 2),
        (0.2, 0.3, 3),
        (0.3, 0.8, 4),
        (0.8, 1.0, 1),
    ]
    assert problems == []


@pytest.mark.parametrize(
    ("noisy", "states"),
    [
        ([(1, "(N"), (401, "N)"), (601, "S1"), (801, "systole")], [0, 0, 1, 2]),
        ([(1, "S1"), (201, "(N"), (401, "N)")], [1, 0, 0]),
        ([(1, "(N"), (201, "S1"), (401, "systole"), (601, "N)"), (801, "S1")], [0, 0, 0, 0, 1]),
        ([(1, "S1"), (201, "(N"), (401, "S2")], [1, 0, 0]),
        ([(1, "S1"), (201, "N)"), (401, "S2")], [1, 0, 3]),
    ],
)
def test_noise_is_not_annotated(read, noisy, states):
    """From `(N` to `N)` and on to the next state; without an end, to the last; and no problem."""
    annotation, problems = read(noisy)

    assert annotation.state.tolist() == states
    assert annotation.start_s.tolist() == [(start - 1) / 2000 for start, _ in noisy]
    assert problems == []


def test_reads_the_spellings_of_a_row(tmp_path):
    """A name outside a cell, as some rows have it, a start inside one, starts of any type."""
    cells = np.empty((4, 2), dtype=object)
    start = np.empty((1, 1), dtype=object)
    start[0, 0] = np.int32(601)
    cells[:, 0] = [np.uint8(1), np.float64(201), np.uint16(401), start]
    cells[:, 1] = ["S1", " systole", "S2", "diastole "]
    savemat(tmp_path / "a.mat", {"state_ans": cells})

    annotation, problems = read_mat_states(tmp_path / "a.mat", file="a", duration_s=1.0)

    assert rows(annotation) == [(0.0, 0.1, 1), (0.1, 0.2, 2), (0.2, 0.3, 3), (0.3, 1.0, 4)]
    assert problems == []


@pytest.mark.parametrize(
    ("start", "reason"),
    [
        (401, "starts at 0.2 s, not after 0.2 s; the row was left out"),
        (301, "starts at 0.15 s, not after 0.2 s"),
        (0, "0.0 is not the number of a sample, counted from 1"),
        (float("nan"), "nan is not the number of a sample"),
        ("601", "'601' is not the number of a sample"),
    ],
)
def test_leaves_out_a_row_without_a_sensible_start(read, start, reason):
    """Nobody knows where the state before it ended, so that one is not annotated either."""
    bad = [*GOOD[:3], (start, "diastole"), GOOD[4]]

    annotation, problems = read(bad)

    assert rows(annotation) == [(0.0, 0.1, 1), (0.1, 0.2, 2), (0.2, 0.8, 0), (0.8, 1.0, 1)]
    (problem,) = problems
    assert (problem.file, problem.row) == ("annotations/a.mat", 4)
    assert reason in problem.reason


@pytest.mark.parametrize("label", ["S3", "s1", 7])
def test_a_state_of_an_unknown_name_is_not_annotated(read, label):
    """Its row still ends the one before."""
    annotation, problems = read([*GOOD[:3], (601, label), GOOD[4]])

    assert rows(annotation)[2:] == [(0.2, 0.3, 3), (0.3, 0.8, 0), (0.8, 1.0, 1)]
    assert [problem.row for problem in problems] == [4]
    assert "is not one of S1, systole, S2, diastole; taken as not annotated" in problems[0].reason


def test_states_after_the_recordings_end_are_left_out(read):
    """0.3 s are samples 1 to 600: the states at 601 and 1601 lie outside."""
    annotation, problems = read(GOOD, duration_s=0.3)

    assert rows(annotation) == [(0.0, 0.1, 1), (0.1, 0.2, 2), (0.2, 0.3, 3)]
    assert [problem.reason for problem in problems] == [
        "2 states start after the recording's end at 0.3 s; they were left out"
    ]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ({}, r"does not hold one cell array of two columns \(it holds: nothing\)"),
        ({"x": 3.0}, r"does not hold one cell array of two columns \(it holds: x\)"),
        ({"x": np.array([["a", "b", "c"]], dtype=object)}, "does not hold one cell array of two"),
        ({"x": np.empty((0, 2), dtype=object)}, "is empty"),
        ({"x": np.eye(3)}, "holds an array of 9 numbers where one should be"),
        ({"x": {"a": 1}}, "holds an array of class 2"),
    ],
)
def test_a_file_of_something_else_is_a_problem(tmp_path, content, reason):
    savemat(tmp_path / "a.mat", content)

    annotation, (problem,) = read_mat_states(tmp_path / "a.mat", file="a.mat", duration_s=1.0)

    assert len(annotation) == 0
    assert (problem.file, problem.row) == ("a.mat", None)
    assert re.match(rf"{reason}.*: the recording has no annotation$", problem.reason)


def test_a_missing_file_is_a_problem(tmp_path):
    annotation, (problem,) = read_mat_states(tmp_path / "gone.mat", file="a", duration_s=1.0)

    assert len(annotation) == 0
    assert problem.reason == (
        "cannot be read: No such file or directory: the recording has no annotation"
    )


@pytest.mark.parametrize("compressed", [False, True])
def test_a_truncated_file_is_a_problem_wherever_it_ends(tmp_path, compressed):
    """Also where it ends inside its header; and never part of an annotation."""
    path = tmp_path / "a.mat"
    write_states(path, GOOD, do_compression=compressed)
    content = path.read_bytes()
    for length in range(len(content) - 1):
        path.write_bytes(content[:length])

        annotation, problems = read_mat_states(path, file="a.mat", duration_s=1.0)

        assert (len(annotation), len(problems)) == (0, 1)


@pytest.mark.parametrize("compressed", [False, True])
def test_changed_bytes_never_do_more_than_spoil_the_annotation(tmp_path, compressed):
    """SciPy's reader ends the process for some of these."""
    path = tmp_path / "a.mat"
    write_states(path, GOOD, do_compression=compressed)
    content = path.read_bytes()
    generator = random.Random(5)
    spoilt = 0
    for _ in range(400):
        changed = bytearray(content)
        for _ in range(generator.randint(1, 4)):
            changed[generator.randrange(124, len(content))] = generator.randrange(256)
        path.write_bytes(changed)

        annotation, problems = read_mat_states(path, file="a.mat", duration_s=1.0)

        assert (annotation.end_s > annotation.start_s).all()
        assert (annotation.start_s[1:] >= annotation.end_s[:-1]).all()
        spoilt += bool(problems)
    assert spoilt > 100


def test_cycles_are_taken_from_the_annotation(make_physionet2016):
    """A recording of half a second with one whole cycle, bounds in samples at 2000 Hz."""
    root = make_physionet2016({"name": "c0001"})

    cycles, problems = prepare(read_physionet2016(root), SignalConfig())

    assert (cycles.sources, problems) == (("annotation",), ())
    assert cycles.bounds.tolist() == [[0, 200, 400, 600, 900]]


def test_a_check_counts_what_is_annotated_and_finds_what_is_damaged(make_physionet2016):
    """Half a second of each recording is annotated; that of the second cannot be read."""
    root = make_physionet2016({"name": "c0001"}, {"name": "c0002"})
    damaged = "annotations/hand_corrected/training-c_StateAns/c0002_StateAns.mat"
    (root / damaged).write_bytes(b"<html>")
    collection = read_physionet2016(root)

    report = check_collection(collection)

    assert report.annotated_hours == pytest.approx(0.5 / 3600)
    assert report.recording_labels == {"class": {"normal": 2}, "quality": {"good": 2}}
    assert [str(one) for one in report.problems if ".mat" in one.file] == [
        f"{damaged}: is not a MATLAB 5 file: the recording has no annotation"
    ]
    _, problems = prepare(collection, SignalConfig())
    assert [one.file for one in problems] == [damaged]
