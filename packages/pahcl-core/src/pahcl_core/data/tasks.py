"""The clinical tasks: which label of which collection, and what counts as positive."""

from dataclasses import dataclass
from typing import Literal

from pahcl_core.errors import SettingError, closest


@dataclass(frozen=True, kw_only=True, slots=True)
class Task:
    """One thing to predict about a patient, or a recording where nobody knows whose it is."""

    name: str
    collection: Literal["circor", "physionet2016", "pascal"]
    """Whose reader to use."""

    label: str
    """Key in `Subject.labels` and `Recording.labels`."""

    classes: tuple[str, ...]
    """In the order of the model's outputs."""

    positive: str
    """The class that sensitivity, specificity and the single-class areas are about."""

    pooling: Literal["mean", "any"]
    """How a patient follows from their recordings: on average, or positive where any one is."""

    description: str

    unit: Literal["patient", "recording"] = "patient"
    """What is scored."""

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
        SettingError: If there is none; names the tasks there are and the closest.
    """
    if name not in TASKS:
        raise SettingError(
            f"no task named {name!r}{closest(name, TASKS)}; tasks: {', '.join(TASKS)}"
        )
    return TASKS[name]
