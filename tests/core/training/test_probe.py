"""The linear probe: everyone is scored once, by people they are not among."""

import warnings
from dataclasses import replace

import numpy as np
import pytest
import torch

from pahcl_core.data.tasks import TASKS
from pahcl_core.errors import DataError
from pahcl_core.models.encoder import Encoder, EncoderConfig
from pahcl_core.training.conclusion import score_predictions
from pahcl_core.training.probe import linear_probe, recording_embeddings
from pahcl_core.training.windows import WindowSource

MURMUR = TASKS["circor_murmur"]
OUTCOME = TASKS["circor_outcome"]


def classes_of(cohort, task):
    return np.array([task.class_index(r.labels[task.label]) for r in cohort.cycles.recordings])


def test_embeddings_that_tell_the_class_are_all_it_takes(cohort):
    told = np.eye(3)[classes_of(cohort, MURMUR)]
    noise = np.random.default_rng(0).normal(size=(60, 5))

    said = linear_probe(np.arange(60), np.hstack([told, noise]), cohort, MURMUR, seed=0)

    assert len(said.subjects) == 30
    assert score_predictions(said, MURMUR).values["auroc"] == 1.0
    assert score_predictions(said, MURMUR).values["accuracy"] == 1.0


def test_it_looks_at_as_many_components_as_tell_the_class(cohort, mocker):
    """The class is in the third; two larger ones tell nothing."""
    rng = np.random.default_rng(0)
    label = classes_of(cohort, OUTCOME)
    large = rng.normal(size=(60, 2))
    large -= np.stack([large[label == one].mean(axis=0) for one in range(2)])[label]
    rows = np.hstack([large, 0.2 * label[:, None]]) @ rng.normal(size=(3, 40))
    rows += 0.01 * rng.normal(size=rows.shape)

    areas = {}
    for numbers in ((2,), (3,), (2, 3, None)):
        mocker.patch("pahcl_core.training.probe._COMPONENTS", numbers)
        said = linear_probe(np.arange(60), rows, cohort, OUTCOME, seed=0)
        areas[numbers] = score_predictions(said, OUTCOME).values["auroc"]

    assert areas[2,] < 0.7
    assert areas[3,] > 0.95
    assert areas[2, 3, None] > 0.95


def test_embeddings_that_are_all_the_same_tell_nothing(cohort):
    """Those of an encoder that has collapsed; numpy has nothing to warn of."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        said = linear_probe(np.arange(60), np.ones((60, 8)), cohort, OUTCOME, seed=0)

    assert score_predictions(said, OUTCOME).values["auroc"] == pytest.approx(0.5, abs=0.15)


def test_embeddings_that_tell_the_person_are_of_no_use(cohort):
    """They would be, were one of a person's two recordings learnt from and the other foretold."""
    persons = np.repeat(np.eye(30), 2, axis=0)

    said = [linear_probe(np.arange(60), persons, cohort, OUTCOME, seed=s) for s in range(5)]

    areas = [score_predictions(one, OUTCOME).values["auroc"] for one in said]
    assert np.mean(areas) < 0.6


def test_whoever_is_foretold_was_not_learnt_from(cohort, mocker):
    rows = np.arange(60.0)[:, None]
    model = mocker.patch("pahcl_core.training.probe._regression").return_value
    model.classes_ = np.arange(3)
    model.fit.return_value = model
    model.predict_proba.side_effect = lambda some: np.full((len(some), 3), 1 / 3)

    linear_probe(np.arange(60), rows, cohort, MURMUR, seed=0)

    foretold = []
    for fit, predict in zip(model.fit.mock_calls, model.predict_proba.mock_calls, strict=True):
        learnt = set(fit.args[0][:, 0].astype(int) // 2)  # person k has rows 2 k and 2 k + 1
        asked = set(predict.args[0][:, 0].astype(int) // 2)
        assert not learnt & asked
        assert len(learnt | asked) == 30
        owners = [f"p{row // 2:03}" for row in fit.args[0][:, 0].astype(int)]
        # Nor is its strength chosen across people.
        assert fit.kwargs["gridsearchcv__groups"].tolist() == owners
        foretold += predict.args[0][:, 0].tolist()
    assert sorted(foretold) == list(range(60))


def test_recordings_become_patients_as_the_task_has_it(cohort, mocker):
    """A murmur heard in one of two recordings is a murmur; cycles are counted."""
    model = mocker.patch("pahcl_core.training.probe._regression").return_value
    model.classes_ = np.arange(3)
    model.fit.return_value = model
    model.predict_proba.side_effect = lambda some: np.array(
        [[0.1, 0.9, 0.0] if row % 2 else [0.8, 0.1, 0.1] for row in some[:, 0].astype(int)]
    )

    said = linear_probe(np.arange(60), np.arange(60.0)[:, None], cohort, MURMUR, seed=0)

    assert (said.probabilities.argmax(axis=1) == MURMUR.class_index("Present")).all()
    assert said.num_recordings.tolist() == [2] * 30
    assert said.num_cycles.tolist() == [8] * 30


def test_folds_are_the_same_for_any_embeddings_and_others_for_another_seed(cohort):
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(60, 4))

    one, again, other = (
        linear_probe(np.arange(60), rows, cohort, MURMUR, seed=seed).probabilities
        for seed in (0, 0, 1)
    )

    assert np.array_equal(one, again)
    assert not np.array_equal(one, other)


def test_a_class_of_fewer_persons_than_folds_is_refused(make_cohort):
    cohort = make_cohort(train=("Absent", "Present", "Unknown") * 2)

    with pytest.raises(DataError, match="circor_murmur: 4 persons with 'Absent'"):
        linear_probe(np.arange(24), np.zeros((24, 2)), cohort, MURMUR, seed=0)


def test_a_recording_is_mean_and_deviation_of_its_cycles(make_cohort):
    """Of a single cycle there is nothing to deviate."""
    cohort = make_cohort()
    kept = np.delete(np.arange(96), [13, 14, 15])  # of the fourth recording one is left
    cycles = replace(
        cohort.cycles,
        recording=cohort.cycles.recording[kept],
        bounds=cohort.cycles.bounds[kept],
    )
    cohort = replace(cohort, cycles=cycles)
    config = EncoderConfig(width=16, num_blocks=1, state_size=4, window_s=1.024)
    torch.manual_seed(0)
    encoder = Encoder(config, sample_rate=500).train()
    source = WindowSource(
        cohort.cycles, window_s=1.024, band_hz=(25.0, 200.0), device=torch.device("cpu")
    )

    recordings, rows = recording_embeddings(encoder, source, cohort)

    assert recordings.tolist() == list(range(24))
    assert rows.shape == (24, 2 * 4 * 16)
    for place, own in ((2, [8, 9, 10, 11]), (3, [12]), (4, [13, 14, 15, 16])):
        with torch.no_grad():
            told = encoder.eval()(*source[np.array(own)]).cycle.double().tolist()
        for column, numbers in enumerate(zip(*told, strict=True)):
            mean = sum(numbers) / len(own)
            deviation = (sum((one - mean) ** 2 for one in numbers) / len(own)) ** 0.5
            # Batches of another size are rounded otherwise.
            assert rows[place, column] == pytest.approx(mean, rel=1e-5, abs=1e-6)
            assert rows[place, 64 + column] == pytest.approx(deviation, rel=1e-5, abs=1e-6)
    assert (rows[3, 64:] == 0).all()
