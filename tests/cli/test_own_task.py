"""A task of one's own, from its file to its scores, to its run read back and used again."""

import csv
import json

import pytest

from pahcl_core.data.synthetic_folder import write_synthetic_folder
from pahcl_core.training.checkpoint import load_checkpoint

BINARY = """
name = "ours"
label = "murmur"
classes = ["absent", "present"]
positive = "present"
pooling = "any"
metric = "f1_macro"
description = "Is there a murmur?"
"""
# Which of three rooms a recording was made in, which nobody can hear.
ROOMS = """
name = "rooms"
label = "room"
classes = ["a", "b", "c"]
positive = "b"
unit = "recording"
"""
SEVERAL = """
name = "several"
labels = ["murmur", "extra"]
classes = ["no", "yes"]
positive = "yes"
table = "several.csv"
"""


@pytest.fixture(scope="module")
def clinic(tmp_path_factory):
    """A folder, whose table has a column more, and two task files."""
    root = tmp_path_factory.mktemp("own")
    write_synthetic_folder(root / "data", num_subjects=12, seed=0, duration_s=(3.0, 3.0))
    table = root / "data" / "recordings.csv"
    header, *rows = table.read_text().splitlines()
    rooms = [f"{row},{'abc'[number // 2 % 3]}" for number, row in enumerate(rows)]
    table.write_text("\n".join([f"{header},room", *rooms]) + "\n")
    several = ["path,subject,location,murmur,extra"]
    for number, row in enumerate(rows):
        path, who, where, murmur = row.split(",")
        extra = ("yes", "no", "")[number // 2 % 3]
        several.append(",".join((path, who, where, "yes" if murmur == "present" else "no", extra)))
    (root / "data" / "several.csv").write_text("\n".join(several) + "\n")
    (root / "several.toml").write_text(SEVERAL)
    (root / "ours.toml").write_text(BINARY.replace("pooling", 'table = "recordings.csv"\npooling'))
    (root / "rooms.toml").write_text(f'{ROOMS}table = "recordings.csv"\n')
    return root


@pytest.fixture
def run(cli, clinic, small_options, tmp_path):
    def finetune(*options):
        result = cli(
            "finetune", *options, "--data-dir", clinic / "data", "--output-dir", tmp_path,
            "--epochs", "1", "--batch-size", "32", "--device", "cpu", *small_options,
        )  # fmt: skip
        assert result.exit_code == 0, result.output
        return result

    return finetune


def test_a_binary_task_by_patient(cli, clinic, run, tmp_path):
    said = run(clinic / "ours.toml", "--set", "operating_point.rule=youden").stdout

    directory = tmp_path / "ours_finetune"
    metrics = json.loads((directory / "final_metrics.json").read_text())
    assert "test patients (" in said
    assert (metrics["task"], metrics["unit"]) == ("ours", "patient")
    assert metrics["selected_by"] == "val_f1_macro"
    assert metrics["operating_point"]["class"] == "present"
    with (directory / "predictions.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert {row["subject_id"] for row in rows} == {f"s{n:03}" for n in range(1, 13)}
    assert {row["label"] for row in rows} == {"absent", "present"}
    checked = cli("runs", "show", directory, "--check")
    assert checked.exit_code == 0, checked.output
    checkpoint = load_checkpoint(directory / "best_model.pt")
    assert checkpoint.task.label == "murmur"
    assert all(one.startswith("folder:s") for one in checkpoint.persons)


def test_its_settings_are_a_run_file_that_needs_no_other(cli, clinic, run, tmp_path):
    run(clinic / "ours.toml", "--experiment-name", "first")
    run("--config", tmp_path / "first/config.toml", "--experiment-name", "again")

    first, again = (
        (tmp_path / name / "predictions.csv").read_bytes() for name in ("first", "again")
    )
    assert first == again


def test_three_classes_by_recording(cli, clinic, run, tmp_path):
    """No recording of a person is on another side than the person's others."""
    run(clinic / "rooms.toml", "--pooling", "attention", "--shots-per-class", "1")

    directory = tmp_path / "rooms_finetune_1shot"
    with (directory / "predictions.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert all(row["subject_id"].endswith(".wav") for row in rows)
    side = {}
    for row in rows:
        assert side.setdefault(row["person_id"], row["split"]) == row["split"]
    metrics = json.loads((directory / "final_metrics.json").read_text())
    assert "test_auroc_c" in metrics
    checked = cli("runs", "show", directory, "--check")
    assert checked.exit_code == 0, checked.output


def test_a_baseline_of_it(cli, clinic, tmp_path):
    result = cli(
        "baseline", "log_mel", clinic / "ours.toml", "--data-dir", clinic / "data",
        "--output-dir", tmp_path, "--set", "signal.sample_rate=500", "--set", "signal.high_hz=200",
    )  # fmt: skip

    assert result.exit_code == 0, result.output
    assert cli("runs", "show", tmp_path / "ours_log_mel_logistic", "--check").exit_code == 0


@pytest.mark.parametrize("pooling", ["vote", "attention"])
def test_several_labels(cli, clinic, run, tmp_path, pooling):
    """Each of those who have it; counted, scored at a point of its own, and computed again."""
    said = run(
        clinic / "several.toml", "--pooling", pooling, "--set", "operating_point.rule=youden",
        "--set", "loss.name=focal", "--set", "selection=loss",
    ).stdout  # fmt: skip

    directory = tmp_path / "several_finetune"
    metrics = json.loads((directory / "final_metrics.json").read_text())
    with (directory / "predictions.csv").open() as file:
        rows = list(csv.DictReader(file))
    for label, count in (("murmur", 12), ("extra", 8)):
        own = [row for row in rows if row["about"] == label]
        assert len({row["subject_id"] for row in own}) == len(own) == count
        told = [counts[label] for counts in metrics["n_by_class"].values()]
        assert sum(one["yes"] + one["no"] for one in told) == count
        assert sum(one["missing"] for one in told) == 12 - count
        assert f"test_loss_{label}" in metrics
        assert metrics["operating_point"][label]["rule"] == "youden"
        assert set(metrics["labels"][label]["classes"]["test"]) == {"no", "yes"}
    assert "test patients (murmur " in said
    checked = cli("runs", "show", directory, "--check")
    assert checked.exit_code == 0, checked.output
    assert "about extra" in checked.stdout
    with (directory / "instances.csv").open() as file:
        assert {"p_murmur", "p_extra"} < set(next(csv.reader(file)))
    assert_answers_follow(cli, clinic, directory, rows, metrics)


def assert_answers_follow(cli, clinic, directory, rows, metrics):
    """The model says of files what the run said, at each label's own point and temperature."""
    subject = next(row["subject_id"] for row in rows if row["split"] == "test")
    files = sorted((clinic / "data" / "recordings").glob(f"{subject}_*.wav"))
    asked = cli(
        "predict", directory, *files, "--patient", subject, "--any-quality", "--json",
        "--plot", "--output-dir", directory / "pictures",
    )  # fmt: skip
    assert asked.exit_code == 0, asked.output
    (answer,) = json.loads(asked.stdout)["answers"]
    assert len(list((directory / "pictures").iterdir())) == len(files)
    own = {row["about"]: row for row in rows if row["subject_id"] == subject}
    for label, row in own.items():
        told = answer["labels"][label]
        p, temperature = float(row["p_yes"]), metrics["labels"][label]["calibration"]["temperature"]
        assert told["said"] == row["prediction"]
        assert told["probabilities"]["yes"] == pytest.approx(p, abs=1e-5)
        if temperature is None:
            assert told["calibrated"] is None
        else:
            odds = (p / (1 - p)) ** (1 / temperature)
            assert told["calibrated"]["yes"] == pytest.approx(odds / (1 + odds), abs=1e-4)


def test_several_labels_over_folds(cli, clinic, run, tmp_path):
    """Everyone once, by label; the figures follow from the file."""
    said = run(clinic / "several.toml", "--folds", "2").stdout

    assert "several, 12 patients (murmur 5 of 12, extra 4 of 8), SYNTHETIC data; 2 runs" in said
    directory = tmp_path / "several_finetune_2folds"
    with (directory / "predictions.csv").open() as file:
        rows = list(csv.DictReader(file))
    for label, count in (("murmur", 12), ("extra", 8)):
        own = [row["subject_id"] for row in rows if row["about"] == label]
        assert len(set(own)) == len(own) == count
    checked = cli("runs", "show", directory, "--check")
    assert checked.exit_code == 0, checked.output
    assert "auroc_extra" in checked.stdout
    assert (directory / "report.html").is_file()
    done = cli(
        "baseline", "log_mel", clinic / "several.toml", "--data-dir", clinic / "data",
        "--folds", "2", "--output-dir", tmp_path,
        "--set", "signal.sample_rate=500", "--set", "signal.high_hz=200",
    )  # fmt: skip
    assert done.exit_code == 0, done.output
    compared = cli("runs", "compare", directory, tmp_path / "several_log_mel_logistic_2folds")
    assert compared.exit_code == 0, compared.output
    assert "12 test persons" in compared.stdout
    assert "auroc_murmur" in compared.stdout
    assert "auroc_extra: 8 test persons in common have it, fewer than 10" in compared.stdout


def test_units_cannot_be_drawn_alike_in_several_labels(cli, clinic, tmp_path):
    result = cli(
        "finetune", clinic / "several.toml", "--set", "loss.balanced_sampling=true",
        "--data-dir", clinic / "data", "--output-dir", tmp_path,
    )  # fmt: skip

    assert result.exit_code == 2
    assert "is for tasks of one label" in result.stderr


def test_it_is_shown_as_it_is_understood(cli, clinic):
    lines = cli("tasks", clinic / "ours.toml").stdout.splitlines()

    assert 'classes = ["absent", "present"]' in lines
    assert 'unit = "patient"' in lines
    shown = json.loads(cli("tasks", clinic / "rooms.toml", "--json").stdout)["tasks"]
    assert shown[0]["positive"] == "b"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["nowhere.toml", "--data-dir", "data"], "nowhere.toml: cannot be read: No such file"),
        (["ours.toml"], "give --data-dir, the folder with your recordings and a .csv table"),
        (
            ["ours.toml", "--data-dir", "data", "--set", "operating_point.rule=challenge"],
            "ours is of no Challenge; take 'youden' or 'sensitivity'",
        ),
        (
            ["ours.toml", "--data-dir", "data", "--shots-per-class", "50"],
            "50 persons of each class are asked for, but only",
        ),
    ],
)
def test_a_mistake_is_one_line(cli, clinic, monkeypatch, tmp_path, options, message):
    monkeypatch.chdir(clinic)

    result = cli("finetune", *options, "--output-dir", tmp_path)

    assert result.exit_code in (1, 2)
    assert message in result.stderr
    assert "Traceback" not in result.stderr
