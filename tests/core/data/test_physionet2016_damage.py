"""Downloads of the Challenge 2016 that are damaged or incomplete: what is left out, or refused."""

import pytest

from pahcl_core.data.physionet2016 import read_physionet2016
from pahcl_core.errors import DataError
from support.recordings import write_lines, write_wav

MANY = [
    {"name": f"a{number:04d}", "Original record name": f"C{number}S1"} for number in range(1, 41)
]
APPENDIX = "annotations/Online_Appendix_training_set.csv"


def append(path, line: bytes):
    with path.open("ab") as file:
        file.write(line)


def edit(path, old: bytes, new: bytes):
    content = path.read_bytes()
    assert old in content
    path.write_bytes(content.replace(old, new))


def found(root):
    """Problems other than that five of the six folders are missing."""
    return [
        str(one) for one in read_physionet2016(root).problems if "is missing: its" not in str(one)
    ]


@pytest.mark.parametrize("signature", [b"", b"\xef\xbb\xbf"])
def test_reads_tables_saved_elsewhere(make_physionet2016, signature):
    """CRLF, blank lines at the end, blanks around cells, a signature in front."""
    root = make_physionet2016(*MANY)
    before = read_physionet2016(root)
    for name in ("REFERENCE.csv", "REFERENCE-SQI.csv"):
        path = root / "training-a" / name
        edit(path, b"\n", b" \r\n")
        path.write_bytes(signature + path.read_bytes() + b"\r\n\r\n")
    edit(root / APPENDIX, b"\n", b"\r\n")

    assert read_physionet2016(root) == before


@pytest.mark.parametrize(
    ("file", "line", "reason"),
    [
        ("REFERENCE.csv", b"a9,0\n", "a9 has the value '0', not one of -1, 1"),
        ("REFERENCE.csv", b"a9,normal\n", "a9 has the value 'normal'"),
        ("REFERENCE.csv", b"a9\n", "has 1 fields, not 2"),
        ("REFERENCE.csv", b"a9,1,1\n", "has 3 fields, not 2"),
        ("REFERENCE.csv", b"a0001,1\n", "a0001 is in row 1 already"),
        ("REFERENCE-SQI.csv", b"a9,1,2\n", "a9 has the value '2', not one of 1, 0"),
        ("REFERENCE-SQI.csv", b"a9,1\n", "has 2 fields, not 3"),
        ("REFERENCE-SQI.csv", b"a0001,1,0\n", "a0001 is in row 1 already"),
    ],
)
def test_leaves_out_a_bad_row_and_says_which(make_physionet2016, file, line, reason):
    """The labels stay as they were."""
    root = make_physionet2016(*MANY)
    before = read_physionet2016(root)
    append(root / "training-a" / file, line)

    collection = read_physionet2016(root)

    assert collection.recordings == before.recordings
    (problem,) = found(root)
    assert problem.startswith(f"training-a/{file}, row 41: {reason}")
    with pytest.raises(DataError, match=rf"row 41: {reason}.*left out"):
        read_physionet2016(root, strict=True)


def test_refuses_tables_of_which_too_much_is_bad(make_physionet2016):
    """The limit is over all tables: 24 rows of labels, 20 of quality and 20 of persons."""
    root = make_physionet2016(*MANY[:20])
    for number in range(4):
        append(root / "training-a/REFERENCE.csv", f"x{number},7\n".encode())

    with pytest.raises(DataError, match=r"4 of 64 rows cannot be used, more than 5%.*'7'"):
        read_physionet2016(root)
    assert len(read_physionet2016(root, max_damaged=0.1).recordings) == 20


def test_refuses_a_folder_without_labels(make_physionet2016):
    root = make_physionet2016(*MANY)
    write_wav(root / "training-c" / "c0001.wav", rate=2000)

    with pytest.raises(DataError, match=r"training-c/REFERENCE\.csv: cannot be read: No such file"):
        read_physionet2016(root)


def test_refuses_labels_that_are_no_text(make_physionet2016):
    root = make_physionet2016(*MANY)
    append(root / "training-a/REFERENCE.csv", b"\xff\xfe")

    with pytest.raises(DataError, match=r"training-a/REFERENCE\.csv: is not .* in UTF-8: row 41"):
        read_physionet2016(root)


def test_quality_may_be_missing(make_physionet2016):
    """Of a folder, or of one recording: then the label is absent, never made up."""
    root = make_physionet2016(*MANY, {"name": "b0001", "Subject ID": "1"})
    (root / "training-b/REFERENCE-SQI.csv").unlink()
    edit(root / "training-a/REFERENCE-SQI.csv", b"a0002,-1,1\n", b"")

    collection = read_physionet2016(root)

    assert [one.recording_id for one in collection.recordings if "quality" not in one.labels] == [
        "a0002",
        "b0001",
    ]
    assert found(root) == [
        "training-a/REFERENCE-SQI.csv: 1 of 40 recordings in training-a have no quality",
        "training-b/REFERENCE-SQI.csv: 1 of 1 recordings in training-b have no quality",
    ]


