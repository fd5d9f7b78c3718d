"""k-NN on embeddings: what the nearest recordings of other people say of one."""

import numpy as np
from jaxtyping import Float64, Int64

from pahcl_core.data.tasks import Task
from pahcl_core.training.evaluation import Predictions
from pahcl_core.training.nearest_neighbours import votes
from pahcl_core.training.people import Cohort
from pahcl_core.training.rows import (
    folds_of,
    labelled_rows,
    said_of_patients,
    scored_subjects,
)


def neighbour_probe(
    recordings: Int64[np.ndarray, "recordings"],
    embeddings: Float64[np.ndarray, "recordings width"],
    cohort: Cohort,
    task: Task,
    *,
    neighbours: int,
    seed: int,
) -> Predictions:
    """What the nearest neighbours of everyone's recordings say, among the persons of other folds.

    The vote is the one a pretraining is watched by (`training.nearest_neighbours`), the folds are
    the linear probe's, so that everybody has as many persons to be compared with as it learns from.

    Args:
        recordings: Indices into the recordings of the cohort's cycles.
        embeddings: One row for each of them.
        cohort: Whose they are; its split is not looked at.
        task: What to tell.
        neighbours: How many vote.
        seed: Of the folds.

    Raises:
        DataError: If a class has fewer persons than there are folds.
    """
    known = labelled_rows(recordings, cohort, task)
    fold = folds_of(known, task, seed=seed)
    said = votes(
        embeddings[known.place],
        known.labels,
        fold,
        num_classes=len(task.classes),
        neighbours=neighbours,
    )
    subjects = scored_subjects(cohort, task)
    return said_of_patients(subjects, recordings[known.place], said, cohort, task)
