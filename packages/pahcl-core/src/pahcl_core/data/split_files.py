"""Splits on file: `splits.json`, written by every run and read where a split is to be had again.

A fine-tuning writes the split of its collection:

    {"train": ["13918", …], "val": […], "test": […]}

A pretraining writes one for each of its collections, by the name that it is given under; and which
of the persons that it pretrains on it kept for its validation loss:

    {"circor": {"train": […], "val": […], "test": […], "pretrain_val": […]}, "pascal": {…}}

Where the test side is one of several folds, each also says which, from 1 on: `"fold": 2,
"folds": 5`. Either may be read by either.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from pahcl_core.data.collection import Subject
from pahcl_core.data.splits import SIDES, Split
from pahcl_core.errors import DataError

PRETRAIN_VAL = "pretrain_val"
_FOLD = ("fold", "folds")


def write_split(path: Path, split: Split) -> None:
    """Write the split of one collection: subject numbers under `train`, `val` and `test`."""
    _write(path, _plain(split))


def write_splits(
    path: Path, splits: Mapping[str, Split], pretrain_val: Mapping[str, Sequence[str]]
) -> None:
    """Write the splits of a pretraining.

    Args:
        path: Where to.
        splits: By the name of the collection.
        pretrain_val: Subject numbers kept for the validation loss, by the same names.
    """
    _write(
        path,
        {
            name: {**_plain(split), PRETRAIN_VAL: list(pretrain_val[name])}
            for name, split in splits.items()
        },
    )


def _plain(split: Split) -> dict[str, Any]:
    """Without a fold where there are none."""
    return {name: value for name, value in asdict(split).items() if split.folds or name in SIDES}


def _write(path: Path, content: Mapping[str, Any]) -> None:
    path.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8", newline="\n")


def read_split(
    path: Path, subjects: Sequence[Subject], *, collection: str, is_alone: bool = True
) -> Split:
    """Read the split of a collection, and check it against the collection.

    A subject on no side is no error: a split may leave people out.

    Args:
        path: The file.
        subjects: All of the collection, in any order.
        collection: What it is called in the file of a pretraining.
        is_alone: Whether a file that names no collection can only mean this one.

    Raises:
        DataError: If the file is not such a JSON file, has no split of the collection, names an
            unknown subject or one twice, leaves a side empty, or has a person on two sides.
    """
    split = _parse_split(path, collection, is_alone)
    persons = {subject.subject_id: subject.person_id for subject in subjects}
    side_of: dict[str, str] = {}
    seen: set[str] = set()
    for side in SIDES:
        ids: tuple[str, ...] = getattr(split, side)
        if not ids:
            raise DataError(f"{path}: {side!r} is empty")
        for subject_id in ids:
            if subject_id not in persons:
                raise DataError(
                    f"{path}: subject {subject_id!r} in {side!r} is not in the collection"
                )
            if side_of.setdefault(persons[subject_id], side) != side:
                raise DataError(
                    f"{path}: person {persons[subject_id]!r} (subject {subject_id!r}) is in both "
                    f"{side_of[persons[subject_id]]!r} and {side!r}"
                )
            if subject_id in seen:
                raise DataError(f"{path}: subject {subject_id!r} is in {side!r} twice")
            seen.add(subject_id)
    return split


def _parse_split(path: Path, collection: str, is_alone: bool) -> Split:
    content = _of_collection(path, _read(path), collection, is_alone)
    if not isinstance(content, dict) or set(content) - {PRETRAIN_VAL, *_FOLD} != set(SIDES):
        raise DataError(f"{path}: must hold 'train', 'val' and 'test' and nothing else")
    fold = {name: content[name] for name in _FOLD if name in content}
    if fold and not (len(fold) == 2 and all(type(number) is int for number in fold.values())):
        raise DataError(f"{path}: 'fold' and 'folds' must both be whole numbers")
    for side in content.keys() - set(_FOLD):
        ids = content[side]
        if not isinstance(ids, list) or not all(isinstance(one, str) for one in ids):
            raise DataError(f"{path}: {side!r} must be a list of subject numbers as text")
    train, val, test = (tuple(content[side]) for side in SIDES)
    return Split(train=train, val=val, test=test, **fold)


def _read(path: Path) -> object:
    try:
        content: object = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror}") from error
    except ValueError as error:  # not JSON, or no text at all
        raise DataError(f"{path}: is not a JSON file: {error}") from error
    return content


def _of_collection(path: Path, content: object, collection: str, is_alone: bool) -> object:
    """The part of a pretraining's file that is meant, or all of a fine-tuning's."""
    if not isinstance(content, dict) or not content:
        return content
    if not all(isinstance(part, dict) for part in content.values()):
        if is_alone:
            return content
        raise DataError(
            f"{path}: is the split of one collection and does not say of which; for several, give "
            "the splits.json of a pretraining on them"
        )
    if collection not in content:
        raise DataError(
            f"{path}: holds no split of {collection}, but of: {', '.join(sorted(content))}"
        )
    return content[collection]
