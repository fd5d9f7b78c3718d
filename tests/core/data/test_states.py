"""Reading annotated states, and every fault that a row can have."""

import numpy as np
import pytest

from pahcl_core.data.states import StateAnnotation, read_states, write_states
from pahcl_core.errors import DataError


@pytest.fixture
def read(tmp_path):
    """Write these bytes and read them as states."""

    def read(content: bytes):
        (tmp_path / "a.tsv").write_bytes(content)
        return read_states(tmp_path / "a.tsv", file="training_data/a.tsv")

    return read


def rows(annotation) -> list[tuple[float, float, int]]:
    columns = annotation.start_s.tolist(), annotation.end_s.tolist(), annotation.state.tolist()
    return list(zip(*columns, strict=True))


GOOD = [(0.0, 0.5, 0), (0.5, 0.62, 1), (0.62, 0.8, 2), (0.8, 0.9, 3), (0.9, 1.3, 4)]
TEXT = "".join(f"{start}\t{end}\t{state}\n" for start, end, state in GOOD)


@pytest.mark.parametrize("end_of_line", ["\n", "\r\n"])
@pytest.mark.parametrize("signature", [b"", b"\xef\xbb\xbf"])
def test_reads_rows_as_written(read, end_of_line, signature):
    """Whatever the ends of its lines, and with the signature some editors put in front."""
    annotation, problems = read(signature + TEXT.replace("\n", end_of_line).encode())

    assert rows(annotation) == GOOD
    assert len(annotation) == 5
    assert problems == []


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("0 0 28", "state 28 is not one of 0–4; the row was left out"),
        ("1.3 1.4 5", "state 5 is not one of 0–4"),
        ("1.3 1.4 -1", "state -1 is not one of 0–4"),
        ("0.3 1.4 1", "starts at 0.3 s, before 0.9 s: it goes back in time"),
        ("-0.1 1.4 1", "starts at -0.1 s"),
        ("1.4 1.3 1", "ends at 1.3 s, not after its start at 1.4 s"),
        ("1.4 1.4 1", "ends at 1.4 s, not after its start at 1.4 s"),
        ("1.3 nan 1", "a time that is not a finite number"),
        ("1.3 inf 1", "a time that is not a finite number"),
        ("1.3 1.4", "'1.3 1.4' is not a start, an end and a state"),
        ("1.3 1.4 1 7", "is not a start, an end and a state"),
        ("1.3 1.4 S1", "is not a start, an end and a state"),
        ("1.3 1.4 1.5", "is not a start, an end and a state"),
    ],
)
def test_leaves_out_a_bad_row_and_says_which(read, line, reason):
    """The rows around it stay."""
    annotation, problems = read(f"{TEXT}{line}\n1.5\t1.6\t1\n".encode())

    assert rows(annotation) == [*GOOD, (1.5, 1.6, 1)]
    (problem,) = problems
    assert reason in problem.reason
    assert (problem.file, problem.row) == ("training_data/a.tsv", 6)


def test_a_first_row_of_an_unknown_state_has_row_1(read):
    """As one file of the real collection begins."""
    annotation, problems = read(b"0\t0\t28\n" + TEXT.encode())

    assert rows(annotation) == GOOD
    assert str(problems[0]).startswith("training_data/a.tsv, row 1: state 28")


def test_row_numbers_count_blank_lines(read):
    _, problems = read(b"0\t1\t0\n\n1\t2\t9\n")

    assert [problem.row for problem in problems] == [3]


@pytest.mark.parametrize("content", [b"", b"\n \r\n"])
def test_an_empty_file_is_a_problem_without_a_row(read, content):
    annotation, problems = read(content)

    assert len(annotation) == 0
    assert [problem.row for problem in problems] == [None]
    assert "is empty" in problems[0].reason


