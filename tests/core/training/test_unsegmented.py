"""Recordings without a single cycle: they get a prediction all the same, and are marked."""

import csv
import json
import shutil
import wave

import numpy as np
import pytest

from pahcl_core.training.finetune import finetune
from pahcl_core.training.people import read_cohort
from pahcl_core.training.settings import ScheduleConfig

ONE_EPOCH = ScheduleConfig(epochs=1, batch_size=32, cycles_per_recording=2)


def write_silence(path, seconds: float) -> None:
    with wave.open(str(path)) as sound:
        rate = sound.getframerate()
    with wave.open(str(path), "wb") as sound:
        sound.setnchannels(1)
        sound.setsampwidth(2)
        sound.setframerate(rate)
        sound.writeframes(bytes(2 * round(seconds * rate)))


@pytest.fixture(scope="module")
def silent_heart(circor, finetune_config, tmp_path_factory):
    """The collection, all recordings of a patient under test silent; and who that is."""
    root = tmp_path_factory.mktemp("silent") / "circor"
    shutil.copytree(circor, root)
    config = finetune_config(data_dir=circor, training=ONE_EPOCH)
    cohort = read_cohort(config, lambda items, total: items)
    patient = cohort.split.test[0]
    for path in (root / "training_data").glob(f"{patient}_*"):
        if path.suffix == ".tsv":
            path.write_text("0\t3.3\t0\n")
        elif path.suffix == ".wav":
            write_silence(path, 3.3)
    return root, patient


def read(path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


@pytest.mark.parametrize("kind", ["attention", "vote"])
def test_a_patient_whom_nobody_can_segment_is_scored_and_marked(
    silent_heart, finetune_config, silent, kind
):
    """From windows of 1.024 s at 500 Hz, half of it apart: five in 3.3 s."""
    root, patient = silent_heart
    config = finetune_config(data_dir=root, training=ONE_EPOCH, pooling=kind)

    directory = finetune(config, tracker=silent).directory

    rows = read(directory / "predictions.csv")
    (marked,) = [row for row in rows if row["subject_id"] == patient]
    recordings = int(marked["num_recordings"])
    assert recordings >= 1
    assert int(marked["by_windows"]) == recordings
    assert int(marked["num_cycles"]) == 5 * recordings
    assert all(row["by_windows"] == "0" for row in rows if row["subject_id"] != patient)
    metrics = json.loads((directory / "final_metrics.json").read_text())
    assert metrics["recordings_by_windows"] == {"train": 0, "val": 0, "test": recordings}
    assert metrics["pooling"] == kind
    windows = [r for r in read(directory / "instances.csv") if r["subject_id"] == patient]
    starts = [
        float(row["start_s"]) for row in windows if row["recording"] == windows[0]["recording"]
    ]
    assert starts == pytest.approx(0.512 * np.arange(5))
    assert {row["split"] for row in rows if row["subject_id"] == patient} == {"test"}


def test_the_file_of_instances_is_of_everyone_under_test(silent_heart, finetune_config, silent):
    """And of nobody else; the shares of a patient add up to 1."""
    root, _ = silent_heart
    directory = finetune(
        finetune_config(data_dir=root, training=ONE_EPOCH), tracker=silent
    ).directory

    shares: dict[str, float] = {}
    rows = read(directory / "instances.csv")
    for row in rows:
        shares[row["subject_id"]] = shares.get(row["subject_id"], 0.0) + float(row["weight"])
        assert (root / row["recording"]).is_file()
        assert row["location"] in row["recording"]
    under_test = [r for r in read(directory / "predictions.csv") if r["split"] == "test"]
    assert sorted(shares) == sorted(row["subject_id"] for row in under_test)
    assert list(shares.values()) == pytest.approx([1.0] * len(shares), abs=1e-5)
    counted = {r["subject_id"]: int(r["num_cycles"]) for r in under_test}
    assert {s: sum(r["subject_id"] == s for r in rows) for s in shares} == counted
