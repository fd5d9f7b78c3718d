"""CirCor downloads that are damaged, incomplete or edited: what is left out, what is refused."""

import pytest

from pahcl_core.data.circor import read_circor
from pahcl_core.errors import DataError


def edit_table(root, old: bytes, new: bytes):
    path = root / "training_data.csv"
    content = path.read_bytes()
    assert old in content
    path.write_bytes(content.replace(old, new))


def test_reads_a_table_saved_by_a_spreadsheet(make_circor):
    """A signature in front, CRLF at the ends of lines, blank lines at the end."""
    root = make_circor({"Patient ID": "7"}, {"Patient ID": "8"})
    edit_table(root, b"\n", b"\r\n")
    edit_table(root, b"Patient ID", b"\xef\xbb\xbfPatient ID")
    with (root / "training_data.csv").open("ab") as file:
        file.write(b"\r\n" + b"," * 22 + b"\r\n")

    collection = read_circor(root)

    assert [one.subject_id for one in collection.subjects] == ["7", "8"]
    assert collection.subjects[0].labels["outcome"] == "Normal"
    assert collection.problems == ()


@pytest.mark.parametrize("column", ["Patient ID", "Murmur", "Outcome", "Additional ID"])
def test_refuses_a_missing_column_and_lists_those_there_are(make_circor, column):
    root = make_circor({"Patient ID": "7"})
    edit_table(
        root,
        column.encode(),
        b"Other",
    )

    with pytest.raises(DataError, match=rf"training_data\.csv: has no column '{column}'.*Campaign"):
        read_circor(root)


@pytest.mark.parametrize(("content", "reason"), [(b"", "is empty"), (b"\xff\xfe\0", "UTF-8")])
def test_refuses_a_table_that_is_none(make_circor, content, reason):
    root = make_circor({"Patient ID": "7"})
    (root / "training_data.csv").write_bytes(content)

    with pytest.raises(DataError, match=rf"training_data\.csv: .*{reason}"):
        read_circor(root)


MANY = [{"Patient ID": str(number)} for number in range(100, 140)]


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        (
            {"Patient ID": "7", "Murmur": "present"},
            "Murmur 'present' is not one of Present, Absent",
        ),
        ({"Patient ID": "7", "Murmur": "nan"}, "Murmur 'nan' is not one of"),
        ({"Patient ID": "7", "Outcome": "?"}, "Outcome '\\?' is not one of Normal, Abnormal"),
        ({"Patient ID": "x7"}, "Patient ID 'x7' is not a patient number"),
        ({"Patient ID": "7", "Additional ID": "x"}, "Additional ID 'x' is not a patient number"),
        ({"Patient ID": "100"}, "patient 100 is in row 2 already"),
        ({"Patient ID": "7", "Campaign": "a,b"}, "has 24 fields, not 23"),
    ],
)
def test_leaves_out_a_bad_row_and_says_which(make_circor, row, reason):
    root = make_circor(*MANY, row)

    collection = read_circor(root)

    assert len(collection.subjects) == 40
    problem = collection.problems[0]
    assert (problem.file, problem.row) == ("training_data.csv", 42)
    with pytest.raises(DataError, match=rf"row 42: {reason}.*left out"):
        read_circor(root, strict=True)


def test_a_duplicated_patient_keeps_the_first_row(make_circor):
    root = make_circor(*MANY, {"Patient ID": "100", "Murmur": "Present"})

    assert read_circor(root).subject("100").labels["murmur"] == "Absent"


def test_refuses_a_table_of_which_too_much_is_bad(make_circor):
    root = make_circor(*MANY[:10], {"Patient ID": "7", "Murmur": "Maybe"})

    with pytest.raises(DataError, match=r"1 of 11 rows cannot be used, more than 5%.*'Maybe'"):
        read_circor(root)
    assert len(read_circor(root, max_damaged=0.2).subjects) == 10


def damage(root, name):
    path = root / "training_data" / f"{name}.wav"
    path.write_bytes(path.read_bytes()[:300])


