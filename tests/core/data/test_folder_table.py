"""A table of one's own as people write it: quotes, paths, spellings, cells left empty."""

import unicodedata

import pytest

from pahcl_core.data.folder import read_folder
from pahcl_core.errors import DataError
from support.recordings import write_lines, write_wav


@pytest.fixture
def root(tmp_path):
    """A folder of the recordings `0.wav` to `5.wav`, without a table."""
    for number in range(6):
        write_wav(tmp_path / "own" / f"{number}.wav", rate=4000)
    return tmp_path / "own"


def read(root, *lines, header="path,subject,murmur", labels=("murmur",), **options):
    write_lines(root / "table.csv", [header, *lines])
    return read_folder(root, root / "table.csv", labels=labels, **options)


def labels_of(collection):
    return [(one.recording_id, dict(one.labels)) for one in collection.recordings]


def test_an_absolute_path_into_the_folder_is_the_relative_one(root, monkeypatch):
    """Also where the folder is named by a relative path, or by a link."""
    (root.parent / "link").symlink_to(root)
    lines = [f"{root}/0.wav,ann,no", f"{root.parent}/link/1.wav,bob,yes"]
    monkeypatch.chdir(root.parent)

    for name in (root, root.relative_to(root.parent), root.parent / "link"):
        collection = read(name, *lines, strict=True)
        assert [one.recording_id for one in collection.recordings] == ["0.wav", "1.wav"]
        assert [one.path for one in collection.recordings] == [name / "0.wav", name / "1.wav"]


def test_an_absolute_path_names_no_file_a_second_time(root):
    """Or its two rows could be two persons, one on each side of a split."""
    (problem,) = read(root, "0.wav,ann,no", f"{root}/./0.wav,bob,no", max_damaged=0.5).problems

    assert problem.reason.startswith("names '0.wav', which row 2 names already")


def test_absolute_paths_keep_links_in_the_folder_apart(root):
    (root / "link.wav").symlink_to("0.wav")
    collection = read(root, f"{root}/link.wav,ann,no", f"{root}/0.wav,ann,no", strict=True)

    assert [one.recording_id for one in collection.recordings] == ["link.wav", "0.wav"]


def test_a_link_to_itself_is_a_file_that_is_not_there(root):
    (root / "loop.wav").symlink_to("loop.wav")
    (problem,) = read(root, "0.wav,ann,no", "loop.wav,bob,no", max_damaged=0.5).problems

    assert problem.reason.startswith("names 'loop.wav', which is not there")


def test_a_path_that_no_file_can_have_is_a_problem(root):
    """Whatever the system says of it."""
    name = "x" * 300 + ".wav"
    (problem,) = read(root, "0.wav,ann,no", f"{name},bob,no", max_damaged=0.5).problems

    assert (problem.file, problem.row) == ("table.csv", 3)
    assert problem.reason.startswith(f"names '{name}', which cannot be read: File name too long;")


@pytest.mark.parametrize(
    "bad",
    ['1.wav,bob,"no', '"1.wav,bob,no', '1.wav,bob,"no" murmur', '1.wav,bob,"no\n2.wav,cy,"no"'],
)
def test_refuses_a_quote_that_is_not_closed(root, bad):
    """It would swallow the rows after it, and nobody would be told."""
    with pytest.raises(DataError, match=r'table\.csv: row 3: a quote \("\) is not closed, or '):
        read(root, '"0.wav",ann,"no"', *bad.split("\n"), "3.wav,dee,no", max_damaged=1.0)


def test_quotes_that_are_closed_are_read(root):
    """Around commas, quotes that are doubled and ends of lines; and as letters in other cells."""
    lines = ['"0.wav","A, ""B""",no', '1.wav,C 5" D,"no"', '"2.wav","E\nF",no']
    collection = read(root, *lines, strict=True)

    assert [one.subject_id for one in collection.subjects] == ['A, "B"', 'C 5" D', "E\nF"]


def test_two_columns_for_the_location_are_refused(root):
    header = "path,subject,location,murmur,location"
    with pytest.raises(DataError, match=r"table\.csv: has 2 columns 'location'"):
        read(root, "0.wav,ann,AV,no,MV", header=header)


def test_two_spellings_of_one_name_are_one_person(root):
    """An accent may be a letter's own, or a sign after it; both look the same."""
    names = [unicodedata.normalize(form, "José") for form in ("NFC", "NFD")]
    assert names[0] != names[1]
    collection = read(root, f"0.wav,{names[0]},no", f"1.wav,{names[1]},no", strict=True)

    assert [one.person_id for one in collection.subjects] == [names[0]]


@pytest.mark.parametrize("order", [1, -1])
def test_a_row_without_a_label_is_left_out_of_a_subject_that_has_one(root, order):
    """Whichever comes first, and it is no problem; who has no label at all stays without."""
    lines = ["0.wav,ann,no", "1.wav,ann,", "2.wav,bob,yes", "3.wav,bob,", "4.wav,cy,"]
    collection = read(root, *lines[::order], strict=True)

    assert collection.problems == ()
    assert sorted(labels_of(collection)) == [
        ("0.wav", {"murmur": "no"}),
        ("2.wav", {"murmur": "yes"}),
        ("4.wav", {}),
    ]
    assert collection.subject("ann").labels == {"murmur": "no"}
    assert collection.subject("cy").labels == {}


def test_rows_say_together_what_is_true_of_a_subject(root):
    """A label that a row does not say contradicts none; one that it says otherwise does."""
    lines = [
        "0.wav,ann,no,",
        "1.wav,ann,,yes",
        "2.wav,ann,no,no",
        "3.wav,ann,no,yes",
        "4.wav,ann,,",
    ]
    collection = read(
        root, *lines, header="path,subject,murmur,s3", labels=("murmur", "s3"), max_damaged=0.5
    )

    both = {"murmur": "no", "s3": "yes"}
    assert labels_of(collection) == [("0.wav", both), ("1.wav", both), ("3.wav", both)]
    assert collection.subject("ann").labels == both
    (problem,) = collection.problems
    assert (problem.row, problem.reason.split(";")[0]) == (
        4,
        "labels subject 'ann' s3 'no', but row 3 labels it s3 'yes'",
    )


def test_with_recordings_as_units_an_empty_cell_is_that_recording_s_own(root):
    collection = read(root, "0.wav,ann,no", "1.wav,ann,", unit="recording", strict=True)

    assert labels_of(collection) == [("0.wav", {"murmur": "no"}), ("1.wav", {})]
