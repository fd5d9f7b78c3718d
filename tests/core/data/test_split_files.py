"""Splits written, read back, and checked against the collection they are meant for."""

import json

import pytest

from pahcl_core.data.collection import Subject
from pahcl_core.data.splits import Split, read_split, split_people, write_split
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

    assert read_split(tmp_path / "splits.json", subjects) == split
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
    ],
)
def test_refuses_a_split_that_leaks_or_does_not_fit(tmp_path, content, reason):
    (tmp_path / "splits.json").write_text(json.dumps(content))

    with pytest.raises(DataError, match=rf"splits\.json: .*{reason}"):
        read_split(tmp_path / "splits.json", PEOPLE)


def test_a_split_may_leave_people_out(tmp_path):
    split = Split(train=("x", "y"), val=("A1",), test=("A2",))
    write_split(tmp_path / "splits.json", split)

    assert read_split(tmp_path / "splits.json", PEOPLE) == split


@pytest.mark.parametrize("content", [b"{", b"\xff\xfe"])
def test_refuses_what_is_no_json(tmp_path, content):
    (tmp_path / "splits.json").write_bytes(content)

    with pytest.raises(DataError, match=r"splits\.json: is not a JSON file"):
        read_split(tmp_path / "splits.json", PEOPLE)


def test_refuses_a_missing_file(tmp_path):
    with pytest.raises(DataError, match=r"splits\.json: cannot be read"):
        read_split(tmp_path / "splits.json", PEOPLE)
