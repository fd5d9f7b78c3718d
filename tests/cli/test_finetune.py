"""`pahcl finetune`: the main job, from recordings on disk to files that hold the result."""

import csv
import itertools
import json
import re
import tomllib

import numpy as np
import pytest
from sklearn import metrics

from pahcl_track.history import read_history
from support.cli_process import run_in_terminal, start
from support.forked import run
from support.pages import Page

OUTPUTS = {
    "best_model.pt", "config.toml", "final_metrics.json", "instances.csv", "journal.jsonl",
    "predictions.csv", "report.html", "splits.json", "train.log",
}  # fmt: skip


@pytest.fixture(scope="module")
def finished(circor, tmp_path_factory, small_options):
    """One run of ten epochs, and what it printed."""
    folder = tmp_path_factory.mktemp("finetune")
    result = run(
        folder, "finetune", "circor_murmur", "--data-dir", circor, "--epochs", "10", *small_options
    )
    assert result.returncode == 0, result.stderr
    return folder / "outputs" / "circor_murmur_finetune", result


def test_writes_every_output(finished):
    directory, _ = finished

    written = {path.name for path in directory.iterdir()}

    assert written >= {*OUTPUTS, "epoch_10.pt"}


def test_its_report_is_kept_with_it(finished):
    directory, _ = finished

    history = read_history(directory)

    assert [one.kind for one in history.files if one.path.name == "report.html"] == ["report"]
    page = Page(directory / "report.html")
    assert "circor_murmur_finetune" in page.texts
    assert "Learning curves" in page.texts
    assert page.all("audio")
    assert not any("WARNING" in line for line in (directory / "train.log").read_text().splitlines())


def test_says_what_came_out_and_of_whom(finished):
    directory, result = finished
    final = json.loads((directory / "final_metrics.json").read_text())

    assert f"{final['n']['test']} test patients" in result.stdout
    assert "SYNTHETIC data" in result.stdout
    assert f"{final['test_auroc']:.3f}" in result.stdout
    assert "outputs/circor_murmur_finetune" in result.stdout


def test_final_metrics_say_what_they_are(finished):
    directory, _ = finished
    final = json.loads((directory / "final_metrics.json").read_text())

    assert final["task"] == "circor_murmur"
    assert final["unit"] == "patient"
    assert final["provenance"] == "synthetic"
    assert final["seed"] == 42
    assert {"python", "torch", "numpy", "pahcl-core"} <= final["versions"].keys()
    assert {"test_f1_macro", "val_auroc", "test_weighted_accuracy"} <= final.keys()


def test_metrics_can_be_had_again_from_the_predictions(finished):
    """scikit-learn and the table alone give the figures in `final_metrics.json`."""
    directory, _ = finished
    final = json.loads((directory / "final_metrics.json").read_text())
    with (directory / "predictions.csv").open() as file:
        rows = [row for row in csv.DictReader(file) if row["split"] == "test"]
    present = np.array([row["label"] == "Present" for row in rows])
    classes = ("Absent", "Present", "Unknown")
    areas = [
        metrics.roc_auc_score(
            [row["label"] == name for row in rows], [float(row[f"p_{name}"]) for row in rows]
        )
        for name in classes
    ]
    predicted = [row["prediction"] for row in rows]
    weight = {"Present": 5, "Unknown": 3, "Absent": 1}
    right = sum(weight[row["label"]] for row in rows if row["label"] == row["prediction"])

    assert final["n"]["test"] == len(rows)
    assert final["test_auroc"] == pytest.approx(np.mean(areas), abs=1e-12)
    assert final["test_f1_macro"] == pytest.approx(
        metrics.f1_score([row["label"] for row in rows], predicted, average="macro"), abs=1e-12
    )
    assert final["test_sensitivity"] == pytest.approx(
        metrics.recall_score(present, np.array(predicted) == "Present"), abs=1e-12
    )
    assert final["test_weighted_accuracy"] == pytest.approx(
        right / sum(weight[row["label"]] for row in rows), abs=1e-12
    )