def test_a_tail_of_state_0_and_no_length_is_nobodys_mistake(read):
    annotation, problems = read(TEXT.encode() + b"1.3\t1.3\t0\n")

    assert rows(annotation) == GOOD
    assert problems == []


def test_rounding_may_make_rows_overlap_or_part(read):
    """A row may start a little before or after the end of the last; both are as in the file."""
    annotation, problems = read(b"0\t0.5\t1\n0.49\t0.7\t2\n0.72\t0.9\t3\n")

    assert rows(annotation) == [(0.0, 0.5, 1), (0.49, 0.7, 2), (0.72, 0.9, 3)]
    assert problems == []


def test_bytes_that_are_no_text_are_bad_rows(read):
    annotation, problems = read(b"\xff\xfe\x00\x01\n" + TEXT.encode())

    assert rows(annotation) == GOOD
    assert problems[0].row == 1


def test_refuses_a_missing_file(tmp_path):
    with pytest.raises(DataError, match=r"gone\.tsv: cannot be read"):
        read_states(tmp_path / "gone.tsv", file="gone.tsv")


@pytest.mark.parametrize("rate", [800, 4000, 44100])
def test_what_is_written_is_read_again_to_the_last_bit(rate, tmp_path):
    """Times are multiples of a sample, which no fixed number of digits could hold."""
    bounds_s = np.array([0, 17, 1001, 44101, 99999]) / rate
    written = StateAnnotation(
        start_s=bounds_s[:-1], end_s=bounds_s[1:], state=np.array([4, 1, 2, 3])
    )

    write_states(tmp_path / "a.tsv", written)

    read, problems = read_states(tmp_path / "a.tsv", file="a.tsv")
    assert problems == []
    for name in ("start_s", "end_s", "state"):
        np.testing.assert_array_equal(getattr(read, name), getattr(written, name))


def test_states_are_written_as_circor_has_them(tmp_path):
    """By hand: no heading, start, end and state between tabs, a line for each."""
    states = StateAnnotation(
        start_s=np.array([0.0, 0.12]), end_s=np.array([0.12, 1.3]), state=np.array([1, 2])
    )

    write_states(tmp_path / "a.tsv", states)

    assert (tmp_path / "a.tsv").read_bytes() == b"0.0\t0.12\t1\n0.12\t1.3\t2\n"


@pytest.mark.parametrize(
    "last",
    [
        "1.5\t2\t1",
        "2 1.5 1",
        "1.5 1.5 1",
        "1.5 1.5 0",
        "0.5 2 1",
        "1.5 inf 1",
        "1.5 nan 1",
        "nan 2 1",
        "1.5 2 5",
        "1.5 2 -1",
        "1.5 2 1.0",
        "1.5 2",
        "1.5 2 1 1",
        "1.5 2 99999999999999999999",
        "-1 2 1",
        "1.5 2_0 1",
        "1.5 0x2 1",
        "1.5  2 1",
        "1.5 2  1",
        "1.5 2 ",
        " 1.5 2",
        "1.5 2 ²",
        "1.5 2 \x0b",
        "1.5 2\x1c1 3",
    ],
)
@pytest.mark.parametrize("between", [" ", "\t"])
@pytest.mark.parametrize("end", ["", "\n"])
def test_a_row_is_judged_the_same_whatever_the_others_are(read, last, between, end):
    """A blank line or a bad row elsewhere changes nothing."""
    good = "0\t1\t1\n1\t1.2\t0\n"
    last = last.replace(" ", between) + end

    alone, told = read((good + last).encode())
    beside, told_beside = read((good + "\n" + last).encode())

    assert rows(alone) == rows(beside)
    assert [one.reason for one in told] == [one.reason for one in told_beside]


@pytest.mark.parametrize("line", ["-1 2 1", "-2 -1 0"])
def test_nothing_starts_before_the_recording(read, line):
    annotation, problems = read(line.encode())

    assert rows(annotation) == []
    assert "it goes back in time" in problems[0].reason
