"""Choosing an encoder: by name and size on the command line, by numbers ever after."""

import json
import tomllib

import pytest

from pahcl_cli.run_files import Layers
from pahcl_core.data.tasks import TASKS
from pahcl_core.models.kinds import SIZES


def resolved(tmp_path, content, *overrides):
    path = tmp_path / "run.toml"
    path.write_text(content)
    return Layers(file=path, overrides=overrides, named={}).resolved()


def test_a_size_on_the_command_line_replaces_the_numbers_of_a_file(tmp_path):
    file = '[encoder]\nname = "cnn"\nwidth = 64\nnum_blocks = 4\nstate_size = 0\nwindow_s = 0.8\n'

    table = resolved(tmp_path, file, "encoder.size=small", "encoder.num_blocks=5")

    assert table["encoder"] == {
        "name": "cnn",
        "width": 128,
        "num_blocks": 5,
        "state_size": 0,
        "window_s": 0.8,
    }


@pytest.mark.parametrize("override", ["encoder.size=small", '{"encoder.size": "small"}'])
def test_a_size_is_read_wherever_settings_are(tmp_path, override):
    table = resolved(tmp_path, "seed = 3\n", override)

    assert table == {"seed": 3, "encoder": {"width": 128, "num_blocks": 4, "state_size": 16}}


def test_a_file_without_an_encoder_stays_without(tmp_path):
    assert resolved(tmp_path, "seed = 3\n", "device=cpu") == {"seed": 3, "device": "cpu"}


@pytest.mark.parametrize(
    ("settings", "part"),
    [
        (["encoder.size=smal"], "one of tiny, small, base, did you mean 'small'?"),
        (["encoder.name=cnn", "encoder.state_size=8"], "state_size must be 0 for cnn"),
        (["encoder.name=resnet34_1d", "encoder.num_blocks=2"], "num_blocks must be 0 for resnet34"),
        (["encoder.name=mamba"], "encoder.name = 'mamba', but it must be one of 'cnn_mamba'"),
        (["encoder=3"], "encoder = 3, but it must be a section"),
        (["encoder.name=sinc_mamba", "signal.sample_rate=1000", "signal.high_hz=400"],
         "takes a sample rate above 1000 Hz, got 1000"),
    ],
)  # fmt: skip
def test_a_choice_that_cannot_be_is_answered_in_one_line(cli, circor, tmp_path, settings, part):
    options = [word for setting in settings for word in ("--set", setting)]

    result = cli("pretrain", "--data-dir", circor, "--output-dir", tmp_path, *options)

    assert result.exit_code == 2, result.stderr
    assert result.stderr.strip().splitlines()[-1].startswith("error: ")
    assert part in result.stderr


def test_a_run_keeps_the_numbers_of_its_size(cli, circor, tmp_path):
    """Its `config.toml` alone makes the same encoder, from which a fine-tuning starts."""
    common = ["--data-dir", circor, "--output-dir", tmp_path, "--epochs", "1"]
    small = ["training.cycles_per_recording=2", "signal.sample_rate=500", "signal.high_hz=200"]
    chosen = ["encoder.name=cnn_transformer", "encoder.size=small", "encoder.width=16"]
    options = [word for setting in small for word in ("--set", setting)]
    choice = [word for setting in chosen for word in ("--set", setting)]

    made = cli("pretrain", *common, *options, *choice)

    assert made.exit_code == 0, made.stderr
    written = tomllib.loads((tmp_path / "pretrain/config.toml").read_text())["encoder"]
    assert written["num_blocks"] == SIZES["cnn_transformer"]["small"].num_blocks == 4
    assert (written["name"], written["width"], written["state_size"]) == ("cnn_transformer", 16, 0)
    assert "size" not in written
    numbers = [f"encoder.{key}={written[key]}" for key in ("name", "width", "num_blocks")]
    same = [word for setting in numbers for word in ("--set", setting)]
    checkpoint = ["--pretrained", tmp_path / "pretrain/best_model.pt"]
    tuned = cli("finetune", "circor_murmur", *common, *options, *same, *checkpoint)
    assert tuned.exit_code == 0, tuned.stderr


def test_tasks_as_json(cli):
    listed = json.loads(cli("tasks", "--json").stdout)["tasks"]

    assert {task["name"]: task["classes"] for task in listed} == {
        task.name: list(task.classes) for task in TASKS.values()
    }


@pytest.fixture
def _stopped_clock(monkeypatch):
    """Measuring would take half a minute."""
    monkeypatch.setattr("pahcl_cli.encoder_costs.cycles_per_second", lambda *_, **__: 12.5)


@pytest.mark.usefixtures("_stopped_clock")
def test_models_for_programs(cli):
    models = json.loads(cli("tasks", "--models", "--json").stdout)["models"]

    every = [(name, size) for name, sizes in SIZES.items() for size in sizes]
    assert [(model["name"], model["size"]) for model in models] == every
    tiny = models[0]
    assert (tiny["num_parameters"], tiny["macs_per_cycle"]) == (105_056, 9_892_352)
    assert tiny["cycles_per_s"] == 12.5
    assert (tiny["width"], tiny["num_blocks"], tiny["state_size"]) == (64, 2, 16)


@pytest.mark.usefixtures("_stopped_clock")
def test_models_for_people(cli):
    lines = cli("tasks", "--models").stdout.splitlines()

    assert lines[0].split() == [
        "encoder", "size", "width", "blocks", "parameters", "MMAC/cycle", "cycles/s",
    ]  # fmt: skip
    assert lines[1].split() == ["cnn_mamba", "tiny", "64", "2", "105,056", "9.9", "12.5"]
    assert len(lines) == 1 + 15 + 1
    assert "multiply-adds" in lines[-1]
