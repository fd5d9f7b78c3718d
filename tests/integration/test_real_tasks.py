"""Every task, on real recordings, through the real command."""

import csv
import json
import os
from pathlib import Path

import numpy as np
import pytest
from sklearn import metrics

from support.forked import run

pytestmark = [pytest.mark.real_data, pytest.mark.slow]

POSITIVE = {
    "circor_murmur": "Present",
    "circor_outcome": "Abnormal",
    "physionet2016": "abnormal",
    "pascal": "murmur",
}


@pytest.fixture(scope="session")
def real() -> Path:
    if "PAHCL_REAL_DATA" not in os.environ:
        pytest.skip("PAHCL_REAL_DATA does not name a folder of real recordings")
    return Path(os.environ["PAHCL_REAL_DATA"])


@pytest.fixture(scope="module")
def store(tmp_path_factory) -> Path:
    """What is prepared for one task serves another of the same recordings."""
    return tmp_path_factory.mktemp("prepared")


@pytest.mark.parametrize("task", POSITIVE)
def test_a_task_from_the_download_to_the_score(real, task, store, tmp_path):
    collection = "circor" if task.startswith("circor") else task

    result = run(
        tmp_path, "finetune", task, "--data-dir", real / collection, "--epochs", "1",
        "--set", f"store={store}", "--set", "training.cycles_per_recording=2", timeout_s=400,
    )  # fmt: skip

    assert result.returncode == 0, result.stderr
    directory = tmp_path / "outputs" / f"{task}_finetune"
    final = json.loads((directory / "final_metrics.json").read_text())
    with (directory / "predictions.csv").open() as file:
        rows = list(csv.DictReader(file))
    sides = {
        side: {row["person_id"] for row in rows if row["split"] == side}
        for side in ("train", "val", "test")
    }
    assert not sides["train"] & sides["val"]
    assert not sides["train"] & sides["test"]
    assert not sides["val"] & sides["test"]
    test = [row for row in rows if row["split"] == "test"]
    true = np.array([row["label"] == POSITIVE[task] for row in test])
    said = np.array([row["prediction"] == POSITIVE[task] for row in test])
    assert final["provenance"] == "real"
    assert final["n"]["test"] == len(test)
    assert final["unit"] == ("patient" if collection == "circor" else "recording")
    assert final["test_accuracy"] == pytest.approx(
        metrics.accuracy_score([r["label"] for r in test], [r["prediction"] for r in test])
    )
    assert final["test_sensitivity"] == pytest.approx(metrics.recall_score(true, said))
    assert final["test_specificity"] == pytest.approx(metrics.recall_score(~true, ~said))


@pytest.mark.parametrize("collection", ["physionet2016", "pascal"])
def test_check_reads_every_collection(real, collection, tmp_path):
    result = run(tmp_path, "data", "check", real / collection, "--collection", collection, "--json")

    assert result.returncode == 0, result.stderr
    content = json.loads(result.stdout)
    assert content["name"] == collection
    assert content["num_recordings"] == len(
        [path for path in (real / collection).rglob("*.wav") if path.parent.name != "validation"]
    )
