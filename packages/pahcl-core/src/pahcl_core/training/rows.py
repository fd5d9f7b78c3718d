"""Recordings as rows of figures, embeddings or others: whose they are, and what patients come to.

Everyone is asked once by those who are not among them: recordings are dealt out in folds, person by
person. The linear probe (`training.probe`) and its kin ask in this way.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float64, Int64, Shaped
from sklearn.model_selection import StratifiedGroupKFold

from pahcl_core.data.collection import Subject
from pahcl_core.data.splits import having_labels
from pahcl_core.data.tasks import Task
from pahcl_core.errors import DataError
from pahcl_core.training.evaluation import Predictions, of_patients
from pahcl_core.training.people import Cohort

FOLDS = 5


@dataclass(frozen=True, kw_only=True, slots=True)
class Labelled:
    """The rows whose recordings have a class of a task."""

    place: Int64[np.ndarray, "known"]
    """Which rows they are, ascending."""

    labels: Int64[np.ndarray, "known"]
    """Index of the recording's class, which may differ from its subject's."""

    persons: Shaped[np.ndarray, "known"]
    """Whose each is."""

    def among(self, chosen: Bool[np.ndarray, "known"]) -> "Labelled":
        """Those of them that are chosen."""
        return Labelled(
            place=self.place[chosen], labels=self.labels[chosen], persons=self.persons[chosen]
        )


Foretell = Callable[
    [
        Float64[np.ndarray, "train figures"],
        Int64[np.ndarray, "train"],
        Shaped[np.ndarray, "train"],
        Float64[np.ndarray, "test figures"],
    ],
    Float64[np.ndarray, "test said"],
]
"""From the rows of some people, with classes and persons, to what is said of other rows."""


def labelled_rows(recordings: Int64[np.ndarray, "rows"], cohort: Cohort, task: Task) -> Labelled:
    """Those of these rows that can be learnt from.

    Args:
        recordings: The recording of each row, as its number in the cohort's cycles.
        cohort: Whose they are.
        task: Whose classes.
    """
    person_of = {one.subject_id: one.person_id for one in cohort.collection.subjects}
    place, labels, persons = list[int](), list[int](), list[str]()
    for row, number in enumerate(recordings.tolist()):
        one = cohort.cycles.recordings[number]
        label = one.labels.get(task.label)
        if label in task.classes and one.subject_id in person_of:
            place.append(row)
            labels.append(task.class_index(label))
            persons.append(person_of[one.subject_id])
    return Labelled(
        place=np.array(place, dtype=np.int64),
        labels=np.array(labels, dtype=np.int64),
        persons=np.array(persons, dtype=np.str_),
    )


def said_of_patients(
    subjects: Sequence[Subject],
    recordings: Int64[np.ndarray, "rows"],
    said: Float64[np.ndarray, "rows classes"],
    cohort: Cohort,
    task: Task,
) -> Predictions:
    """What follows for these subjects from what is said of recordings, as the task has it.

    Args:
        subjects: Who is asked for; who has no row is left out.
        recordings: The recording of each row, as its number in the cohort's cycles.
        said: Probabilities.
        cohort: Whose they are.
        task: Whose classes.
    """
    cycles = cohort.cycles
    counts = np.bincount(cycles.recording, minlength=len(cycles.recordings))
    return of_patients(
        subjects,
        [cycles.recordings[number].subject_id for number in recordings],
        said,
        counts[recordings].astype(np.int64),
        cycles.by_windows[recordings],
        task,
    )


def folds_of(known: Labelled, task: Task, *, seed: int) -> Int64[np.ndarray, "known"]:
    """A fold for each row, the same for all of a person's, classes spread as evenly as can be.

    Raises:
        DataError: If a class has fewer persons than there are folds.
    """
    for number, name in enumerate(task.classes):
        count = len(set(known.persons[known.labels == number]))
        if count < FOLDS:
            raise DataError(
                f"{task.name}: {count} persons with {name!r}, and {FOLDS} folds need {FOLDS} of "
                "each class"
            )
    fold = np.zeros(len(known.place), dtype=np.int64)
    dealer = StratifiedGroupKFold(FOLDS, shuffle=True, random_state=seed)
    parts = dealer.split(known.place[:, None], known.labels, known.persons)
    for number, (_, test) in enumerate(parts):
        fold[test] = number
    return fold


def foretold(
    rows: Float64[np.ndarray, "rows figures"],
    known: Labelled,
    fold: Int64[np.ndarray, "known"],
    foretell: Foretell,
) -> Float64[np.ndarray, "known said"]:
    """What is said of each labelled row by those in the other folds.

    Args:
        rows: All rows.
        known: Those that have a class.
        fold: From `folds_of`.
        foretell: Learns, and says.
    """
    own = rows[known.place]
    said = list[Float64[np.ndarray, "test said"]]()
    order = list[Int64[np.ndarray, "test"]]()
    for number in range(FOLDS):
        test = np.flatnonzero(fold == number)
        train = fold != number
        said.append(foretell(own[train], known.labels[train], known.persons[train], own[test]))
        order.append(test)
    result: Float64[np.ndarray, "known said"] = np.concatenate(said)[
        np.argsort(np.concatenate(order))
    ]
    return result


def foretold_patients(
    recordings: Int64[np.ndarray, "rows"],
    rows: Float64[np.ndarray, "rows figures"],
    cohort: Cohort,
    task: Task,
    *,
    seed: int,
    foretell: Foretell,
) -> Predictions:
    """What is said of everyone who can be scored, each by people they are not among.

    Args:
        recordings: The recording of each row, as its number in the cohort's cycles.
        rows: Their figures.
        cohort: Whose they are; its split is not looked at.
        task: What to tell.
        seed: Of the folds, which are the same for any figures.
        foretell: Learns from rows, and gives probabilities of others.

    Raises:
        DataError: As `folds_of`.
    """
    known = labelled_rows(recordings, cohort, task)
    said = foretold(rows, known, folds_of(known, task, seed=seed), foretell)
    subjects = scored_subjects(cohort, task)
    return said_of_patients(subjects, recordings[known.place], said, cohort, task)


def scored_subjects(cohort: Cohort, task: Task) -> tuple[Subject, ...]:
    """Those of a cohort who have a class of the task."""
    having = having_labels(cohort.collection.subjects, [task.label])
    return tuple(one for one in having if one.labels[task.label] in task.classes)
