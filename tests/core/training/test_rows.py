"""Rows of recordings: folds by person are the probe's, and patients follow as the task has it."""

import numpy as np
import pytest
from sklearn.model_selection import StratifiedGroupKFold

from pahcl_core.data.tasks import TASKS
from pahcl_core.errors import DataError
from pahcl_core.training.probe import _regression, linear_probe
from pahcl_core.training.rows import folds_of, foretold_patients, labelled_rows

MURMUR = TASKS["circor_murmur"]


def test_the_linear_probe_is_a_regression_of_each_fold(cohort):
    """Against a plain loop over scikit-learn's folds."""
    rows = np.random.default_rng(0).normal(size=(60, 5))
    rows[:, 0] += labelled_rows(np.arange(60), cohort, MURMUR).labels

    labels, persons = np.arange(60) // 2 % 3, [f"p{row // 2:03}" for row in range(60)]
    said = np.empty((60, 3))
    folds = StratifiedGroupKFold(5, shuffle=True, random_state=7)
    for train, test in folds.split(rows, labels, persons):
        model = _regression(7).fit(
            rows[train], labels[train], gridsearchcv__groups=np.array(persons)[train]
        )
        said[test] = model.predict_proba(rows[test])

    probed = linear_probe(np.arange(60), rows, cohort, MURMUR, seed=7)
    assert [one.person_id for one in probed.subjects] == persons[::2]
    np.testing.assert_array_equal(probed.labels, labels[::2])
    assert probed.num_cycles.tolist() == [8] * 30
    present = MURMUR.class_index("Present")
    heard = said[:, present].reshape(30, 2)  # one recording in which it is heard is enough
    np.testing.assert_array_equal(probed.probabilities[:, present], heard.max(axis=1))


def test_who_is_asked_is_not_learnt_from(cohort):
    """Person k has rows 2 k and 2 k + 1, and their names come with them."""
    asked_for = []

    def foretell(known, labels, persons, asked):
        numbers, others = (set((one[:, 0] // 2).astype(int)) for one in (known, asked))
        assert not numbers & others
        assert len(numbers | others) == 30
        assert persons.tolist() == [f"p{row // 2:03}" for row in known[:, 0].astype(int)]
        assert labels.tolist() == [row // 2 % 3 for row in known[:, 0].astype(int)]
        asked_for.extend(asked[:, 0])
        return np.full((len(asked), 3), 1 / 3)

    rows = np.arange(60.0)[:, None]
    foretold_patients(np.arange(60), rows, cohort, MURMUR, seed=0, foretell=foretell)

    assert sorted(asked_for) == list(range(60))


def test_what_is_said_goes_to_whom_it_is_said_of(cohort):
    """Each row is told its own class, and every fifth recording is missing."""
    recordings = np.flatnonzero(np.arange(60) % 5 > 0)
    classes = np.arange(60) // 2 % 3

    def foretell(known, labels, persons, asked):
        return np.eye(3)[classes[asked[:, 0].astype(int)]]

    said = foretold_patients(
        recordings, recordings[:, None] * 1.0, cohort, MURMUR, seed=0, foretell=foretell
    )

    assert (said.probabilities.argmax(axis=1) == said.labels).all()
    assert said.num_recordings.sum() == 48
    assert said.num_cycles.sum() == 4 * 48


def test_folds_need_people(make_cohort):
    few = make_cohort(train=("Absent", "Present") * 6, val=("Unknown",), test=("Unknown",) * 3)
    known = labelled_rows(np.arange(32), few, MURMUR)

    with pytest.raises(DataError, match="4 persons with 'Unknown', and 5 folds need 5"):
        folds_of(known, MURMUR, seed=0)
