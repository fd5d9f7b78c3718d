"""A folder with a table of one's own where no label is needed, and a split of those people."""

import pytest

from pahcl_core.data.collection import Subject
from pahcl_core.data.folder import read_unlabelled_folder
from pahcl_core.data.readers import READERS, reader_of
from pahcl_core.data.splits import split_everyone, split_people
from pahcl_core.errors import DataError
from support.recordings import write_lines, write_wav


@pytest.fixture
def make(tmp_path):
    """Write a folder of four recordings of three people and a table of that header and name."""

    def make(header="path,subject", more="", name="mine.csv"):
        root = tmp_path / "own"
        lines = [header]
        for path, subject in (("a", "ann"), ("b", "bob"), ("c", "ann"), ("d", "cy")):
            write_wav(root / f"{path}.wav", rate=4000)
            lines.append(f"{path}.wav,{subject}{more}")
        write_lines(root / name, lines)
        return root

    return make


@pytest.mark.parametrize("name", ["mine.csv", "recordings.csv", "Labels.csv"])
def test_a_table_of_paths_and_subjects_is_enough(make, name):
    collection = read_unlabelled_folder(make(name=name), strict=True)

    assert collection.problems == ()
    assert [(one.recording_id, one.subject_id, one.labels) for one in collection.recordings] == [
        ("a.wav", "ann", {}),
        ("b.wav", "bob", {}),
        ("c.wav", "ann", {}),
        ("d.wav", "cy", {}),
    ]
    assert [(one.subject_id, one.person_id) for one in collection.subjects] == [
        ("ann", "ann"),
        ("bob", "bob"),
        ("cy", "cy"),
    ]


def test_other_columns_are_no_problem(make):
    """Even if they differ for one subject: nothing in them is read."""
    root = make("path,subject,murmur,age", ",x,3")

    assert read_unlabelled_folder(root, strict=True).problems == ()


def test_a_column_that_may_be_meant_for_the_location_is_told(make):
    """But not where there is one already."""
    (problem,) = read_unlabelled_folder(make("path,subject,locaton", ",AV")).problems
    assert str(problem).startswith("mine.csv, row 1: the column 'locaton' was not read, did you")

    root = make("path,subject,location,locaton", ",AV,MV")
    assert read_unlabelled_folder(root).problems == ()


def test_no_table_is_refused(make):
    root = make()
    (root / "mine.csv").rename(root / "mine.txt")

    with pytest.raises(DataError, match=r"own holds no table: put a \.csv file with .*'path' and"):
        read_unlabelled_folder(root)
    with pytest.raises(DataError, match=r"\(it holds: a.wav, b.wav, c.wav, d.wav, mine.txt\)"):
        read_unlabelled_folder(root)


def test_several_tables_are_refused(make):
    root = make()
    write_lines(root / "other.csv", ["path"])
    write_lines(root / "._mine.csv", ["what a Macintosh leaves behind"])

    with pytest.raises(DataError, match=r"holds several tables: .*: mine.csv, other.csv$"):
        read_unlabelled_folder(root)


@pytest.mark.parametrize(
    ("header", "reason"), [("file,subject", "no column 'path'"), ("path,who", "column 'subject'")]
)
def test_a_table_without_its_columns_is_refused(make, header, reason):
    with pytest.raises(DataError, match=reason):
        read_unlabelled_folder(make(header))


def test_a_folder_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(DataError, match="nowhere does not exist"):
        read_unlabelled_folder(tmp_path / "nowhere")


def test_damage_is_limited_as_in_other_collections(make):
    root = make()
    (root / "a.wav").write_bytes(b"RIFF")

    with pytest.raises(DataError, match="1 of 4 recordings cannot be used, more than 5%"):
        read_unlabelled_folder(root)
    with pytest.raises(DataError, match=r"a\.wav"):
        read_unlabelled_folder(root, max_damaged=0.5, strict=True)
    assert len(read_unlabelled_folder(root, max_damaged=0.5).recordings) == 3


def test_is_among_the_readers(make):
    reader = reader_of("folder")

    assert reader.labels == ()
    assert len(reader.read(make(), max_damaged=0.05, strict=False).subjects) == 3
    assert READERS["circor"].labels == ("murmur", "outcome")
    assert READERS["pascal"].labels == ("class",)


def people(count):
    """Two subjects of each person, without a label."""
    return [
        Subject(subject_id=f"{person}{which}", person_id=f"p{person}")
        for person in range(count)
        for which in "ab"
    ]


@pytest.mark.parametrize("count", [3, 10, 57])
@pytest.mark.parametrize("seed", [0, 1])
def test_people_without_labels_are_split_by_person(count, seed):
    """All of them, each on one side, in the numbers asked for to within one person."""
    subjects = people(count)
    split = split_everyone(subjects, labels=(), seed=seed, fractions=(0.6, 0.2, 0.2))

    sides = [split.train, split.val, split.test]
    persons = [{one[:-1] for one in side} for side in sides]
    assert sorted(one for side in sides for one in side) == sorted(s.subject_id for s in subjects)
    assert sum(map(len, persons)) == count
    for found, share in zip(persons, (0.6, 0.2, 0.2), strict=True):
        assert max(1, share * count - 1) <= len(found) <= max(1, share * count + 1)


def test_such_a_split_depends_on_the_seed_and_not_on_the_order():
    subjects = people(20)
    first = split_people(subjects, label=None, seed=1)

    assert split_people(subjects[::-1], label=None, seed=1) == first
    assert split_people(subjects, label=None, seed=2) != first


def test_two_people_cannot_be_split_in_three():
    with pytest.raises(DataError, match=r"^only 2 persons: a split into training, validation and"):
        split_people(people(2), label=None, seed=0)