def test_a_label_that_the_two_tables_tell_differently_is_a_problem(make_physionet2016):
    root = make_physionet2016(*MANY)
    edit(root / "training-a/REFERENCE-SQI.csv", b"a0002,-1,1", b"a0002,1,0")

    collection = read_physionet2016(root)

    assert collection.recordings[1].labels == {"class": "normal", "quality": "unsure"}
    assert found(root) == [
        "training-a/REFERENCE-SQI.csv, row 2: a0002 has the label '1' here, but normal in "
        "REFERENCE.csv, which counts"
    ]


def test_refuses_a_download_without_the_appendix(make_physionet2016):
    """Without it, one person would be on both sides of a split."""
    root = make_physionet2016(*MANY)
    (root / APPENDIX).unlink()

    with pytest.raises(DataError, match=r"Online_Appendix.* is missing; without it nobody knows"):
        read_physionet2016(root)


@pytest.mark.parametrize("column", ["Challenge record name", "Subject ID", "# Raw record"])
def test_refuses_an_appendix_without_a_key(make_physionet2016, column):
    root = make_physionet2016(*MANY)
    edit(root / APPENDIX, column.encode(), b"Other")

    with pytest.raises(DataError, match=rf"Online_Appendix.*has no column '{column}'"):
        read_physionet2016(root)


def test_an_appendix_in_another_encoding_is_read(make_physionet2016):
    """Keys are ASCII; the remark of a French hospital does not matter."""
    root = make_physionet2016({**MANY[0], "Diagnosis": "Ebert"})
    edit(root / APPENDIX, b"Ebert", "Hébert".encode("latin-1"))

    (subject,) = read_physionet2016(root).subjects

    assert (subject.person_id, subject.attributes["diagnosis"]) == ("a-C1", "H�bert")


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b"a0001" + b",x" * 10, "a0001 is in the table twice; the row was left out"),
        (b"a0041,training-a", "has 2 fields, not 11; the row was left out"),
    ],
)
def test_a_bad_row_of_the_appendix_is_a_problem(make_physionet2016, line, reason):
    root = make_physionet2016(*MANY)
    append(root / APPENDIX, line + b"\n")

    assert found(root) == [f"{APPENDIX}, row 42: {reason}"]
    assert read_physionet2016(root).subject("a0001").person_id == "a-C1"


def test_a_recording_without_a_row_is_left_out(make_physionet2016):
    """And the next one keeps its own label."""
    root = make_physionet2016({"name": "a0001", "label": "1"}, *MANY[1:])
    edit(root / "training-a/REFERENCE.csv", b"a0001,1\n", b"")

    collection = read_physionet2016(root)

    assert collection.recordings[0].recording_id == "a0002"
    assert collection.recordings[0].labels["class"] == "normal"
    assert found(root) == [
        "training-a/a0001.wav: has no usable row in REFERENCE.csv; the recording was left out"
    ]


def test_a_row_without_a_recording_is_a_problem(make_physionet2016):
    root = make_physionet2016(*MANY)
    (root / "training-a/a0003.wav").unlink()

    assert len(read_physionet2016(root).recordings) == len(read_physionet2016(root).subjects) == 39
    assert found(root) == ["training-a/REFERENCE.csv, row 3: the recording a0003 is not there"]


def damage(root, name):
    path = root / "training-a" / f"{name}.wav"
    path.write_bytes(path.read_bytes()[:300])


def test_sets_a_damaged_recording_aside(make_physionet2016):
    """With its subject: two of 40 are 5 %, and pass; three do not."""
    root = make_physionet2016(*MANY)
    damage(root, "a0001")
    damage(root, "a0002")

    collection = read_physionet2016(root)

    assert collection.subjects[0].subject_id == "a0003"
    assert len(collection.subjects) == len(collection.recordings) == 38
    assert found(root) == [
        f"training-a/{name}.wav: is truncated: 256 of 2000 bytes of data are there; the recording "
        "was left out"
        for name in ("a0001", "a0002")
    ]
    with pytest.raises(DataError, match=r"training-a/a0001\.wav: is truncated"):
        read_physionet2016(root, strict=True)
    damage(root, "a0003")
    with pytest.raises(DataError, match=r"3 of 40 recordings cannot be used.*right folder"):
        read_physionet2016(root)


def test_what_is_assumed_is_no_damage(make_physionet2016):
    """A strict reader takes recordings without a person or states."""
    root = make_physionet2016({"name": "c0001"}, {"name": "e00001"})
    for path in root.rglob("*.mat"):
        path.unlink()

    assert len(read_physionet2016(root, strict=True).recordings) == 2


def test_refuses_tables_without_recordings(make_physionet2016):
    root = make_physionet2016(*MANY[:3])
    for path in (root / "training-a").glob("*.wav"):
        path.unlink()

    with pytest.raises(DataError, match=r"no WAV file that REFERENCE\.csv names"):
        read_physionet2016(root)


def test_a_missing_folder_is_a_problem(make_physionet2016):
    root = make_physionet2016(*MANY[:1], {"name": "c0001"})

    missing = [
        one.file for one in read_physionet2016(root).problems if "is missing: its" in str(one)
    ]

    assert missing == ["training-b", "training-d", "training-e", "training-f"]


def test_an_empty_table_of_labels_leaves_everything_out(make_physionet2016):
    root = make_physionet2016(*MANY[:1])
    write_lines(root / "training-a/REFERENCE.csv", [])

    with pytest.raises(DataError, match="no WAV file that"):
        read_physionet2016(root)
