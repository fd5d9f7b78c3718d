"""From cycles to patients to files: pooling by hand, and every score again from the file alone."""

import csv
import json
from dataclasses import replace

import numpy as np
import pytest
import torch

from oracles.instance_pooling import gated_scores, pooled_twice
from oracles.patient_scores import pooled, scores_from_file
from pahcl_core.data.collection import Subject
from pahcl_core.data.tasks import TASKS, Task, task_named
from pahcl_core.models.encoder import Encoder, EncoderConfig
from pahcl_core.models.heads import Classifier
from pahcl_core.models.instance_pooling import GatedAttention, InstancePooling
from pahcl_core.training.conclusion import score_predictions
from pahcl_core.training.evaluation import Predictions, UnitClassifier, predict
from pahcl_core.training.finetune import finetune
from pahcl_core.training.prediction_files import (
    confusion_table,
    prediction_table,
    write_instances,
    write_predictions,
)
from pahcl_core.training.settings import ScheduleConfig
from pahcl_core.training.windows import WindowSource

MURMUR, OUTCOME = TASKS["circor_murmur"], TASKS["circor_outcome"]


KINDS = ("attention", "mean", "statistics", "vote")


@pytest.fixture(params=KINDS)
def model(request) -> UnitClassifier:
    return make_model(request.param)


def make_model(kind) -> UnitClassifier:
    torch.manual_seed(0)
    config = EncoderConfig(width=16, num_blocks=1, state_size=4, window_s=1.024, dropout=0.5)
    size = config.embedding_size
    pooling = None if kind == "vote" else InstancePooling(size, kind)
    classifier = Classifier(size if pooling is None else pooling.size, 3, dropout=0.5)
    with torch.no_grad():
        classifier.linear.weight.mul_(20)  # so that cycles differ clearly
        for part in () if pooling is None else pooling.modules():
            if isinstance(part, GatedAttention):
                part.score.weight.mul_(20)  # and are weighed differently
    return UnitClassifier(Encoder(config, sample_rate=500), classifier, pooling=pooling)


def source_of(cohort) -> WindowSource:
    return WindowSource(
        cohort.cycles, window_s=1.024, band_hz=(25.0, 200.0), device=torch.device("cpu")
    )


def embedded(model, cohort, cycles=None) -> list[list[float]]:
    """Cycles, all if none are named."""
    index = np.arange(len(cohort.cycles)) if cycles is None else np.array(cycles)
    model.eval()
    with torch.no_grad():
        return model.embed(source_of(cohort)[index]).tolist()


def classified(model, embedding) -> list[float]:
    """Probabilities, in plain arithmetic."""
    weight = model.classifier.linear.weight.double().tolist()
    bias = model.classifier.linear.bias.double().tolist()
    logits = [
        b + sum(w * x for w, x in zip(row, embedding, strict=True))
        for row, b in zip(weight, bias, strict=True)
    ]
    exponentials = [np.exp(one) for one in logits]
    return [one / sum(exponentials) for one in exponentials]


@pytest.fixture
def uneven(make_cohort):
    """Recordings of 1, 3 and 4 cycles."""
    cohort = make_cohort()
    keep = np.delete(np.arange(96), [1, 2, 3, 14])
    cycles = replace(
        cohort.cycles,
        recording=cohort.cycles.recording[keep],
        bounds=cohort.cycles.bounds[keep],
    )
    return replace(cohort, cycles=cycles)


def cycles_of(cohort, subject) -> list[list[int]]:
    """Numbers of a subject's cycles, recording by recording."""
    return [
        np.flatnonzero(cohort.cycles.recording == number).tolist()
        for number, recording in enumerate(cohort.cycles.recordings)
        if recording.subject_id == subject.subject_id
    ]


def said(model, cohort, subjects=None, task=MURMUR):
    subjects = cohort.collection.subjects if subjects is None else subjects
    return predict(model, source_of(cohort), cohort.cycles, subjects, task)


@pytest.mark.parametrize("task", [MURMUR, replace(MURMUR, pooling="mean")], ids=["any", "mean"])
def test_votes_become_patients_as_the_task_says(uneven, task: Task):
    """Each probability against loops over its cycles and recordings."""
    model = make_model("vote")
    subjects = uneven.collection.subjects[::-1]

    found = said(model, uneven, subjects, task).predictions

    embeddings = embedded(model, uneven)
    assert found.subjects == subjects
    assert found.labels.tolist() == [task.classes.index(s.labels["murmur"]) for s in subjects]
    for row, subject in enumerate(subjects):
        by_recording = [
            [classified(model, embeddings[cycle]) for cycle in own]
            for own in cycles_of(uneven, subject)
        ]
        expected = pooled(by_recording, task.pooling, positive=1)
        assert found.probabilities[row].tolist() == pytest.approx(expected, abs=1e-5)
        assert found.num_recordings[row] == 2
        assert found.num_cycles[row] == sum(len(one) for one in by_recording)


