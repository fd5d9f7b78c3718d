"""Splits written, read back, and checked against the collection they are meant for."""

import json

import pytest

from pahcl_core.data.collection import Subject
from pahcl_core.data.split_files import read_split, write_split, write_splits
from pahcl_core.data.splits import Split, split_people
from pahcl_core.errors import DataError


def subject(subject_id: str, person: str | None = None) -> Subject:
    return Subject(
        subject_id=subject_id, person_id=person or subject_id, labels={"murmur": "Absent"}
    )


PEOPLE = [
    *(subject(f"A{number}") for number in range(3)),
    subject("x", "pair"),
    subject("y", "pair"),
]


def test_a_split_is_read_as_it_was_written(tmp_path):
    subjects = [subject(f"A{number}") for number in range(30)]
    split = split_people(subjects, label="murmur", seed=0)

    write_split(tmp_path / "splits.json", split)

    assert read_split(tmp_path / "splits.json", subjects, collection="circor") == split
    content = json.loads((tmp_path / "splits.json").read_text())
    assert content["val"] == list(split.val)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ({"train": ["A0"], "val": ["A1"], "test": ["Z"]}, "subject 'Z' in 'test' is not in"),
        ({"train": ["x"], "val": ["y"], "test": ["A1"]}, "person 'pair' .* both 'train' and 'val'"),
        ({"train": ["A0"], "val": ["A0"], "test": ["A1"]}, "person 'A0' .*both"),
        ({"train": ["A0", "A0"], "val": ["A1"], "test": ["A2"]}, "'A0' is in 'train' twice"),
        ({"train": ["A0"], "val": [], "test": ["A1"]}, "'val' is empty"),
        ({"train": ["A0"], "test": ["A1"]}, "must hold 'train', 'val' and 'test'"),
        ({"train": ["A0"], "val": "A1", "test": ["A2"]}, "'val' must be a list"),
        ({"train": ["A0"], "val": [1], "test": ["A2"]}, "'val' must be a list"),
        ([], "must hold 'train', 'val' and 'test'"),
        (
            {"train": ["A0"], "val": ["A1"], "test": ["A2"], "fold": 1},
            "'fold' and 'folds' must both be whole numbers",
        ),
        (
            {"train": ["A0"], "val": ["A1"], "test": ["A2"], "fold": "1", "folds": 2},
            "'fold' and 'folds' must both be whole numbers",
        ),
    ],
)
def test_refuses_a_split_that_leaks_or_does_not_fit(tmp_path, content, reason):
    (tmp_path / "splits.json").write_text(json.dumps(content))

    with pytest.raises(DataError, match=rf"splits\.json: .*{reason}"):
        read_split(tmp_path / "splits.json", PEOPLE, collection="circor")


def test_a_split_says_which_fold_it_is(tmp_path):
    """Of one collection and of several; where there are no folds nothing is said of them."""
    split = Split(train=("x", "y"), val=("A1",), test=("A2",), fold=2, folds=3)
    plain = Split(train=("x", "y"), val=("A1",), test=("A2",))
    write_split(tmp_path / "one.json", split)
    write_split(tmp_path / "plain.json", plain)
    write_splits(tmp_path / "several.json", {"circor": split}, {"circor": ["y"]})

    content = json.loads((tmp_path / "one.json").read_text())
    assert (content["fold"], content["folds"]) == (2, 3)
    assert list(json.loads((tmp_path / "plain.json").read_text())) == ["train", "val", "test"]
    for name, expected in (("one", split), ("plain", plain), ("several", split)):
        assert read_split(tmp_path / f"{name}.json", PEOPLE, collection="circor") == expected


def test_a_split_may_leave_people_out(tmp_path):
    split = Split(train=("x", "y"), val=("A1",), test=("A2",))
    write_split(tmp_path / "splits.json", split)

    assert read_split(tmp_path / "splits.json", PEOPLE, collection="circor") == split


@pytest.mark.parametrize("content", [b"{", b"\xff\xfe"])
def test_refuses_what_is_no_json(tmp_path, content):
    (tmp_path / "splits.json").write_bytes(content)

    with pytest.raises(DataError, match=r"splits\.json: is not a JSON file"):
        read_split(tmp_path / "splits.json", PEOPLE, collection="circor")


def test_refuses_a_missing_file(tmp_path):
    with pytest.raises(DataError, match=r"splits\.json: cannot be read"):
        read_split(tmp_path / "splits.json", PEOPLE, collection="circor")


OTHERS = [subject(name) for name in ("B1", "B2", "B3", "B4")]
OF_CIRCOR = Split(train=("A0", "x", "y"), val=("A1",), test=("A2",))
OF_PASCAL = Split(train=("B1", "B4"), val=("B2",), test=("B3",))


@pytest.fixture
def of_two(tmp_path):
    """The file of a pretraining on two collections."""
    path = tmp_path / "splits.json"
    splits = {"circor": OF_CIRCOR, "pascal": OF_PASCAL}
    write_splits(path, splits, {"circor": ["x", "y"], "pascal": ["B4"]})
    return path


def test_the_splits_of_a_pretraining_are_by_collection(of_two):
    """By hand, with those kept for its validation loss, and each is read back."""
    assert json.loads(of_two.read_text()) == {
        "circor": {
            "train": ["A0", "x", "y"], "val": ["A1"], "test": ["A2"], "pretrain_val": ["x", "y"],
        },
        "pascal": {"train": ["B1", "B4"], "val": ["B2"], "test": ["B3"], "pretrain_val": ["B4"]},
    }  # fmt: skip
    for is_alone in (True, False):
        assert read_split(of_two, PEOPLE, collection="circor", is_alone=is_alone) == OF_CIRCOR
        assert read_split(of_two, OTHERS, collection="pascal", is_alone=is_alone) == OF_PASCAL


def test_a_file_without_the_collection_names_those_it_has(of_two):
    with pytest.raises(DataError, match=r"no split of physionet2016, but of: circor, pascal$"):
        read_split(of_two, PEOPLE, collection="physionet2016")


def test_the_part_of_a_collection_is_checked_as_a_whole_file_is(of_two):
    with pytest.raises(DataError, match="subject 'B1' in 'train' is not in the collection"):
        read_split(of_two, PEOPLE, collection="pascal")


def test_a_split_that_names_no_collection_is_not_for_several(tmp_path):
    write_split(tmp_path / "splits.json", OF_CIRCOR)

    with pytest.raises(DataError, match="is the split of one collection and does not say of which"):
        read_split(tmp_path / "splits.json", PEOPLE, collection="circor", is_alone=False)
