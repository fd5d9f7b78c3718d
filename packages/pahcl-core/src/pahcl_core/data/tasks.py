"""The clinical tasks: which label of which collection, and what counts as positive.

A task of one's own is the same, read from a short TOML file; its recordings lie in a folder with a
table, as `data.folder` reads it.
"""

import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from pahcl_core.config import from_dict, read_toml
from pahcl_core.errors import SettingError, closest

Metric = Literal["auroc", "auprc", "f1_macro", "balanced_accuracy", "loss"]

MISSING = "missing"
"""Where units are counted by class: those who lack one of several labels."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Task:
    """One thing to predict about a patient, or a recording where nobody knows whose it is."""

    name: str
    """Letters, digits, `_` and `-`: runs are called after it."""

    label: str = ""
    """Key in `Subject.labels` and `Recording.labels`; in a folder, the column of the table."""

    labels: tuple[str, ...] = ()
    """Instead of `label`: several, of which any number can be true of one unit, and any may be
    missing. Each has one of the same two classes, and is told with a sigmoid of its own."""

    classes: tuple[str, ...]
    """In the order of the model's outputs, which are one for each of `labels` where there are
    several."""

    positive: str
    """The class that sensitivity, specificity and the single-class areas are about."""

    pooling: Literal["mean", "any"] = "mean"
    """How a patient follows from their recordings: on average, or positive where any one is."""

    unit: Literal["patient", "recording"] = "patient"
    """What has a label, and is scored. In a folder a patient is who is in the column `subject`."""

    metric: Metric = "auroc"
    """By which, on the validation units, the best epoch is picked."""

    description: str = ""

    table: str = ""
    """In a folder, the file with the labels; empty for the only `.csv` there is."""

    collection: str = "folder"
    """Whose reader to use, by its name in `data.readers`."""

    def __post_init__(self) -> None:
        if not re.fullmatch(r"[\w-]+", self.name, re.ASCII):
            raise ValueError(f"a task is named by letters, digits, _ and -, not {self.name!r}")
        if bool(self.label) == bool(self.labels):
            raise ValueError("give a label, or several labels, and not both")
        if self.labels and (len(self.classes) != 2 or len(set(self.labels)) < len(self.labels)):
            raise ValueError("several labels, each named once, have two classes: so or not so")
        if len(self.classes) < 2 or len(set(self.classes)) < len(self.classes):
            raise ValueError(f"classes must be two or more, each once, not {list(self.classes)}")
        if not all(self.classes):
            raise ValueError("a class is empty; an empty cell of the table is a missing label")
        if self.positive not in self.classes:
            known = ", ".join(self.classes)
            near = closest(self.positive, self.classes)
            raise ValueError(f"positive = {self.positive!r} is not one of {known}{near}")

    @property
    def outputs(self) -> tuple[str, ...]:
        """What a model has a number for."""
        return self.labels or self.classes

    @property
    def parts(self) -> "dict[str, Task]":
        """Tasks of one label each, by label; of one label, the task itself, by an empty name."""
        if not self.labels:
            return {"": self}
        return {name: replace(self, label=name, labels=()) for name in self.labels}

    @property
    def dealt_by(self) -> str:
        """The label whose shares are alike on all sides of a split; see `folder_task`."""
        return self.label or " + ".join(self.labels)

    def class_index(self, label: str) -> int:
        """Where a label stands among the model's outputs.

        Raises:
            ValueError: If it is not one of `classes`.
        """
        return self.classes.index(label)


TASKS: dict[str, Task] = {
    task.name: task
    for task in (
        Task(
            name="circor_murmur",
            collection="circor",
            label="murmur",
            classes=("Absent", "Present", "Unknown"),
            positive="Present",
            pooling="any",  # a murmur heard at one location is a murmur
            description="Is a murmur present? CirCor DigiScope, PhysioNet Challenge 2022",
        ),
        Task(
            name="circor_outcome",
            collection="circor",
            label="outcome",
            classes=("Normal", "Abnormal"),
            positive="Abnormal",
            pooling="mean",
            description="Is the clinical outcome abnormal? CirCor DigiScope, Challenge 2022",
        ),
        Task(
            name="physionet2016",
            collection="physionet2016",
            label="class",
            classes=("normal", "abnormal"),
            positive="abnormal",
            pooling="mean",
            description="Is the recording abnormal? PhysioNet/CinC Challenge 2016",
            unit="recording",
        ),
        Task(
            name="pascal",
            collection="pascal",
            label="class",
            classes=("normal", "murmur", "extrasystole"),
            positive="murmur",
            pooling="mean",
            description="Normal, murmur or extrasystole? PASCAL challenge 2011",
            unit="recording",
        ),
    )
}


def task_named(name: str) -> Task:
    """The task of that name.

    Raises:
        SettingError: If there is none; names the tasks there are and the closest, and what takes
            the file of one's own.
    """
    if name.endswith(".toml"):
        raise SettingError(
            f"{name}: tasks of one's own are for finetune, baseline and sweep; what an encoder "
            f"tells of one is told by pahcl baseline embedding {name} --pretrained MODEL; tasks "
            f"here: {', '.join(TASKS)}"
        )
    if name not in TASKS:
        raise SettingError(
            f"no task named {name!r}{closest(name, TASKS)}; tasks: {', '.join(TASKS)}"
        )
    return TASKS[name]


def task_of(name: str, own: Task | None) -> Task:
    """The task of that name, which is one's own where there is one.

    Raises:
        SettingError: As `task_named`, or if one's own is called otherwise, has the name of another
            task, or is of another collection than a folder.
    """
    if own is None:
        return task_named(name)
    if own.name != name:
        raise SettingError(f"the task is called {name!r}, but own_task.name is {own.name!r}")
    if name in TASKS:
        raise SettingError(f"{name!r} is a task already; give your own another name")
    if own.collection != "folder":
        raise SettingError(f"a task of one's own is about a folder, not {own.collection!r}")
    return own


def read_task(path: Path) -> Task:
    """A task of one's own.

    Args:
        path: A TOML file with the fields of `Task`.

    Raises:
        DataError: If there is no such file.
        SettingError: If it is no TOML, a field is unknown, missing or senseless, or as `task_of`.
    """
    task = from_dict(Task, read_toml(path), source=str(path))
    return task_of(task.name, task)