@pytest.mark.parametrize("kind", ["attention", "mean"])
def test_what_is_pooled_is_classified_as_a_whole(uneven, kind):
    """Patients, and the share of each cycle, against loops; whatever the task's own rule."""
    model = make_model(kind)
    subjects = uneven.collection.subjects[::-1]

    found, instances = said(model, uneven, subjects)

    assert found.subjects == subjects
    embeddings = embedded(model, uneven)
    share = dict(zip(instances.cycle.tolist(), instances.weight.tolist(), strict=True))
    for row, subject in enumerate(subjects):
        numbers = cycles_of(uneven, subject)
        unit = [[embeddings[cycle] for cycle in own] for own in numbers]
        embedding, shares = pooled_twice(
            unit, scoring(model.pooling.of_cycles), scoring(model.pooling.of_recordings)
        )
        expected = classified(model, embedding)
        assert found.probabilities[row].tolist() == pytest.approx(expected, abs=1e-5)
        for own, wanted in zip(numbers, shares, strict=True):
            assert [share[cycle] for cycle in own] == pytest.approx(wanted, rel=1e-4)
        assert found.num_recordings[row] == 2
        assert found.num_cycles[row] == sum(map(len, numbers))


def scoring(attention):
    """The oracle with the weights of an attention, or the same score for all."""
    if not isinstance(attention, GatedAttention):
        return lambda rows: [0.0] * len(rows)
    layers = (attention.content, attention.gate)
    parts = [(layer.weight.tolist(), layer.bias.tolist()) for layer in layers]
    return lambda rows: gated_scores(rows, *parts, attention.score.weight[0].tolist())


def test_cycles_by_themselves_depend_neither_on_their_batch_nor_on_chance(model, make_cohort):
    """No dropout, no statistics of the batch; the model is left in evaluation mode."""
    cohort = make_cohort()
    model.train()

    together = said(model, cohort).instances

    assert not model.training
    assert together.cycle.tolist() == list(range(96))
    for cycle in range(0, 96, 12):
        (alone,) = embedded(model, cohort, [cycle])
        apart = [0.0] * (model.classifier.linear.in_features - len(alone))  # from nothing
        expected = classified(model, alone + apart)
        assert together.probabilities[cycle].tolist() == pytest.approx(expected, abs=1e-5)


def test_shares_add_up_to_one_over_a_subject(model, uneven):
    instances = said(model, uneven).instances

    for subject in uneven.collection.subjects:
        own = np.isin(instances.cycle, np.concatenate(cycles_of(uneven, subject)))
        assert instances.weight[own].sum() == pytest.approx(1.0, abs=1e-6)
        assert (instances.weight[own] >= 0).all()


@pytest.mark.parametrize("kind", ["attention", "mean"])
def test_a_prediction_is_what_its_cycles_say_times_their_shares(uneven, kind):
    """In logits, which are linear in the embedding: nothing else comes into it."""
    found, instances = said(make_model(kind), uneven)

    for row, subject in enumerate(uneven.collection.subjects):
        own = np.isin(instances.cycle, np.concatenate(cycles_of(uneven, subject)))
        logits = instances.weight[own] @ np.log(instances.probabilities[own])
        expected = np.exp(logits) / np.exp(logits).sum()
        assert found.probabilities[row] == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize("rule", ["any", "mean"])
def test_votes_times_their_shares_are_the_vote(uneven, rule):
    """Where any recording makes a patient positive, of the positive class."""
    task = replace(MURMUR, pooling=rule)
    found, instances = said(make_model("vote"), uneven, task=task)

    columns = [1] if rule == "any" else [0, 1, 2]
    for row, subject in enumerate(uneven.collection.subjects):
        own = np.isin(instances.cycle, np.concatenate(cycles_of(uneven, subject)))
        voted = instances.weight[own] @ instances.probabilities[own]
        assert found.probabilities[row][columns] == pytest.approx(voted[columns], abs=1e-6)


def test_more_cycles_than_fit_in_a_batch(model, make_cohort, mocker):
    """The same as with all of them at once."""
    cohort = make_cohort()
    at_once = said(model, cohort)
    mocker.patch("pahcl_core.training.evaluation._BATCH_SIZE", 7)

    found = said(model, cohort)

    for one, other in ((found.predictions, at_once.predictions), (found[1], at_once[1])):
        assert one.probabilities == pytest.approx(other.probabilities, abs=1e-6)
    assert found.instances.weight == pytest.approx(at_once.instances.weight, abs=1e-6)