def test_sets_a_damaged_recording_aside(make_circor):
    """Its patient stays, with the other recordings."""
    root = make_circor(*MANY, {"Patient ID": "7", "Recording locations:": "AV+MV"})
    damage(root, "7_AV")

    collection = read_circor(root)

    assert [one.recording_id for one in collection.recordings if one.subject_id == "7"] == ["7_MV"]
    (problem,) = collection.problems
    assert problem.file == "training_data/7_AV.wav"
    assert problem.reason == (
        "is truncated: 256 of 2000 bytes of data are there; the recording was left out"
    )


def test_a_damaged_recording_is_an_error_when_strict(make_circor):
    root = make_circor(*MANY)
    damage(root, "100_AV")

    with pytest.raises(DataError, match=r"training_data/100_AV\.wav: is truncated"):
        read_circor(root, strict=True)


def test_refuses_a_collection_of_which_too_much_is_damaged(make_circor):
    """Two of 40 are 5 %, and pass; three do not."""
    root = make_circor(*MANY)
    damage(root, "100_AV")
    damage(root, "101_AV")
    assert len(read_circor(root).recordings) == 38
    damage(root, "102_AV")

    with pytest.raises(DataError, match=r"3 of 40 recordings cannot be used.*right folder"):
        read_circor(root)


def problems_of(root):
    return {(one.file, one.row): one.reason for one in read_circor(root).problems}


def test_a_patient_without_recordings_is_a_problem(make_circor):
    root = make_circor({"Patient ID": "7"}, {"Patient ID": "8"}, wavs=["7_AV"])

    assert problems_of(root) == {
        ("training_data.csv", 3): "patient 8 has no usable recording and was left out"
    }
    assert [one.subject_id for one in read_circor(root).subjects] == ["7"]


def test_a_missing_location_is_a_problem(make_circor):
    """One of two repeats, and a location altogether."""
    root = make_circor(
        {"Patient ID": "7", "Recording locations:": "AV+AV+PV+MV"}, wavs=["7_AV_1", "7_MV"]
    )

    assert problems_of(root) == {
        ("training_data.csv", 2): "patient 7 lacks recordings the table lists: AV+PV"
    }


def test_a_recording_of_nobody_is_a_problem(make_circor):
    root = make_circor({"Patient ID": "7"}, wavs=["7_AV", "8_AV", "7_XX", "7"])

    problems = problems_of(root)

    assert "belongs to no patient" in problems["training_data/8_AV.wav", None]
    assert "named after no location" in problems["training_data/7_XX.wav", None]
    assert "named after no location" in problems["training_data/7.wav", None]
    assert [one.recording_id for one in read_circor(root).recordings] == ["7_AV"]


def test_missing_states_are_a_problem(make_circor):
    root = make_circor({"Patient ID": "7"})
    (root / "training_data" / "7_AV.tsv").unlink()

    assert "no annotated states" in problems_of(root)["training_data/7_AV.tsv", None]
    assert read_circor(root).recordings[0].states_path is None


@pytest.mark.parametrize(
    ("content", "provenance"),
    [(None, "real"), ('provenance = "synthetic"', "synthetic"), ('provenance = "real"', "real")],
)
def test_provenance_comes_from_the_file_at_the_root(make_circor, content, provenance):
    root = make_circor({"Patient ID": "7"})
    if content is not None:
        (root / "PROVENANCE.toml").write_text(content)

    assert read_circor(root).provenance == provenance


@pytest.mark.parametrize(
    ("content", "reason"), [('provenance = "simulated"', "'simulated'"), ("= 3", "not a TOML file")]
)
def test_refuses_a_provenance_that_does_not_say(make_circor, content, reason):
    root = make_circor({"Patient ID": "7"})
    (root / "PROVENANCE.toml").write_text(content)

    with pytest.raises(DataError, match=rf"PROVENANCE\.toml: .*{reason}"):
        read_circor(root)
