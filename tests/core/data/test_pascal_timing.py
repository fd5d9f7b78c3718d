"""Positions of S1 and S2 in recordings of set_a."""

import pytest

from pahcl_core.data.pascal_timing import read_pascal_timing
from pahcl_core.errors import DataError
from support.recordings import write_lines, write_wav

ONE = "set_a/normal__201102081321"


@pytest.fixture
def read(tmp_path):
    """Write these rows after the header and read them; one recording is there."""

    def read(*rows: str):
        write_wav(tmp_path / f"{ONE}.wav", rate=44100)
        lines = ["fname,cycle,sound,location", *rows]
        write_lines(tmp_path / "set_a_timing.csv", lines, end="\r\n")
        return read_pascal_timing(tmp_path)

    return read


def test_positions_are_seconds_at_44100_hertz(read):
    """By hand: 4410 samples are a tenth of a second."""
    positions, problems = read(
        f"{ONE}.wav,1,S1,4410", f"{ONE}.wav,1,S2,22050", f"{ONE}.wav,2,S1,44100"
    )

    assert list(positions) == [ONE]
    assert positions[ONE].s1_s.tolist() == [0.1, 1.0]
    assert positions[ONE].s2_s.tolist() == [0.5]
    assert problems == []


def test_recordings_that_are_not_there_are_counted(read):
    positions, problems = read(
        f"{ONE}.wav,1,S1,4410",
        "set_a/normal__201102081152.wav,1,S1,10",
        "set_a/normal__201102081152.wav,1,S2,20",
        "set_a/normal__201102081153.wav,1,S1,10",
    )

    assert list(positions) == [ONE]
    assert [str(one) for one in problems] == ["set_a_timing.csv: 2 of 3 recordings are not there"]


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        (f"{ONE}.wav,2,S3,9000", "the sound 'S3' is not one of S1, S2; the row was left out"),
        (f"{ONE}.wav,2,S1,", "the location '' is not the number of a sample"),
        (f"{ONE}.wav,2,S1,-3", "the location '-3' is not the number of a sample"),
        (f"{ONE}.wav,2,S1,90.5", "the location '90.5' is not the number of a sample"),
        (f"{ONE}.wav,2,S1,4409", "the location 4409 is not after 4410: it goes back in time"),
        (f"{ONE}.wav,2,S1,4410", "the location 4410 is not after 4410"),
        (f"{ONE}.wav,2,S1", "has 3 fields, not 4; the row was left out"),
    ],
)
def test_leaves_out_a_bad_row_and_says_which(read, row, reason):
    """As one row of the real table goes back in time."""
    positions, (problem,) = read(f"{ONE}.wav,1,S1,4410", row, f"{ONE}.wav,2,S2,22050")

    assert (problem.file, problem.row) == ("set_a_timing.csv", 3)
    assert problem.reason.startswith(reason)
    assert (positions[ONE].s1_s.tolist(), positions[ONE].s2_s.tolist()) == ([0.1], [0.5])


def test_recordings_do_not_follow_on_each_other_in_time(read, tmp_path):
    write_wav(tmp_path / "set_a/normal__201102081152.wav", rate=44100)

    positions, problems = read(f"{ONE}.wav,1,S1,4410", "set_a/normal__201102081152.wav,1,S1,2205")

    assert problems == []
    assert positions["set_a/normal__201102081152"].s1_s.tolist() == [0.05]


def test_refuses_a_missing_table(tmp_path):
    with pytest.raises(DataError, match=r"set_a_timing\.csv: cannot be read: No such file"):
        read_pascal_timing(tmp_path)
