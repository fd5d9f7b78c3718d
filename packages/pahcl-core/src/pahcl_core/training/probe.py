"""Linear probe: what a frozen encoder's embeddings tell of a task, to a logistic regression.

Every recording is one vector: the mean embedding of its cycles. Person by person, in folds, a
regression is fitted on the recordings of most people and says what the others have; a patient
follows from their recordings as the task has it (`data.tasks`). So everyone is scored once, by a
regression that has not seen them, and how strongly it is regularised is chosen without them, too.

Source:
    Alain and Bengio, "Understanding intermediate layers using linear classifier probes", 2016,
    arXiv:1610.01644.
    Chen et al., 2020, arXiv:2002.05709, section 4: the linear evaluation of contrastive learning.
"""

import numpy as np
import torch
from jaxtyping import Float64, Int64
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, StratifiedGroupKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from pahcl_core.data.tasks import Task
from pahcl_core.errors import DataError
from pahcl_core.metrics.aggregation import mean_by
from pahcl_core.models.encoder import Encoder
from pahcl_core.training.evaluation import Predictions, of_patients
from pahcl_core.training.people import Cohort
from pahcl_core.training.windows import WindowSource, in_order, spread_over

CYCLES_PER_RECORDING = 16
"""At most, as far from one another as can be: more change a mean little, and cost time."""

FOLDS = 5
_INNER_FOLDS = 3
_STRENGTHS = (1e-3, 1e-2, 1e-1, 1.0)  # scikit-learn's C; embeddings have a spread of 1
_BATCH_SIZE = 256


def recording_embeddings(
    encoder: Encoder, source: WindowSource, cohort: Cohort
) -> tuple[Int64[np.ndarray, "recordings"], Float64[np.ndarray, "recordings width"]]:
    """The mean embedding of each recording of a cohort that has cycles.

    Args:
        encoder: Left in evaluation mode.
        source: The cohort's sound.
        cohort: Whose recordings.

    Returns:
        Which recordings, as indices into those of the cohort's cycles, and their embeddings.
    """
    cycles = cohort.cycles
    index = spread_over(cycles, np.arange(len(cycles)), CYCLES_PER_RECORDING)
    encoder.eval()
    with torch.no_grad():
        rows = [
            encoder(*source[batch]).cycle.double().cpu().numpy()
            for batch in in_order(index, _BATCH_SIZE)
        ]
    return mean_by(cycles.recording[index], np.concatenate(rows))


def linear_probe(
    recordings: Int64[np.ndarray, "recordings"],
    embeddings: Float64[np.ndarray, "recordings width"],
    cohort: Cohort,
    task: Task,
    *,
    seed: int,
) -> Predictions:
    """What logistic regressions say of everyone who can be scored, each of people new to it.

    Args:
        recordings: Indices into the recordings of the cohort's cycles.
        embeddings: One row for each of them.
        cohort: Whose they are; its split is not looked at.
        task: What to tell.
        seed: Of the folds, which are the same for any embeddings.

    Raises:
        DataError: If a class has fewer persons than there are folds.
    """
    known = [
        row
        for row, number in enumerate(recordings)
        if cohort.cycles.recordings[number].labels.get(task.label) in task.classes
    ]
    chosen = [cohort.cycles.recordings[recordings[row]] for row in known]
    rows = embeddings[known]
    labels = np.array([task.class_index(one.labels[task.label]) for one in chosen])
    owner = [one.subject_id for one in chosen]
    person_of = {one.subject_id: one.person_id for one in cohort.collection.subjects}
    persons = np.array([person_of[subject] for subject in owner])
    _refuse_few(labels, persons, task)
    probabilities = np.full((len(rows), len(task.classes)), np.nan)
    folds = StratifiedGroupKFold(FOLDS, shuffle=True, random_state=seed)
    for train, test in folds.split(rows, labels, persons):
        model = _regression(seed).fit(rows[train], labels[train], groups=persons[train])
        probabilities[test] = 0.0  # of a class that no one in the fold's training has
        probabilities[np.ix_(test, model.classes_)] = model.predict_proba(rows[test])
    subjects = [s for s in cohort.collection.subjects if s.labels.get(task.label) in task.classes]
    counts = np.bincount(cohort.cycles.recording, minlength=len(cohort.cycles.recordings))
    heard = recordings[known]
    windows = cohort.cycles.by_windows[heard]
    return of_patients(
        subjects, owner, probabilities, counts[heard].astype(np.int64), windows, task
    )


def _regression(seed: int) -> GridSearchCV:
    """Classes weigh alike; its strength is the one that best foretells people left out."""
    regression = LogisticRegression(class_weight="balanced", max_iter=500)
    return GridSearchCV(
        make_pipeline(StandardScaler(), regression),
        {"logisticregression__C": list(_STRENGTHS)},
        scoring="neg_log_loss",
        cv=StratifiedGroupKFold(_INNER_FOLDS, shuffle=True, random_state=seed),
        error_score="raise",
    )


def _refuse_few(labels: Int64[np.ndarray, "recordings"], persons: np.ndarray, task: Task) -> None:
    for number, name in enumerate(task.classes):
        count = len(set(persons[labels == number]))
        if count < FOLDS:
            raise DataError(
                f"{task.name}: {count} persons with {name!r}, and a probe in {FOLDS} folds needs "
                f"{FOLDS} of each class"
            )
