"""A fine-tuning that really ran, read back: its figures follow from its files, to the bit."""

import csv
import json
from dataclasses import replace

import numpy as np
import pytest

from oracles.patient_scores import scores_from_file
from pahcl_core.data.tasks import TASKS
from pahcl_core.evaluation.recomputing import recomputed
from pahcl_core.evaluation.run_results import read_result
from pahcl_core.training.assessment import assess
from pahcl_core.training.finetune import finetune
from pahcl_core.training.operating_point import OperatingPointConfig
from pahcl_core.training.settings import ScheduleConfig


@pytest.fixture(scope="module", params=["most_probable", "challenge"])
def run(circor, finetune_config, silent, request):
    config = finetune_config(
        data_dir=circor,
        training=ScheduleConfig(epochs=1, batch_size=16),
        operating_point=OperatingPointConfig(rule=request.param),
    )
    return finetune(config, tracker=silent)


def test_the_metrics_are_those_of_the_predictions(run):
    """Against what was written, to the bit; against an oracle, within rounding."""
    found = recomputed(read_result(run.directory))

    assert found.differing == {}
    written = json.loads((run.directory / "final_metrics.json").read_text())
    plain = written["operating_point"]["rule"] == "most_probable"
    for split in ("val", "test"):
        expected = scores_from_file(
            run.directory / "predictions.csv", split, "Present", most_probable=plain
        )
        assert found.num_equal >= len(expected)
        for name, value in expected.items():
            close = None if value is None else pytest.approx(value, rel=1e-9)
            assert written[f"{split}_{name}"] == close, name


def test_what_is_said_of_certainty_is_that_of_the_predictions(run):
    """All of it but the locations, which come from single cycles."""
    result = read_result(run.directory)

    again = json.loads(json.dumps(assess(result.parts[""], result.task)))

    written = json.loads((run.directory / "final_metrics.json").read_text())
    locations = written["subgroups"].pop("location")
    assert {name: written[name] for name in again} == again
    assert set(again["subgroups"]) <= {"age", "sex", "campaign"}
    assert again["subgroups"]
    assert set(locations) <= {"AV", "PV", "TV", "MV", "Phc"}


def test_what_is_said_follows_from_the_operating_point(run):
    """Row by row from the file; a threshold that is another is found."""
    point = run.metrics["operating_point"]
    with (run.directory / "predictions.csv").open() as file:
        rows = list(csv.DictReader(file))
    for row in rows:
        said = {name: float(row[f"p_{name}"]) for name in TASKS["circor_murmur"].classes}
        if "threshold" in point and said["Present"] < point["threshold"]:
            del said["Present"]
        elif "threshold" in point:
            said = {"Present": 1.0}
        assert row["prediction"] == max(said, key=said.get)
    if "threshold" in point:
        assert point["value"] == run.metrics["val_weighted_accuracy"]
        result = read_result(run.directory)
        changed = {**run.metrics, "operating_point": {**point, "threshold": 0.123}}
        result = replace(result, run=replace(result.run, metrics=changed))
        assert recomputed(result).differing == {
            "operating_point.threshold": (0.123, point["threshold"])
        }


def test_a_location_is_scored_by_its_own_cycles(run):
    """Sensitivity and accuracy at each location, from the file of single cycles."""
    with (run.directory / "instances.csv").open() as file:
        cycles = list(csv.DictReader(file))
    test = read_result(run.directory).parts[""]["test"]
    locations = run.metrics["subgroups"]["location"]
    assert {row["location"] for row in cycles} == set(locations)
    for place, group in locations.items():
        right = []
        threshold = run.metrics["operating_point"].get("threshold")
        for unit, label in zip(test.ids, test.labels, strict=True):
            by_recording = {}
            for row in cycles:
                if row["subject_id"] == unit and row["location"] == place:
                    by_recording.setdefault(row["recording"], []).append(
                        [float(row[f"p_{name}"]) for name in TASKS["circor_murmur"].classes]
                    )
            if by_recording:
                mean = np.mean([np.mean(one, axis=0) for one in by_recording.values()], axis=0)
                if threshold is not None:  # Present is the second of the three
                    mean[1] = 2.0 if mean[1] >= threshold else -1.0
                right.append(mean.argmax() == label)
        assert group["n"] == len(right)
        assert group["metrics"]["accuracy"]["value"] == pytest.approx(np.mean(right))
