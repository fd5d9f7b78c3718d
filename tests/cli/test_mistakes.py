"""Whatever a user gets wrong is answered by one line and an exit code, never by a traceback."""

import errno
import shutil

import pytest
import torch

from pahcl_core.data.provenance import PROVENANCE_FILE


@pytest.fixture
def broken(circor, tmp_path):
    """A copy of the collection, to break."""
    return shutil.copytree(circor, tmp_path / "broken")


def assert_one_line(result, *parts, code):
    """One line on standard error that begins with `error:`, holds the parts, and no more."""
    lines = result.stderr.strip().splitlines()
    assert result.exit_code == code, result.stderr
    assert result.exception is None or isinstance(result.exception, SystemExit)
    assert len(lines) == 1, result.stderr
    assert lines[0].startswith("error: ")
    for part in parts:
        assert part in lines[0]


@pytest.mark.parametrize(
    ("arguments", "parts", "code"),
    [
        (["--data-dir", "nowhere"], ["nowhere does not exist", "pahcl data synth circor"], 1),
        ([], ["give --data-dir", "physionet.org", "pahcl data synth circor"], 2),
        (["--data-dir", "{circor}", "--tracker", "wndb"], ["'wndb'", "'wandb'?", "console"], 2),
        (
            ["--data-dir", "{circor}", "--tracker-option", "console.everys=3"],
            ["'everys'", "'every_s'?"],
            2,
        ),
        (
            ["--data-dir", "{circor}", "--tracker-option", "console.every_s=soon"],
            ["console.every_s=soon", "a number"],
            2,
        ),
        (
            ["--data-dir", "{circor}", "--tracker-option", "wandb.mode=offline"],
            ["no tracker 'wandb' was asked for", "console"],
            2,
        ),
        (
            ["--data-dir", "{circor}", "--set", "training.epoch=3"],
            ["'training.epoch'", "'epochs'?"],
            2,
        ),
        (["--data-dir", "{circor}", "--set", "epochs=3"], ["'training.epochs'?"], 2),
        (["--data-dir", "{circor}", "--set", "training.epochs"], ["section.key=value"], 2),
        (
            ["--data-dir", "{circor}", "--set", "tracking.trackers=wandb"],
            ["[tracking]: trackers", "a list", "'wandb'"],
            2,
        ),
        (["--data-dir", "{circor}", "--set", "tracking.trackers=5"], ["a list", "5"], 2),
        (["--data-dir", "{circor}", "--set", 'tracking.trackers=[["a"]]'], ["text", "'a'"], 2),
        (["--data-dir", "{circor}", "--set", "tracking.options=7"], ["a list", "7"], 2),
        (["--data-dir", "{circor}", "--epochs", "0"], ["epochs must be at least 1, got 0"], 2),
        (["--data-dir", "{circor}", "--lr", "-1"], ["lr must be positive, got -1"], 2),
        (["--data-dir", "{circor}", "--shot-ratio", "2"], ["shot_ratio", "2"], 2),
        (["--data-dir", "{circor}", "--device", "gpu"], ["device", "'gpu'", "'cuda'"], 2),
        (["--data-dir", "{circor}", "--config", "no.toml"], ["no.toml: cannot be read"], 1),
        (["--data-dir", "{circor}", "--pretrained", "no.pt"], ["no.pt: no such checkpoint"], 1),
        (["--data-dir", "{circor}", "--entity", "team"], ["--entity", "--tracker wandb"], 2),
    ],
)
def test_wrong_options(cli, circor, arguments, parts, code, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    given = [argument.format(circor=circor) for argument in arguments]

    result = cli("finetune", "circor_murmur", *given)

    assert_one_line(result, *parts, code=code)
    assert not (tmp_path / "outputs").exists()


def test_an_unknown_task_names_those_there_are(cli, circor):
    result = cli("finetune", "circor_murmer", "--data-dir", circor)

    assert_one_line(result, "'circor_murmer'", "'circor_murmur'?", "circor_outcome", code=2)


def test_two_tasks(cli, circor):
    result = cli("finetune", "circor_murmur", "--task", "circor_outcome", "--data-dir", circor)

    assert_one_line(result, "two tasks", code=2)


def test_a_folder_that_is_something_else(cli, tmp_path):
    (tmp_path / "music").mkdir()
    (tmp_path / "music" / "song.mp3").touch()

    result = cli("finetune", "circor_murmur", "--data-dir", tmp_path / "music")

    assert_one_line(result, "holds no training_data.csv", "song.mp3", code=1)


def test_a_table_without_its_column(cli, broken):
    table = broken / "training_data.csv"
    table.write_text(table.read_text().replace("Outcome", "Result"))

    result = cli("finetune", "circor_murmur", "--data-dir", broken)

    assert_one_line(result, "training_data.csv: has no column 'Outcome'", "Result", code=1)


def test_a_damaged_recording_is_set_aside_and_named(cli, broken, small_options, tmp_path):
    damaged = sorted((broken / "training_data").glob("*.wav"))[0]
    damaged.write_bytes(damaged.read_bytes()[:1000])

    result = cli(
        "finetune", "circor_murmur", "--data-dir", broken, "--output-dir", tmp_path,
        "--epochs", "1", *small_options,
    )  # fmt: skip

    assert result.exit_code == 0, result.stderr
    assert damaged.name in result.stderr
    assert "truncated" in result.stderr
    assert damaged.name in (tmp_path / "circor_murmur_finetune/train.log").read_text()


def test_too_many_damaged_recordings_are_the_wrong_folder(cli, broken):
    for recording in (broken / "training_data").glob("*.wav"):
        recording.write_bytes(b"RIFF")

    result = cli("finetune", "circor_murmur", "--data-dir", broken)

    assert_one_line(result, "is this the right folder?", code=1)


def test_a_checkpoint_of_another_shape(cli, circor, small_options, tmp_path):
    common = ["--data-dir", circor, "--output-dir", tmp_path, "--epochs", "1", *small_options]
    assert cli("pretrain", *common).exit_code == 0
    checkpoint = tmp_path / "pretrain/best_model.pt"

    result = cli(
        "finetune",
        "circor_murmur",
        *common,
        "--pretrained",
        checkpoint,
        "--set",
        "encoder.width=32",
    )

    assert_one_line(result, "best_model.pt", "--set encoder.width=16", code=2)


def test_a_checkpoint_that_is_none(cli, circor, tmp_path):
    torch.save({"weights": torch.zeros(3)}, tmp_path / "other.pt")
    (tmp_path / "text.pt").write_text("not a checkpoint")

    for name in ("other.pt", "text.pt"):
        result = cli(
            "finetune", "circor_murmur", "--data-dir", circor, "--pretrained", tmp_path / name
        )

        assert_one_line(result, name, "not a checkpoint", code=1)


def test_an_output_folder_that_cannot_be_written(cli, circor, tmp_path):
    (tmp_path / "file").touch()

    result = cli(
        "finetune", "circor_murmur", "--data-dir", circor, "--output-dir", tmp_path / "file"
    )

    assert_one_line(result, "cannot write a run here", code=2)


def test_the_demo_touches_no_real_data(cli, broken, tmp_path):
    (tmp_path / "demo").mkdir()
    (broken / PROVENANCE_FILE).unlink()
    broken.rename(tmp_path / "demo" / "data")

    result = cli("demo", "--output-dir", tmp_path / "demo")

    assert result.exit_code == 1
    assert "is not synthetic data" in result.stderr


def test_a_run_that_is_not_there(cli, tmp_path):
    result = cli("track", "replay", tmp_path)

    assert_one_line(result, "journal.jsonl: no journal of a run", code=2)


def test_a_full_disk_is_told_in_one_line(cli, tmp_path, mocker):
    """Wherever a command writes: what, why, and what to do."""
    full = OSError(errno.ENOSPC, "No space left on device", str(tmp_path / "a.wav"))
    mocker.patch("pahcl_core.data.synthetic_circor.write_synthetic_circor", side_effect=full)

    done = cli("data", "synth", "circor", tmp_path / "data")

    assert done.exit_code == 1
    assert done.output == (
        f"error: {tmp_path / 'a.wav'}: No space left on device: make room, and run the same again\n"
    )
