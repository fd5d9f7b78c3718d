"""A baseline of several labels: of each what a baseline of this label alone comes to."""

import csv
import json
from dataclasses import replace

import numpy as np
import pytest
from sklearn.metrics import f1_score, roc_auc_score

from pahcl_core.baselines.baseline import baseline, learnt
from pahcl_core.baselines.settings import BaselineConfig
from pahcl_core.data.preparation import SignalConfig
from pahcl_core.data.synthetic_folder import write_synthetic_folder
from pahcl_core.data.tasks import Task
from pahcl_core.errors import DataError
from pahcl_core.evaluation.recomputing import recomputed
from pahcl_core.evaluation.run_results import read_result
from pahcl_core.training.operating_point import OperatingPointConfig
from pahcl_core.training.people import read_cohort
from pahcl_core.training.settings import SplitConfig

# What is so comes first here, so that nothing rests on its being the second.
TASK = Task(
    name="sounds", labels=("murmur", "late"), classes=("present", "absent"), positive="present",
    pooling="any",
)  # fmt: skip


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Twenty-four people, a quarter of whom lack `late`; nobody but the last has `rare`."""
    root = tmp_path_factory.mktemp("own") / "data"
    write_synthetic_folder(root, num_subjects=24, seed=0, duration_s=(3.0, 3.0))
    table = root / "recordings.csv"
    header, *rows = table.read_text().splitlines()
    told = [f"{header},late,rare"]
    for number, row in enumerate(rows):
        late = ("present", "absent", "", "absent")[number // 2 % 4]
        told.append(f"{row},{late},{'present' if 's024' in row else 'absent'}")
    table.write_text("\n".join(told) + "\n")
    return root


@pytest.fixture(scope="module")
def config(folder, tmp_path_factory):
    return BaselineConfig(
        features="phase_bands",
        task=TASK.name,
        own_task=TASK,
        data_dir=folder,
        output_dir=tmp_path_factory.mktemp("outputs"),
        signal=SignalConfig(sample_rate=500, high_hz=200.0),
        operating_point=OperatingPointConfig(rule="youden"),
        num_workers=1,
        seed=3,
    )


@pytest.fixture(scope="module")
def finished(config, silent):
    return baseline(config, tracker=silent)


def rows_of(directory, label=None):
    with (directory / "predictions.csv").open() as file:
        rows = list(csv.DictReader(file))
    return [row for row in rows if label is None or row["about"] == label]


@pytest.mark.parametrize("label", TASK.labels)
def test_of_a_label_it_says_what_a_baseline_of_that_label_alone_says(
    config, finished, silent, label
):
    """With the same people on the same sides: every figure of every person."""
    alone = baseline(
        replace(
            config,
            task=label,
            own_task=replace(TASK, name=label, label=label, labels=()),
            split=SplitConfig(file=finished.directory / "splits.json"),
        ),
        tracker=silent,
    )

    own, expected = rows_of(finished.directory, label), rows_of(alone.directory)
    assert alike(own, [{**row, "about": label} for row in expected])
    metrics, other = finished.metrics, alone.metrics
    assert metrics["strength"][label] == other["strength"]
    assert alike(metrics["operating_point"][label], other["operating_point"])
    for key in ("classes", "confusion_matrix", "calibration", "subgroups"):
        assert alike(metrics["labels"][label][key], other[key])
    for split in ("val", "test"):
        for name, ends in other["intervals"][split].items():
            assert alike(metrics["intervals"][split][f"{name}_{label}"], ends)
            key = f"{split}_{name}"
            assert alike(metrics[f"{key}_{label}"], other[key])


def alike(one, other):
    """The same but for rounding: of one label of several, 1 - p stands for the other class."""
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(alike(one[key], other[key]) for key in one)
    if isinstance(one, list):
        return len(one) == len(other) and all(map(alike, one, other))
    try:
        return float(one) == pytest.approx(float(other), abs=1e-9)
    except (TypeError, ValueError):
        return one == other


def test_figures_follow_from_the_predictions(finished):
    metrics = json.loads((finished.directory / "final_metrics.json").read_text())

    areas, f1s = [], []
    for label, missing in (("murmur", 0), ("late", 6)):
        everyone = rows_of(finished.directory, label)
        assert len({row["subject_id"] for row in everyone}) == len(everyone) == 24 - missing
        rows = [row for row in everyone if row["split"] == "test"]
        true = [row["label"] == "present" for row in rows]
        areas.append(roc_auc_score(true, [float(row["p_present"]) for row in rows]))
        f1s.append(f1_score(true, [row["prediction"] == "present" for row in rows]))
        assert metrics[f"test_auroc_{label}"] == pytest.approx(areas[-1])
        assert metrics[f"test_f1_{label}"] == pytest.approx(f1s[-1])
        told = [counts[label]["missing"] for counts in metrics["n_by_class"].values()]
        assert sum(told) == missing
    assert metrics["test_auroc"] == pytest.approx(np.mean(areas))
    assert metrics["test_f1"] == pytest.approx(np.mean(f1s))
    found = recomputed(read_result(finished.directory))
    assert (found.differing, found.num_equal > 40) == ({}, True)


def test_a_tracker_is_told_of_each_label(config, mocker):
    tracker = mocker.Mock()

    result = baseline(replace(config, experiment_name="tracked"), tracker=tracker)

    told = tracker.log.call_args.args[0]
    for label in TASK.labels:
        assert told[f"test/auroc_{label}"] == result.metrics[f"test_auroc_{label}"]
        tested = [row for row in rows_of(result.directory, label) if row["split"] == "test"]
        assert [row[0] for row in told[f"test/predictions_{label}"].rows] == [
            row["subject_id"] for row in tested
        ]
        assert f"test/confusion_matrix_{label}" in told


def test_where_training_is_alike_in_a_label_everybody_is_told_the_same_of_it(config, caplog):
    """By Laplace's rule, from as many recordings as were learnt from; the others as ever."""
    rare = replace(TASK, labels=("murmur", "rare"))
    config = replace(config, own_task=rare)
    cohort = read_cohort(config.as_finetune, lambda items, total: items)
    side = next(name for name, ids in cohort.by_name.items() if "s024" in ids)
    if side == "train":
        moved = replace(
            cohort.split,
            train=tuple(one for one in cohort.split.train if one != "s024"),
            test=(*cohort.split.test, "s024"),
        )
        cohort = replace(cohort, split=moved)

    models, said = learnt(config, cohort, rare)

    num = 2 * len(cohort.split.train)
    assert said["test"].probabilities[:, 1] == pytest.approx(1 / (num + 2))
    assert models["rare"].strength is None
    assert len(np.unique(said["test"].probabilities[:, 0])) > 1
    assert "all training recordings are alike in rare: everybody is told the same" in caplog.text
    none = replace(rare, labels=("rare", "again"))
    with pytest.raises(DataError, match="are alike in rare, again; there is nothing to tell"):
        learnt(replace(config, own_task=none), cohort, none)
