"""`pahcl finetune --tracker wandb` with the real client: offline, online, and without it."""

import json
from pathlib import Path

import pytest

from oracles.wandb_file import read_wandb_file
from support import cli_process
from support.forked import run
from support.wandb_server import WandbServer

TRAIN = ("loss", "accuracy", "f1", "precision", "recall")
SCORES = (
    "loss", "accuracy", "f1", "f1_macro", "auroc", "auprc", "precision", "recall", "sensitivity",
    "specificity",
)  # fmt: skip
EVERY_FEW_STEPS = {
    "lr/encoder", "lr/classifier", "grad_norm/total", "grad_norm/encoder", "grad_norm/classifier",
    "throughput/cycles_per_s",
}  # fmt: skip


def command(circor: Path, small_options: list[str], *more: str) -> list[str]:
    return [
        "finetune", "circor_murmur", "--data-dir", str(circor), "--epochs", "6",
        "--set", "optimiser.lr=0.01", "--batch-size", "8", "--experiment-name", "tracked",
        *small_options, *more,
    ]  # fmt: skip


@pytest.fixture(scope="module")
def offline(circor, small_options, tmp_path_factory):
    """A run recorded offline: its folder, its `.wandb` file read back, and what was printed."""
    folder = tmp_path_factory.mktemp("offline")
    result = run(
        folder,
        *command(
            circor, small_options, "--tracker", "wandb", "--tracker", "console", "--group", "g",
            "--tag", "a", "--tag", "b", "--notes", "a note", "--project", "P", "--entity", "E",
        ),
        env={"WANDB_MODE": "offline"},
    )  # fmt: skip
    assert result.returncode == 0, result.stderr
    directory = folder / "outputs/tracked"
    (file,) = directory.glob("wandb/offline-run-*/*.wandb")
    return directory, read_wandb_file(file), result


def test_offline_record_says_what_the_run_was(offline):
    _, recorded, _ = offline

    assert (recorded.project, recorded.entity, recorded.display_name) == ("P", "E", "tracked")
    assert (recorded.group, recorded.job_type, recorded.notes) == ("g", "finetune", "a note")
    assert set(recorded.tags) == {"a", "b"}
    assert recorded.exit_code == 0


def test_offline_record_has_the_whole_configuration(offline):
    import tomllib

    directory, recorded, _ = offline
    written = tomllib.loads((directory / "config.toml").read_text())

    for section, settings in written.items():
        if isinstance(settings, dict):
            for name, value in settings.items():
                assert recorded.config[section][name] == value
        else:
            assert recorded.config[section] == settings


def test_offline_record_has_every_row_of_the_journal_at_its_step(offline):
    """Every number that the run logged is in W&B's file, under the step it was logged at."""
    directory, recorded, _ = offline
    lines = [json.loads(line) for line in (directory / "journal.jsonl").read_text().splitlines()]
    expected = [(line["step"], line["values"]) for line in lines if "values" in line]

    assert len(recorded.logged) == len(expected)
    for row, (step, values) in zip(recorded.logged, expected, strict=True):
        assert row["global_step"] == step
        for name, value in values.items():
            if not isinstance(value, dict):
                assert row[name] == value


def test_offline_record_has_every_promised_metric(offline):
    directory, recorded, _ = offline
    final = json.loads((directory / "final_metrics.json").read_text())
    rows = recorded.logged
    epochs = [row for row in rows if "epoch" in row]

    assert [row["epoch"] for row in epochs] == [1, 2, 3, 4, 5, 6]
    assert {f"train/{name}" for name in TRAIN} <= set().union(*epochs)
    for split in ("val", "test"):
        logged = {name for row in rows for name in row if name.startswith(f"{split}/")}
        undefined = {
            f"{split}/{name}" for name in SCORES if f"{split}_{name}" in final["undefined"]
        }
        if split == "test":  # one model; of an epoch in which nobody is called ill there is none
            assert {f"test/{name}" for name in SCORES} - undefined <= logged
        else:
            assert {"val/loss", "val/auroc", "val/f1_macro", "val/sensitivity"} <= logged
    few = [row for row in rows if "lr/encoder" in row]
    assert len(few) >= 2
    assert few[0].keys() >= EVERY_FEW_STEPS
    kinds = {name.partition("/")[0] for row in rows for name in row}
    assert {"gradients", "parameters"} <= kinds


def test_offline_record_has_histograms(offline):
    _, recorded, _ = offline
    histograms = [
        value
        for row in recorded.logged
        for name, value in row.items()
        if name.startswith(("gradients/", "parameters/"))
    ]

    assert histograms
    for histogram in histograms:
        assert histogram["_type"] == "histogram"
        assert len(histogram["bins"]) == len(histogram["values"]) + 1


def test_offline_summary_has_the_final_figures(offline):
    directory, recorded, _ = offline
    final = json.loads((directory / "final_metrics.json").read_text())

    for split in ("val", "test"):
        assert recorded.summary[f"best/{split}/auroc"] == final[f"{split}_auroc"]


