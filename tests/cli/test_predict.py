"""`pahcl predict`: from a run to an answer about its patients, in text, JSON and pictures."""

import csv
import json

import numpy as np
import pytest
from PIL import Image
from scipy.io import wavfile

from pahcl_core.training import shipped
from pahcl_core.training.shipped import shipped_file

SILENCE_S = 5


@pytest.fixture(scope="module")
def run(circor, small_options, tmp_path_factory):
    """A fine-tuning of seconds."""
    from typer.testing import CliRunner

    from pahcl_cli.main import app

    outputs = tmp_path_factory.mktemp("outputs")
    result = CliRunner().invoke(
        app,
        [
            "finetune", "circor_murmur", "--data-dir", str(circor), "--output-dir", str(outputs),
            "--epochs", "2", "--pooling", "attention", "--tracker", "null", "--num-workers", "1",
            *small_options,
        ],
    )  # fmt: skip
    assert result.exit_code == 0, result.output
    return outputs / "circor_murmur_finetune"


@pytest.fixture(scope="module")
def tested(run, circor):
    """A test patient of the run: number, row of predictions.csv, files."""
    with (run / "predictions.csv").open() as file:
        row = next(row for row in csv.DictReader(file) if row["split"] == "test")
    subject = row["subject_id"]
    return subject, row, sorted((circor / "training_data").glob(f"{subject}_*.wav"))


def answer_of(result):
    return json.loads(result.stdout)["answers"]


def test_it_says_what_the_run_said(cli, run, tested):
    """From the run's folder, and from the file that was exported, to the same figures."""
    subject, row, files = tested
    exported = run / "model.safetensors"
    assert cli("export", run, "--to", exported).exit_code == 0

    for model in (run, run / "best_model.pt", exported):
        result = cli("predict", model, *files, "--patient", subject, "--any-quality", "--json")

        assert result.exit_code == 0, result.output
        (answer,) = answer_of(result)
        assert answer["patient"] == subject
        assert answer["said"] == row["prediction"]
        for name, probability in answer["probabilities"].items():
            assert probability == pytest.approx(float(row[f"p_{name}"]), abs=1e-5)
        assert sum(len(one["cycles"]) for one in answer["recordings"]) == int(row["num_cycles"])
    told = json.loads(result.stdout)
    final = json.loads((run / "final_metrics.json").read_text())
    assert told["model"]["temperature"] == final["calibration"]["temperature"]
    assert told["model"]["operating_point"] == final["operating_point"]
    assert "not a medical device" in told["notice"]


def test_text_says_what_when_and_how_sure(cli, run, tested, tmp_path):
    _, _, files = tested
    result = cli("predict", run, *files, "--by-name", "--any-quality", "--plot",
                 "--output-dir", tmp_path / "pictures")  # fmt: skip

    assert result.exit_code == 0, result.output
    assert "murmur" in result.stdout.splitlines()[0]
    assert "beats/min" in result.stdout
    assert "these counted for most" in result.stdout
    assert "research software, not a medical device" in result.stdout
    drawn = sorted(path.name for path in (tmp_path / "pictures").iterdir())
    assert drawn == [f"{path.stem}_answer.png" for path in files]
    with Image.open(tmp_path / "pictures" / drawn[0]) as image:
        assert image.format == "PNG"


def test_silence_is_refused_with_a_code_of_its_own(cli, run, tmp_path):
    wavfile.write(tmp_path / "silence.wav", 4000, np.zeros(4000 * SILENCE_S, dtype=np.int16))

    text = cli("predict", run, tmp_path / "silence.wav")
    as_json = cli("predict", run, tmp_path / "silence.wav", "--json")

    assert (text.exit_code, as_json.exit_code) == (3, 3)
    assert "nothing is said: it is silent" in text.stdout
    (answer,) = answer_of(as_json)
    assert (answer["verdict"], answer["said"]) == ("refused", None)


def test_a_damaged_file_is_named_and_costs_nothing_else(cli, run, tested, tmp_path):
    _, _, files = tested
    (tmp_path / "broken.wav").write_bytes(b"RIFF")

    result = cli("predict", run, tmp_path / "broken.wav", files[0], "--any-quality", "--json")

    assert result.exit_code == 1
    assert f"error: {tmp_path / 'broken.wav'}: " in result.stderr
    assert "error: 1 of 2 recordings could not be read" in result.stderr
    assert [one["verdict"] for one in answer_of(result)] == ["failed", "answered"]


def test_what_was_said_before_an_interruption_is_printed(cli, run, tested, mocker):
    _, _, files = tested
    mocker.patch("pahcl_core.evaluation.pictures.PictureFolder.draw", side_effect=KeyboardInterrupt)

    result = cli("predict", run, *files, "--any-quality", "--json", "--plot")

    assert result.exit_code == 130
    assert len(answer_of(result)) == 1


def test_without_a_model_it_is_the_one_that_comes_with_pahcl(cli, run, tested, tmp_path, mocker):
    _, _, files = tested
    mocker.patch.object(shipped, "shipped_file", lambda name: shipped_file(name, tmp_path))

    missing = cli("predict", files[0], "--any-quality")
    assert missing.exit_code == 1
    assert "the model 'circor_murmur' is not in this installation; name a file" in missing.stderr

    assert cli("export", run, "--to", tmp_path / "circor_murmur.safetensors").exit_code == 0
    there = cli("predict", files[0], "--any-quality")
    assert there.exit_code == 0, there.output


def test_pictures_of_one_name_are_refused_before_anything(cli, run, tested, tmp_path):
    _, _, files = tested
    (tmp_path / "other").mkdir()
    other = tmp_path / "other" / files[0].name
    other.write_bytes(files[0].read_bytes())

    result = cli("predict", run, files[0], other, "--plot", "--output-dir", tmp_path / "pictures")

    assert result.exit_code == 2
    assert "would both be drawn as" in result.stderr
    assert not (tmp_path / "pictures").exists()
