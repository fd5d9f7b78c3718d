"""The command that makes the models that come with the package, on made-up patients."""

import importlib
import json
import re
from pathlib import Path

import pytest
from typer.testing import CliRunner

from pahcl_cli.main import app
from pahcl_core.data.synthetic_circor import write_synthetic_circor
from pahcl_core.errors import DataError, SettingError
from pahcl_core.training import shipped
from pahcl_core.training.checkpoint import load_checkpoint
from pahcl_core.training.shipped import shipped_file

SCRIPTS = Path(__file__).resolve().parents[2] / "scripts"
SMALL = [
    "encoder.width=16", "encoder.num_blocks=1", "encoder.state_size=4", "encoder.window_s=1.024",
    "signal.sample_rate=500", "signal.high_hz=200", "pretrain.training.epochs=1",
    "finetune.training.epochs=1", "pretrain.training.cycles_per_recording=2",
    "finetune.training.cycles_per_recording=2", "pretrain.num_workers=1", "finetune.num_workers=1",
]  # fmt: skip

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def script():
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(SCRIPTS)
        yield importlib.import_module("train_shipped_models")


@pytest.fixture(scope="module")
def made(script, tmp_path_factory):
    """Data, work, out: after the command."""
    folder = tmp_path_factory.mktemp("shipped")
    data, work, out = folder / "data", folder / "work", folder / "out"
    write_synthetic_circor(data / "circor", num_patients=16, seed=1, duration_s=(3.0, 3.5))
    options = [part for setting in SMALL for part in ("--set", setting)]
    script.main([str(data), "--work", str(work), "--out", str(out), *options])
    return data, work, out


def test_two_models_and_their_cards_are_made(made):
    _, work, out = made

    assert sorted(path.name for path in out.iterdir()) == [
        "circor_murmur.md", "circor_murmur.safetensors", "tiny.md", "tiny.safetensors",
    ]  # fmt: skip
    assert load_checkpoint(out / "tiny.safetensors").kind == "pretrain"
    model = load_checkpoint(out / "circor_murmur.safetensors")
    final = json.loads((work / "shipped_finetune" / "final_metrics.json").read_text())
    assert model.temperature == final["calibration"]["temperature"]
    assert model.operating_point == final["operating_point"]
    assert final["test_persons_seen_in_pretraining"] == 0


def test_the_card_has_the_figures_of_the_run(made):
    _, work, out = made
    final = json.loads((work / "shipped_finetune" / "final_metrics.json").read_text())
    card = (out / "circor_murmur.md").read_text()

    low, high = final["intervals"]["test"]["weighted_accuracy"]
    row = f"| {final['test_weighted_accuracy']:.3f} [{low:.3f}, {high:.3f}] |"
    assert f"weighted accuracy, Challenge 2022 {row}" in card
    counts = re.findall(r"^\| (?:Absent|Present|Unknown) \| (.*) \|$", card, re.MULTILINE)
    assert [[int(n) for n in row.split(" | ")] for row in counts] == final["confusion_matrix"][
        "test"
    ]
    assert f"On {final['n']['test']} patients that it had not seen" in card
    assert "SYNTHETIC recordings" in card
    assert "Open Data Commons Attribution License 1.0 (ODC-By)" in card
    assert "not a medical device" in card
    encoder = (out / "tiny.md").read_text()
    assert "turns one cardiac cycle into 64 numbers" in encoder


def test_the_same_command_makes_nothing_again(made, script, mocker):
    data, work, out = made
    before = {path.name: path.read_bytes() for path in out.iterdir()}
    for name in ("pretrain", "finetune"):
        mocker.patch.object(script, name, side_effect=AssertionError)

    script.make(data, work, out, SMALL)

    assert {path.name: path.read_bytes() for path in out.iterdir()} == before


def test_a_run_of_other_settings_is_not_taken_for_this_one(made, script):
    data, work, out = made

    with pytest.raises(SettingError, match=r"shipped_finetune: was made with other .*\(pooling\)"):
        script.make(data, work, out, [*SMALL, "finetune.pooling=attention"])


def test_a_run_that_was_interrupted_goes_on(made, script, mocker, tmp_path):
    data, *_ = made
    (tmp_path / "shipped_pretrain").mkdir()
    (tmp_path / "shipped_pretrain" / "resume.pt").touch()
    mocker.patch.object(script, "_refuse_others")
    resumed = mocker.patch.object(script, "pretrain", side_effect=DataError("seen"))

    with pytest.raises(DataError, match="seen"):
        script.make(data, tmp_path, tmp_path / "out", SMALL)

    assert resumed.call_args.kwargs["resume"] is True


def test_predict_and_finetune_know_them(made, mocker, tmp_path):
    data, _, out = made
    mocker.patch.object(shipped, "shipped_file", lambda name: shipped_file(name, out))
    (recording, *_) = sorted((data / "circor" / "training_data").glob("*.wav"))
    shape = [
        part
        for setting in SMALL
        if setting.startswith(("encoder", "signal"))
        for part in ("--set", setting)
    ]

    told = CliRunner().invoke(app, ["predict", str(recording), "--any-quality"])
    learnt = CliRunner().invoke(
        app,
        [
            "finetune", "circor_outcome", "--pretrained", "tiny", "--epochs", "1", "--tracker",
            "null", "--data-dir", str(data / "circor"), "--output-dir", str(tmp_path), *shape,
        ],
    )  # fmt: skip

    assert told.exit_code == 0, told.output
    assert "murmur" in told.output
    assert learnt.exit_code == 0, learnt.output


def test_mistakes_are_one_line(script, tmp_path, capsys):
    with pytest.raises(DataError, match="holds no circor/, which the models are made from"):
        script.make(tmp_path, tmp_path, tmp_path, [])
    (tmp_path / "circor").mkdir()
    with pytest.raises(SettingError, match=r"--set training…: begin with pretrain\., finetune\."):
        script.make(tmp_path, tmp_path, tmp_path, ["training.epochs=1"])
    with pytest.raises(SystemExit, match=r"error: .*holds no circor/"):
        script.main([str(tmp_path / "circor"), "--work", str(tmp_path)])
