"""From cycles to patients to files: pooling by hand, and every score again from the file alone."""

import csv
import json
from dataclasses import replace

import numpy as np
import pytest
import torch

from oracles.patient_scores import pooled, scores_from_file
from pahcl_core.data.collection import Subject
from pahcl_core.data.tasks import TASKS, Task, task_named
from pahcl_core.models.encoder import Encoder, EncoderConfig
from pahcl_core.models.heads import Classifier
from pahcl_core.training.evaluation import (
    CycleClassifier,
    Predictions,
    confusion_table,
    cycle_probabilities,
    predict,
    prediction_table,
    score,
    write_predictions,
)
from pahcl_core.training.finetune import finetune
from pahcl_core.training.settings import ScheduleConfig
from pahcl_core.training.windows import WindowSource

MURMUR, OUTCOME = TASKS["circor_murmur"], TASKS["circor_outcome"]


@pytest.fixture
def model() -> CycleClassifier:
    torch.manual_seed(0)
    config = EncoderConfig(width=16, num_blocks=1, state_size=4, window_s=1.024, dropout=0.5)
    classifier = Classifier(16, 3, dropout=0.5)
    with torch.no_grad():
        classifier.linear.weight.mul_(20)  # so that cycles differ clearly
    return CycleClassifier(Encoder(config, sample_rate=500), classifier)


def source_of(cohort) -> WindowSource:
    return WindowSource(
        cohort.cycles, window_s=1.024, band_hz=(25.0, 200.0), device=torch.device("cpu")
    )


def alone(model, cohort, cycle: int) -> list[float]:
    """Probabilities of one cycle, by itself."""
    model.eval()
    with torch.no_grad():
        logits = model(source_of(cohort)[np.array([cycle])])[0].double()
    return (logits.exp() / logits.exp().sum()).tolist()


@pytest.mark.parametrize("task", [MURMUR, replace(MURMUR, pooling="mean")], ids=["any", "mean"])
def test_patients_follow_from_their_cycles_as_the_task_says(model, make_cohort, task: Task):
    """Each probability against loops over its cycles and recordings."""
    cohort = make_cohort()
    keep = np.delete(np.arange(96), [1, 2, 3, 14])  # recordings of 1, 3 and 4 cycles
    cycles = replace(
        cohort.cycles,
        recording=cohort.cycles.recording[keep],
        bounds=cohort.cycles.bounds[keep],
    )
    cohort = replace(cohort, cycles=cycles)
    subjects = cohort.collection.subjects[::-1]

    found = predict(model, source_of(cohort), cycles, subjects, task)

    assert found.subjects == subjects
    assert found.labels.tolist() == [task.classes.index(s.labels["murmur"]) for s in subjects]
    for row, subject in enumerate(subjects):
        by_recording = [
            [alone(model, cohort, cycle) for cycle in np.flatnonzero(cycles.recording == number)]
            for number, recording in enumerate(cycles.recordings)
            if recording.subject_id == subject.subject_id
        ]
        expected = pooled(by_recording, task.pooling, positive=1)
        assert found.probabilities[row].tolist() == pytest.approx(expected, abs=1e-6)
        assert found.num_recordings[row] == 2
        assert found.num_cycles[row] == sum(len(one) for one in by_recording)


def test_cycles_do_not_depend_on_their_batch_nor_on_chance(model, make_cohort):
    """No dropout, no statistics of the batch; the model is left in evaluation mode."""
    cohort = make_cohort()
    model.train()

    together = cycle_probabilities(model, source_of(cohort), np.arange(96))

    assert not model.training
    assert together == pytest.approx(
        np.array([alone(model, cohort, cycle) for cycle in range(96)]), abs=1e-6
    )


def test_more_cycles_than_fit_in_a_batch(model, make_cohort):
    cohort = make_cohort()
    index = np.tile(np.arange(96), 6)

    many = cycle_probabilities(model, source_of(cohort), index)

    assert many.shape == (576, 3)
    assert many[-96:] == pytest.approx(many[:96], abs=1e-6)


def test_a_subject_without_a_cycle_gets_no_row(model, make_cohort):
    cohort = make_cohort()
    keep = cohort.cycles.recording >= 2  # the first subject's two recordings were set aside
    cycles = replace(
        cohort.cycles,
        recording=cohort.cycles.recording[keep],
        bounds=cohort.cycles.bounds[keep],
    )

    found = predict(model, source_of(cohort), cycles, cohort.collection.subjects[:3], MURMUR)

    assert [subject.subject_id for subject in found.subjects] == ["001", "002"]


def predictions(cohort, labels, probabilities) -> Predictions:
    count = len(labels)
    return Predictions(
        subjects=cohort.collection.subjects[:count],
        labels=np.array(labels),
        probabilities=np.array(probabilities),
        num_recordings=np.full(count, 2),
        num_cycles=np.full(count, 8),
    )