def test_config_runs_again_to_the_same_result(finished, tmp_path):
    directory, _ = finished

    result = run(
        tmp_path, "finetune", "--config", directory / "config.toml", "--output-dir", tmp_path / "o"
    )

    assert result.returncode == 0, result.stderr
    again = tmp_path / "o" / directory.name
    for name in ("final_metrics.json", "predictions.csv", "splits.json"):
        assert (again / name).read_bytes() == (directory / name).read_bytes()
    config = tomllib.loads((again / "config.toml").read_text())
    assert config["training"]["epochs"] == 10


def test_names_of_runs(circor, cli, small_options, tmp_path):
    common = ["--data-dir", circor, "--output-dir", tmp_path, "--epochs", "1", *small_options]
    for extra, name in (
        (["--linear-eval"], "circor_outcome_linear"),
        (["--few-shot", "--shot-ratio", "0.5"], "circor_outcome_finetune_fewshot50pct"),
        (["--experiment-name", "mine", "--pooling", "mean"], "mine"),
    ):
        result = cli("finetune", "circor_outcome", *common, *extra)

        assert result.exit_code == 0, result.stderr
        assert (tmp_path / name / "final_metrics.json").exists()
    assert json.loads((tmp_path / "mine/final_metrics.json").read_text())["pooling"] == "mean"


def test_older_spellings_mean_the_same(circor, small_options, tmp_path):
    result = run(
        tmp_path, "finetune", "--task", "circor_murmur", "--wandb", "--wandb-project", "old",
        "--wandb-entity", "team", "--data-dir", circor, "--epochs", "1", *small_options,
        env={"WANDB_MODE": "offline"},
    )  # fmt: skip

    assert result.returncode == 0, result.stderr
    config = tomllib.loads((tmp_path / "outputs/circor_murmur_finetune/config.toml").read_text())
    assert config["tracking"]["trackers"] == ["console", "wandb"]
    assert config["tracking"]["project"] == "old"
    assert config["tracking"]["options"] == ["wandb.entity=team"]


def test_goes_on_from_a_pretraining(circor, cli, small_options, tmp_path):
    common = ["--data-dir", circor, "--output-dir", tmp_path, "--epochs", "1", *small_options]
    assert cli("pretrain", *common).exit_code == 0

    result = cli(
        "finetune", "circor_murmur", *common, "--pretrained", tmp_path / "pretrain/best_model.pt"
    )

    assert result.exit_code == 0, result.stderr
    final = json.loads((tmp_path / "circor_murmur_finetune/final_metrics.json").read_text())
    assert final["test_persons_seen_in_pretraining"] == 0


def test_shows_a_bar_with_the_time_left_on_a_terminal(circor, small_options, tmp_path):
    shown = run_in_terminal(
        tmp_path,
        ["finetune", "circor_murmur", "--data-dir", circor, "--epochs", "1", *small_options],
    )

    assert re.search(r"circor_murmur_finetune: +\d+%\|.*\| \d+/\d+ \[\d\d:\d\d<", shown)


def test_sigterm_ends_a_run_in_good_order(circor, small_options, tmp_path):
    process = start(
        tmp_path, "finetune", "circor_murmur", "--data-dir", circor, "--epochs", "100000",
        *small_options,
    )  # fmt: skip
    told = itertools.dropwhile(lambda line: "best" not in line, process.stderr)
    next(told), next(told)  # an epoch is over, and its model written before the next line

    process.terminate()
    _, said = process.communicate(timeout=60)

    assert process.returncode == 130
    assert "interrupted; what was written so far is" in said
    assert "Traceback" not in said
    directory = tmp_path / "outputs/circor_murmur_finetune"
    assert (directory / "best_model.pt").exists()
    last = json.loads((directory / "journal.jsonl").read_text().splitlines()[-1])
    assert last["finish"]["status"] == "interrupted"


def test_shows_no_bar_off_a_terminal(finished):
    _, result = finished

    assert "%|" not in result.stdout + result.stderr
