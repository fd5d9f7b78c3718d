"""k-NN: neighbours are of other folds, and their votes add up as the definition has it."""

import math

import numpy as np

from pahcl_core.data.tasks import TASKS
from pahcl_core.evaluation.neighbours import neighbour_probe
from pahcl_core.training.conclusion import score_predictions
from pahcl_core.training.rows import folds_of, labelled_rows

MURMUR = TASKS["circor_murmur"]
OUTCOME = TASKS["circor_outcome"]


def test_equals_a_count_by_hand(cohort):
    rows = np.random.default_rng(2).normal(size=(60, 4))

    said = neighbour_probe(np.arange(60), rows, cohort, OUTCOME, neighbours=3, seed=1)

    known = labelled_rows(np.arange(60), cohort, OUTCOME)
    fold = folds_of(known, OUTCOME, seed=1)
    by_recording = []
    for one in range(60):
        others = []
        for other in range(60):
            if fold[other] != fold[one]:
                dot = sum(a * b for a, b in zip(rows[one], rows[other], strict=True))
                lengths = math.dist(rows[one], [0] * 4) * math.dist(rows[other], [0] * 4)
                others.append((dot / lengths, known.labels[other]))
        nearest = sorted(others, reverse=True)[:3]
        weights = [math.exp(cosine / 0.07) for cosine, _ in nearest]
        ill = sum(w for w, (_, label) in zip(weights, nearest, strict=True) if label == 1)
        by_recording.append(ill / sum(weights))
    expected = np.array(by_recording).reshape(30, 2).mean(axis=1)  # a patient has two recordings
    np.testing.assert_allclose(said.probabilities[:, 1], expected, atol=1e-12)


def test_embeddings_that_tell_the_class_are_all_it_takes(cohort):
    told = np.eye(3)[labelled_rows(np.arange(60), cohort, MURMUR).labels]

    said = neighbour_probe(np.arange(60), told, cohort, MURMUR, neighbours=5, seed=0)

    assert score_predictions(said, MURMUR).values["auroc"] == 1.0


def test_embeddings_that_tell_the_person_are_of_no_use(cohort):
    """A person's other recording would be the nearest, were it among those asked."""
    persons = np.repeat(np.eye(30), 2, axis=0)

    said = [
        neighbour_probe(np.arange(60), persons, cohort, OUTCOME, neighbours=1, seed=seed)
        for seed in range(5)
    ]

    assert np.mean([score_predictions(one, OUTCOME).values["auroc"] for one in said]) < 0.65