def test_offline_record_has_the_checkpoint_and_the_files(offline):
    directory, recorded, _ = offline
    (artifact,) = [one for one in recorded.artifacts if one.type == "model"]

    assert artifact.aliases == {"best", "latest"}
    assert (
        artifact.files["best_model.pt"].read_bytes() == (directory / "best_model.pt").read_bytes()
    )
    assert {"config.toml", "splits.json", "predictions.csv", "final_metrics.json"} <= set(
        recorded.files
    )


def test_what_wandb_does_stays_in_the_run_folder(offline):
    directory, _, result = offline
    made = {path.name for path in directory.parent.parent.iterdir()}

    assert not made & {"wandb", "wandb-config"}
    assert "wandb: 0 failed" not in result.stderr
    assert "Traceback" not in result.stderr


def without_wandb(folder: Path) -> dict[str, str]:
    """An environment in which `import wandb` fails as where it is not installed."""
    hidden = folder / "hidden"
    hidden.mkdir()
    (hidden / "wandb.py").write_text("raise ImportError(\"No module named 'wandb'\")\n")
    return {"PYTHONPATH": str(hidden)}


def test_without_wandb_one_warning_and_the_same_result(offline, circor, small_options, tmp_path):
    directory, _, _ = offline
    arguments = command(circor, small_options, "--tracker", "wandb", "--tracker", "console")

    result = cli_process.run(tmp_path, *arguments, env=without_wandb(tmp_path))

    assert result.returncode == 0, result.stderr
    warnings = [line for line in result.stderr.splitlines() if line.startswith("warning")]
    assert len(warnings) == 1
    assert "pip install 'pahcl-track[wandb]'" in warnings[0]
    again = tmp_path / "outputs/tracked"
    for name in ("final_metrics.json", "predictions.csv"):
        assert (again / name).read_bytes() == (directory / name).read_bytes()


def test_strict_tracking_stops_instead(circor, small_options, tmp_path):
    arguments = command(circor, small_options, "--tracker", "wandb", "--strict-tracking")

    result = cli_process.run(tmp_path, *arguments, env=without_wandb(tmp_path))

    assert result.returncode == 2
    assert "pip install 'pahcl-track[wandb]'" in result.stderr
    assert "Traceback" not in result.stderr


def test_nobody_logged_in_is_one_warning_and_no_prompt(circor, small_options, tmp_path):
    result = run(tmp_path, *command(circor, small_options, "--tracker", "wandb"))

    assert result.returncode == 0, result.stderr
    warnings = [line for line in result.stderr.splitlines() if line.startswith("warning")]
    assert len(warnings) == 1
    assert "wandb login --relogin" in warnings[0]
    assert "WANDB_MODE=offline" in warnings[0]


def test_disabled_does_nothing(circor, small_options, tmp_path):
    result = run(
        tmp_path, *command(circor, small_options, "--wandb"), env={"WANDB_MODE": "disabled"}
    )

    assert result.returncode == 0, result.stderr
    assert not list(tmp_path.glob("outputs/tracked/wandb/*run-*"))


def test_online_everything_reaches_the_server(offline, circor, small_options, tmp_path):
    """The real client sends history, configuration, summary and files to a server on loopback."""
    directory, recorded, _ = offline
    with WandbServer() as server:
        result = run(
            tmp_path,
            *command(circor, small_options, "--tracker", "wandb"),
            env=server.environment(tmp_path) | {"WANDB_DIR": str(tmp_path / "outputs/tracked")},
        )
        assert result.returncode == 0, result.stderr
        ((run_id, sent),) = server.runs.items()

    journal = (tmp_path / "outputs/tracked/journal.jsonl").read_text().splitlines()
    assert json.loads(journal[0])["run"]["id"] == run_id
    assert sent.project == "PA-HCL"
    assert sent.display_name == "tracked"
    assert sent.config["training"] == recorded.config["training"]
    assert [row["global_step"] for row in sent.logged] == [
        row["global_step"] for row in recorded.logged
    ]
    for ours, theirs in zip(recorded.logged, sent.logged, strict=True):
        for name in ours.keys() & {"train/loss", "val/auroc", "test/auroc", "lr/encoder"}:
            assert theirs[name] == ours[name]
    assert sent.summary["best/test/auroc"] == recorded.summary["best/test/auroc"]
    assert sent.exit_code == 0
    assert sent.files["predictions.csv"] == (directory / "predictions.csv").read_bytes()
    (model,) = [artifact for artifact in sent.artifacts if artifact.type == "model"]
    assert model.aliases >= {"best", "latest"}
    assert model.files["best_model.pt"] == (directory / "best_model.pt").read_bytes()


def test_a_sweep_agent_drives_a_run(circor, small_options, tmp_path):
    """An agent names the run in the environment, and hands its parameters over as JSON."""
    result = run(
        tmp_path,
        *command(
            circor, small_options, "--tracker", "wandb", "--set",
            '{"optimiser.lr": 0.005, "training.epochs": 1}',
        ),
        env={"WANDB_MODE": "offline", "WANDB_SWEEP_ID": "sweep1", "WANDB_RUN_ID": "trial7"},
    )  # fmt: skip

    assert result.returncode == 0, result.stderr
    (file,) = tmp_path.glob("outputs/tracked/wandb/offline-run-*/*.wandb")
    recorded = read_wandb_file(file)
    assert recorded.id == "trial7"
    assert recorded.config["optimiser"]["lr"] == 0.005
