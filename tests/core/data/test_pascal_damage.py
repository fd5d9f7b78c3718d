"""PASCAL downloads that are damaged, incomplete or edited: what is left out, what is refused."""

import pytest

from pahcl_core.data.pascal import read_pascal
from pahcl_core.errors import DataError
from support.recordings import write_wav

NORMAL = "set_b/normal__103_1305031931979_B"
NOT_THERE = "is missing: its recordings are not in the collection"


def problems_of(root):
    return {(one.file, one.row): one.reason for one in read_pascal(root).problems}


def test_a_missing_set_or_table_is_a_problem(make_pascal):
    """Labels then come from the names alone."""
    root = make_pascal(NORMAL)
    (root / "set_b.csv").unlink()

    assert problems_of(root) == {
        ("set_a", None): NOT_THERE,
        ("set_b.csv", None): "is missing: labels are those in the names of the files",
    }
    assert read_pascal(root).recordings[0].labels["class"] == "normal"


def test_rows_and_files_that_do_not_match_are_said(make_pascal):
    """A file without a row each; rows without a file counted, with the first."""
    root = make_pascal(
        NORMAL,
        rows={
            "set_b": [
                "b,set_b/Btraining_normal_104_1305031931979_B.wav,normal,",
                "b,set_b/Bunlabelledtest_105_1305031931979_B.wav,,",
            ]
        },
    )
    write_wav(root / "set_b" / "murmur__7_1305031931979_A.wav", rate=4000)

    assert problems_of(root) == {
        ("set_a", None): NOT_THERE,
        (
            "set_b/murmur__7_1305031931979_A.wav",
            None,
        ): "is in no row of set_b.csv; its label is the one in its name",
        ("set_b.csv", None): "the recordings of 2 of 3 rows are not there, the first that of row 3",
    }
    assert len(read_pascal(root).recordings) == 2


MANY = [f"set_b/normal__{number}_1305031931979_B" for number in range(100, 140)]


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ("b,set_b/x.wav,normal,", "'set_b/x.wav' is not named as recordings of set_b are"),
        ("b,set_b/Btraining_normal_1_2_B.wav,murmur,", "has the label 'murmur', which is not the"),
        ("b,set_b/Btraining_normal_1_2_B.wav,,", "has the label '', which is not the one in its"),
        ("b,set_b/Btraining_normal_1_2_B.wav,normal,noisynormal", "has the sublabel 'noisynormal'"),
        (
            "b,set_b/Btraining_normal_100_1305031931979_B.wav,normal,",
            "names the recording of row 2 again",
        ),
        ("b,set_b/Btraining_normal_1_2_B.wav,normal", "has 3 fields, not 4"),
    ],
)
def test_leaves_out_a_bad_row_and_says_which(make_pascal, row, reason):
    root = make_pascal(*MANY, rows={"set_b": [row]})

    (problem,) = [text for (file, row), text in problems_of(root).items() if row == 42]
    assert reason in problem
    assert len(read_pascal(root).recordings) == 40
    with pytest.raises(DataError, match=r"set_b\.csv, row 42: .*the row was left out"):
        read_pascal(root, strict=True)


def test_refuses_a_table_of_which_too_much_is_bad(make_pascal):
    root = make_pascal(*MANY[:10], rows={"set_b": ["b,set_b/x.wav,normal,"]})

    with pytest.raises(DataError, match=r"1 of 11 rows cannot be used, more than 5%"):
        read_pascal(root)
    assert len(read_pascal(root, max_damaged=0.2).recordings) == 10


@pytest.mark.parametrize("column", ["fname", "label", "sublabel"])
def test_refuses_a_table_without_a_column(make_pascal, column):
    root = make_pascal(NORMAL)
    content = (root / "set_b.csv").read_text().replace(column, "other", 1)
    (root / "set_b.csv").write_text(content)

    with pytest.raises(DataError, match=rf"set_b\.csv: has no column '{column}'"):
        read_pascal(root)


def damage(root, number: int):
    path = root / "set_b" / f"normal__{number}_1305031931979_B.wav"
    path.write_bytes(path.read_bytes()[:300])


def test_sets_a_damaged_recording_aside(make_pascal):
    """Two of 40 are 5 %, and pass; three do not."""
    root = make_pascal(*MANY)
    damage(root, 100)
    damage(root, 101)

    assert problems_of(root)["set_b/normal__100_1305031931979_B.wav", None] == (
        "is truncated: 256 of 2000 bytes of data are there; the recording was left out"
    )
    assert len(read_pascal(root).recordings) == len(read_pascal(root).subjects) == 38
    with pytest.raises(DataError, match=r"normal__100_1305031931979_B\.wav: is truncated"):
        read_pascal(root, strict=True)
    damage(root, 102)
    with pytest.raises(DataError, match=r"3 of 40 recordings cannot be used.*right folder"):
        read_pascal(root)


def test_a_file_of_another_name_is_left_out(make_pascal):
    root = make_pascal(NORMAL)
    write_wav(root / "set_b" / "heartbeat.wav", rate=4000)

    assert problems_of(root)["set_b/heartbeat.wav", None] == (
        "is not named as recordings of set_b are; the recording was left out"
    )
    assert len(read_pascal(root, strict=True).recordings) == 1


def test_refuses_sets_without_recordings(make_pascal):
    root = make_pascal(NORMAL)
    (root / f"{NORMAL}.wav").unlink()

    with pytest.raises(DataError, match="no WAV file of either set; `pahcl data download pascal`"):
        read_pascal(root)