def test_a_subject_without_a_cycle_gets_no_row(model, make_cohort):
    cohort = make_cohort()
    keep = cohort.cycles.recording >= 2  # the first subject's two recordings were set aside
    cycles = replace(
        cohort.cycles,
        recording=cohort.cycles.recording[keep],
        bounds=cohort.cycles.bounds[keep],
    )

    found = said(model, replace(cohort, cycles=cycles), cohort.collection.subjects[:3])

    assert [subject.subject_id for subject in found.predictions.subjects] == ["001", "002"]
    assert set(found.instances.cycle) == set(np.flatnonzero(cycles.recording < 6))


def test_recordings_in_windows_are_counted(model, make_cohort):
    """Both of the second patient, one of the third."""
    cohort = make_cohort()
    sources = tuple("windows" if n in (2, 3, 5) else "annotation" for n in range(24))
    cohort = replace(cohort, cycles=replace(cohort.cycles, sources=sources))

    found = said(model, cohort).predictions

    assert found.by_windows.tolist() == [0, 2, 1] + [0] * 9


def predictions(cohort, labels, probabilities) -> Predictions:
    count = len(labels)
    return Predictions(
        subjects=cohort.collection.subjects[:count],
        labels=np.array(labels),
        probabilities=np.array(probabilities),
        num_recordings=np.full(count, 2),
        num_cycles=np.full(count, 8),
        by_windows=np.arange(count),
    )


def test_the_loss_is_the_mean_surprise(make_cohort):
    """By hand, ln 2 and ln 4; a probability of zero is no infinity."""
    some = predictions(make_cohort(), [0, 1], [[0.5, 0.25, 0.25], [0.5, 0.25, 0.25]])
    assert score_predictions(some, MURMUR).values["loss"] == pytest.approx(1.5 * np.log(2))

    sure = predictions(make_cohort(), [0, 1], [[0.0, 1.0, 0.0], [0.0, 1.0, 0.0]])
    assert score_predictions(sure, MURMUR).values["loss"] == pytest.approx(-np.log(2.0**-1022) / 2)


def test_the_file_has_every_digit(make_cohort, tmp_path):
    cohort = make_cohort()
    table = np.random.default_rng(0).dirichlet(np.ones(3), size=4)
    some = predictions(cohort, [0, 0, 1, 1], table)

    write_predictions(tmp_path / "p.csv", {"": {"val": some, "test": some}}, MURMUR)

    with (tmp_path / "p.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["split"] for row in rows] == ["val"] * 4 + ["test"] * 4
    assert [row["by_windows"] for row in rows] == ["0", "1", "2", "3"] * 2
    for row, probabilities, subject in zip(rows, table, cohort.collection.subjects, strict=False):
        assert [float(row[f"p_{name}"]) for name in MURMUR.classes] == probabilities.tolist()
        assert row["prediction"] == MURMUR.classes[probabilities.argmax()]
        assert row["label"] == subject.labels["murmur"]
        assert (row["subject_id"], row["person_id"]) == (subject.subject_id, subject.person_id)
        assert (row["num_recordings"], row["num_cycles"]) == ("2", "8")


def test_the_file_of_instances_says_where_each_cycle_lies(uneven, tmp_path):
    """Of the second patient, whose recordings begin at 8 and 12 s, with 4 and 3 cycles."""
    found = said(make_model("attention"), uneven, uneven.collection.subjects[1:2]).instances

    write_instances(tmp_path / "i.csv", found, uneven.cycles, uneven.collection, MURMUR)

    with (tmp_path / "i.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [(r["subject_id"], r["recording"], r["location"], r["cycle"]) for r in rows] == [
        *(("001", "001_AV.wav", "AV", str(number)) for number in (1, 2, 3, 4)),
        *(("001", "001_MV.wav", "MV", str(number)) for number in (1, 2, 3)),
    ]
    assert [(float(r["start_s"]), float(r["stop_s"])) for r in rows] == [
        *((second, second + 0.98) for second in (0, 1, 2, 3)),
        *((second, second + 0.98) for second in (0, 1, 3)),
    ]
    assert [float(r["weight"]) for r in rows] == found.weight.tolist()
    table = [[float(r[f"p_{name}"]) for name in MURMUR.classes] for r in rows]
    assert table == found.probabilities.tolist()
    assert list(tmp_path.iterdir()) == [tmp_path / "i.csv"]


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
        by_windows=np.zeros(3, dtype=np.int64),
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
