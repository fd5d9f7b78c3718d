"""A baseline as a run: the persons of a fine-tuning, and files that say what came out."""

import csv
import json
import tomllib
from dataclasses import replace

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from pahcl_core.baselines.baseline import baseline, learnt
from pahcl_core.baselines.settings import BaselineConfig
from pahcl_core.config import from_dict
from pahcl_core.data.splits import few_shot
from pahcl_core.data.tasks import TASKS
from pahcl_core.errors import DataError, SettingError
from pahcl_core.training.people import read_cohort

MURMUR = TASKS["circor_murmur"]
OUTCOME = TASKS["circor_outcome"]


@pytest.fixture(scope="module")
def config(finetune_config, circor):
    alike = finetune_config(data_dir=circor)
    return BaselineConfig(
        features="phase_bands",
        task="circor_outcome",
        data_dir=circor,
        output_dir=alike.output_dir,
        signal=alike.signal,
        seed=5,
        num_workers=1,
    )


@pytest.fixture(scope="module")
def finished(config, silent):
    return baseline(config, tracker=silent)


@pytest.fixture(scope="module")
def toy(make_cohort):
    """People whose class can be told by a tone in systole."""
    classes = ("Absent", "Present", "Unknown")
    return make_cohort(train=classes * 4, val=classes, test=classes * 2)


def rows_of(directory):
    with (directory / "predictions.csv").open() as file:
        return list(csv.DictReader(file))


def test_persons_are_dealt_out_as_by_a_fine_tuning(finished, finetune_config, circor):
    cohort = read_cohort(finetune_config(data_dir=circor, seed=5), lambda items, total: items)
    rows = rows_of(finished.directory)

    for side, ids in cohort.by_name.items():
        assert {row["subject_id"] for row in rows if row["split"] == side} == set(ids)
    split = json.loads((finished.directory / "splits.json").read_text())
    assert split == {side: list(ids) for side, ids in cohort.by_name.items()}


def test_metrics_can_be_had_again_from_the_predictions(finished):
    rows = [row for row in rows_of(finished.directory) if row["split"] == "test"]
    final = json.loads((finished.directory / "final_metrics.json").read_text())

    ill = [row["label"] == "Abnormal" for row in rows]
    expected = roc_auc_score(ill, [float(row["p_Abnormal"]) for row in rows])
    assert final["test_auroc"] == pytest.approx(expected, abs=1e-12)
    assert final["n"]["test"] == len(rows)
    assert final["n_by_class"]["test"] == {"Normal": len(rows) - sum(ill), "Abnormal": sum(ill)}
    low, high = final["intervals"]["test"]["auroc"]
    assert low <= final["test_auroc"] <= high
    assert final["features"] == "phase_bands"
    assert final["model"] == "logistic"
    assert final["provenance"] == "synthetic"


def test_its_settings_are_enough_to_do_it_again(finished, config, silent):
    table = tomllib.loads((finished.directory / "config.toml").read_text())
    again = from_dict(BaselineConfig, table, source="config.toml")

    assert again == config
    result = baseline(replace(again, experiment_name="again"), tracker=silent)
    for name in ("predictions.csv", "final_metrics.json"):
        assert (result.directory / name).read_bytes() == (finished.directory / name).read_bytes()


def test_a_tracker_is_told_and_cannot_end_it(config, mocker):
    tracker = mocker.Mock()
    tracker.log.side_effect = RuntimeError("no network")

    result = baseline(replace(config, experiment_name="tracked"), tracker=tracker)

    assert tracker.start.call_args.args[0].job_type == "baseline"
    told = tracker.log.call_args.args[0]
    assert told["test/auroc"] == result.metrics["test_auroc"]
    assert "test/predictions" in told
    saved = {call.args[0].name for call in tracker.save.call_args_list}
    assert saved == {"config.toml", "splits.json", "predictions.csv", "final_metrics.json"}
    outcome = tracker.finish.call_args.args[0]
    assert outcome.status == "completed"
    assert outcome.summary["val/auroc"] == result.metrics["val_auroc"]


@pytest.mark.parametrize("features", ["log_mel", "mfcc", "phase_bands"])
def test_what_can_be_told_by_ear_is_told(features, config, toy):
    _, said = learnt(replace(config, features=features, task="circor_murmur"), toy, MURMUR)

    assert (said["test"].probabilities.argmax(axis=1) == said["test"].labels).all()
    assert [len(said[side].subjects) for side in ("train", "val", "test")] == [12, 3, 6]


def test_only_training_persons_are_learnt_from(config, toy):
    """With the labels of the others turned round, the same is said of them."""
    held_out = {*toy.split.val, *toy.split.test}
    wrong = {"Absent": "Present", "Present": "Unknown", "Unknown": "Absent"}
    recordings = tuple(
        replace(one, labels={"murmur": wrong[one.labels["murmur"]]})
        if one.subject_id in held_out
        else one
        for one in toy.cycles.recordings
    )
    turned = replace(toy, cycles=replace(toy.cycles, recordings=recordings))
    config = replace(config, task="circor_murmur")

    models, said = learnt(config, toy, MURMUR)
    others, again = learnt(config, turned, MURMUR)

    np.testing.assert_array_equal(again["test"].probabilities, said["test"].probabilities)
    assert others[""].strength == models[""].strength


def test_few_shots_are_those_of_a_fine_tuning(config, toy):
    config = replace(config, task="circor_murmur", few_shot=True, shot_ratio=0.5)

    _, said = learnt(config, toy, MURMUR)

    taken = few_shot(
        toy.collection.subjects, toy.split.train, label="murmur", ratio=0.5, seed=config.seed
    )
    assert len(taken) == 6
    assert tuple(one.subject_id for one in said["train"].subjects) == taken
    assert config.name == "circor_murmur_phase_bands_logistic_fewshot50pct"


def test_where_all_are_alike_there_is_nothing_to_tell(config, make_cohort):
    alike = make_cohort(train=("Absent",) * 3, val=("Present",), test=("Present",))

    with pytest.raises(DataError, match="all training recordings are alike in murmur"):
        learnt(replace(config, task="circor_murmur"), alike, MURMUR)


@pytest.mark.parametrize(
    ("changes", "error", "said"),
    [
        ({"task": "circor"}, SettingError, "no task named 'circor'"),
        ({"shot_ratio": 0.0}, ValueError, r"shot_ratio must lie in \(0, 1\], got 0"),
    ],
)
def test_refuses_settings_that_make_no_sense(changes, error, said, config):
    with pytest.raises(error, match=said):
        replace(config, **changes)
