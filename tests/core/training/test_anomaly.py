"""The distance from normal: learnt from normal recordings of other people, scored by person."""

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from pahcl_core.data.tasks import TASKS
from pahcl_core.evaluation.anomaly import Normality, anomaly_auroc, anomaly_probe
from pahcl_core.training.rows import labelled_rows

MURMUR = TASKS["circor_murmur"]
OUTCOME = TASKS["circor_outcome"]


def shrunk_covariance(rows):
    """Ledoit and Wolf, 2004, section 3.3, lemma by lemma; rows have mean 0."""
    num, width = rows.shape
    sample = rows.T @ rows / num
    mean = np.trace(sample) / width  # m
    away = np.sum((sample - mean * np.eye(width)) ** 2) / width  # d²
    noise = sum(np.sum((np.outer(r, r) - sample) ** 2) / width for r in rows) / num**2  # b̄²
    noise = min(noise, away)
    return noise / away * mean * np.eye(width) + (away - noise) / away * sample


def test_the_distance_is_mahalanobis_with_a_shrunk_covariance():
    rng = np.random.default_rng(0)
    normal = rng.normal(size=(12, 5)) @ rng.normal(size=(5, 5)) * [1, 10, 1, 1, 0.1] + 3
    asked = rng.normal(size=(4, 5)) * 4

    scaled = (normal - normal.mean(axis=0)) / normal.std(axis=0)
    inverse = np.linalg.inv(shrunk_covariance(scaled))
    apart = (asked - normal.mean(axis=0)) / normal.std(axis=0)
    expected = [np.sqrt(row @ inverse @ row) for row in apart]
    np.testing.assert_allclose(Normality(normal).distance(asked), expected, rtol=1e-9)


def test_a_direction_without_any_spread_does_no_harm():
    normal = np.column_stack([np.random.default_rng(0).normal(size=8), np.full(8, 2.0)])

    near, far = Normality(normal).distance(np.array([[0.0, 2.0], [0.0, 9.0]]))

    assert near < far < np.inf


def test_only_normal_recordings_of_other_people_are_learnt_from(cohort, mocker):
    """Person k has rows 2 k and 2 k + 1; every third person, from 0 on, has no murmur."""
    seen = []

    class Spy:
        def __init__(self, normal):
            self.learnt = set((normal[:, 0] // 2).astype(int))

        def distance(self, asked):
            seen.append((self.learnt, set((asked[:, 0] // 2).astype(int))))
            return asked[:, 0]

    mocker.patch("pahcl_core.evaluation.anomaly.Normality", Spy)

    found = anomaly_probe(np.arange(60), np.arange(60.0)[:, None], cohort, MURMUR, seed=0)

    assert len(seen) == 5
    for learnt, asked in seen:
        assert learnt == set(range(0, 30, 3)) - asked
    assert found.scores.tolist() == [2.0 * k + 1 for k in range(30)]  # the farther of the two


def test_where_recordings_are_averaged_so_are_distances(cohort, mocker):
    model = mocker.patch("pahcl_core.evaluation.anomaly.Normality").return_value
    model.distance.side_effect = lambda asked: asked[:, 0]

    found = anomaly_probe(np.arange(60), np.arange(60.0)[:, None], cohort, OUTCOME, seed=0)

    assert found.scores.tolist() == [2 * k + 0.5 for k in range(30)]


def test_whoever_is_unlike_the_normal_is_found(cohort):
    rng = np.random.default_rng(4)
    labels = labelled_rows(np.arange(60), cohort, MURMUR).labels
    rows = rng.normal(size=(60, 3))
    rows[labels == 1] += rng.choice([-9, 9], size=((labels == 1).sum(), 3))  # to any side

    found = anomaly_probe(np.arange(60), rows, cohort, MURMUR, seed=0)

    areas = anomaly_auroc(found, MURMUR)
    assert areas["auroc_Present"].value == 1.0
    for name, rest in {"auroc": [0, 1, 2], "auroc_Unknown": [0, 2]}.items():
        counted = np.isin(found.labels, rest)
        expected = roc_auc_score(found.labels[counted] > 0, found.scores[counted])
        assert areas[name].value == pytest.approx(expected), name
    assert areas["auroc"].low < areas["auroc"].value < areas["auroc"].high


def test_two_classes_have_one_area(cohort):
    rows = np.random.default_rng(0).normal(size=(60, 3))

    found = anomaly_probe(np.arange(60), rows, cohort, OUTCOME, seed=0)

    assert anomaly_auroc(found, OUTCOME).keys() == {"auroc"}
