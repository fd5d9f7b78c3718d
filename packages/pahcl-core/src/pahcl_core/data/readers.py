"""Which function reads which collection, and by which labels its people are dealt out."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol, get_args, runtime_checkable

from pahcl_core.data.circor import read_circor
from pahcl_core.data.collection import Collection
from pahcl_core.data.folder import read_unlabelled_folder
from pahcl_core.data.folder_task import read_folder_task
from pahcl_core.data.pascal import read_pascal
from pahcl_core.data.physionet2016 import read_physionet2016
from pahcl_core.data.tasks import Task
from pahcl_core.errors import SettingError, closest

CollectionName = Literal["circor", "physionet2016", "pascal", "folder"]


@runtime_checkable
class Read(Protocol):
    """Reads a download; see `read_circor`."""

    def __call__(self, root: Path, *, max_damaged: float, strict: bool) -> Collection:
        """The collection below a folder."""
        ...


@dataclass(frozen=True, kw_only=True, slots=True)
class Reader:
    """How a collection is read and split."""

    read: Read
    split_by: str | None
    """Label whose shares are alike on all sides of a split; None where no label is known of."""

    also: tuple[str, ...] = ()
    """Further labels that a split keeps alike."""

    follows_from: tuple[str, ...] = ()
    """The labels that `split_by` is made of, where it is none that anyone is told by."""

    @property
    def labels(self) -> tuple[str, ...]:
        """All that a split keeps alike, the most important first."""
        return self.also if self.split_by is None else (self.split_by, *self.also)


READERS: Mapping[CollectionName, Reader] = {
    "circor": Reader(read=read_circor, split_by="murmur", also=("outcome",)),
    "physionet2016": Reader(read=read_physionet2016, split_by="class"),
    "pascal": Reader(read=read_pascal, split_by="class"),
    "folder": Reader(read=read_unlabelled_folder, split_by=None),
}


def reader_of_task(task: Task, *, folds: int = 0) -> Reader:
    """How the collection of a task is read and split; a folder, by the task's own label.

    Args:
        task: Whose labels are wanted.
        folds: How many people are dealt out to; 0 where they are held out once.
    """
    if task.collection != "folder":
        return reader_of(task.collection)

    def read(root: Path, *, max_damaged: float, strict: bool) -> Collection:
        return read_folder_task(root, task, folds=folds, max_damaged=max_damaged, strict=strict)

    return Reader(read=read, split_by=task.dealt_by, follows_from=task.labels)


MAX_DAMAGED = 0.05
"""Share of damaged recordings above which a path is taken to be wrong."""


def reader_of(name: str) -> Reader:
    """The reader of the collection of that name.

    Raises:
        SettingError: If there is none; names those there are and the closest.
    """
    for known, reader in READERS.items():
        if name == known:
            return reader
    raise SettingError(
        f"no collection named {name!r}{closest(name, READERS)}; collections: {', '.join(READERS)}"
    )


def collection_of(name: str) -> CollectionName:
    """Which collection is meant where several are given, each under a name of its own.

    Args:
        name: `circor`, `physionet2016`, `pascal` or `folder`; `folder:clinic_a` is a folder, too,
            told from others by a word of letters, digits, `_` and `-`.

    Raises:
        SettingError: If it is none of these.
    """
    kind, colon, own = name.partition(":")
    reader_of(kind)
    if colon and kind != "folder":
        raise SettingError(f"{name!r}: there is one {kind}; only folders have names of their own")
    if colon and not re.fullmatch(r"[\w-]+", own, re.ASCII):
        raise SettingError(
            f"{name!r}: a folder is named by letters, digits, _ and -, such as folder:clinic_a"
        )
    return next(known for known in get_args(CollectionName) if known == kind)