def test_the_loss_is_the_mean_surprise(make_cohort):
    """By hand, ln 2 and ln 4; a probability of zero is no infinity."""
    some = predictions(make_cohort(), [0, 1], [[0.5, 0.25, 0.25], [0.5, 0.25, 0.25]])
    assert score(some, MURMUR).values["loss"] == pytest.approx(1.5 * np.log(2))

    sure = predictions(make_cohort(), [0, 1], [[0.0, 1.0, 0.0], [0.0, 1.0, 0.0]])
    assert score(sure, MURMUR).values["loss"] == pytest.approx(-np.log(2.0**-1022) / 2)


def test_the_file_has_every_digit(make_cohort, tmp_path):
    cohort = make_cohort()
    table = np.random.default_rng(0).dirichlet(np.ones(3), size=4)
    some = predictions(cohort, [0, 0, 1, 1], table)

    write_predictions(tmp_path / "p.csv", {"val": some, "test": some}, MURMUR)

    with (tmp_path / "p.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["split"] for row in rows] == ["val"] * 4 + ["test"] * 4
    for row, probabilities, subject in zip(rows, table, cohort.collection.subjects, strict=False):
        assert [float(row[f"p_{name}"]) for name in MURMUR.classes] == probabilities.tolist()
        assert row["prediction"] == MURMUR.classes[probabilities.argmax()]
        assert row["label"] == subject.labels["murmur"]
        assert (row["subject_id"], row["person_id"]) == (subject.subject_id, subject.person_id)
        assert (row["num_recordings"], row["num_cycles"]) == ("2", "8")


@pytest.fixture(
    scope="module",
    params=["circor_murmur", "circor_outcome"],
)
def result(request, finetune_config, circor, silent):
    """A fine-tuning on the synthetic collection."""
    config = finetune_config(
        task=request.param,
        data_dir=circor,
        training=ScheduleConfig(epochs=2, batch_size=16, cycles_per_recording=2),
    )
    return finetune(config, tracker=silent)


@pytest.mark.parametrize("split", ["val", "test"])
def test_every_score_follows_from_the_predictions_on_file(result, split):
    """All of them and no other, undefined where the file says so."""
    metrics = json.loads((result.directory / "final_metrics.json").read_text())
    reported = {
        name.removeprefix(f"{split}_"): value
        for name, value in metrics.items()
        if name.startswith(f"{split}_") and name != "test_persons_seen_in_pretraining"
    }
    positive = TASKS[metrics["task"]].positive

    expected = scores_from_file(result.directory / "predictions.csv", split, positive)

    assert reported.keys() == expected.keys()
    for name, value in expected.items():
        assert reported[name] == (None if value is None else pytest.approx(value, rel=1e-12)), name
    undefined = {name for name, value in expected.items() if value is None}
    assert undefined == {
        name.removeprefix(f"{split}_") for name in metrics["undefined"] if name.startswith(split)
    }


def test_the_numbers_of_patients_are_those_on_file(result):
    with (result.directory / "predictions.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    splits = json.loads((result.directory / "splits.json").read_text())
    metrics = result.metrics

    for split in ("train", "val", "test"):
        own = [row for row in rows if row["split"] == split]
        assert sorted(row["subject_id"] for row in own) == splits[split]
        assert metrics["n"][split] == len(own)
        for name, count in metrics["n_by_class"][split].items():
            assert count == sum(row["label"] == name for row in own)
    assert metrics["unit"] == "patient"
    assert metrics["provenance"] == "synthetic"


def test_the_tables_for_a_tracker_say_what_was_said_of_whom():
    """Three patients: one right, one wrong, one of a class that nobody was said to be of."""
    task = task_named("circor_murmur")
    subjects = tuple(
        Subject(subject_id=number, person_id=number, labels={"murmur": label})
        for number, label in (("1", "Absent"), ("2", "Present"), ("3", "Unknown"))
    )
    predictions = Predictions(
        subjects=subjects,
        labels=np.array([0, 1, 2]),
        probabilities=np.array([[0.7, 0.2, 0.1], [0.5, 0.4, 0.1], [0.1, 0.6, 0.3]]),
        num_recordings=np.array([1, 1, 1]),
        num_cycles=np.array([4, 4, 4]),
    )

    said = prediction_table(predictions, task)
    confused = confusion_table(predictions, task)

    assert said.columns == [
        "subject_id",
        "label",
        "prediction",
        "p_Absent",
        "p_Present",
        "p_Unknown",
    ]
    assert said.rows == [
        ["1", "Absent", "Absent", 0.7, 0.2, 0.1],
        ["2", "Present", "Absent", 0.5, 0.4, 0.1],
        ["3", "Unknown", "Present", 0.1, 0.6, 0.3],
    ]
    assert confused.columns == [
        "label",
        "predicted_Absent",
        "predicted_Present",
        "predicted_Unknown",
    ]
    assert confused.rows == [["Absent", 1, 0, 0], ["Present", 1, 0, 0], ["Unknown", 0, 1, 0]]
