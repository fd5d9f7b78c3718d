"""`pahcl segment`, and the pictures of `pahcl data check`."""

import json
import shutil
import sys

import numpy as np
import pytest
from PIL import Image
from scipy.io import wavfile

from pahcl_core.data.states import read_states
from pahcl_core.data.synthesis import RecordingProfile, synthesise_recording
from support.cli_process import run


@pytest.fixture(scope="module")
def sound():
    profile = RecordingProfile(duration_s=5.0, heart_rate_bpm=75.0)
    samples, _, _ = synthesise_recording(profile, np.random.default_rng(5))
    return samples


@pytest.fixture
def recordings(sound, tmp_path):
    """Two that can be segmented."""
    paths = [tmp_path / "a.wav", tmp_path / "b.wav"]
    for path in paths:
        wavfile.write(path, 4000, sound)
    return paths


def test_a_line_for_each_recording(cli, recordings):
    result = cli("segment", *recordings)

    assert result.exit_code == 0, result.stderr
    lines = result.stdout.splitlines()
    assert len(lines) == 2
    for line, path in zip(lines, recordings, strict=True):
        assert line.startswith(f"{path}: 5.0 s, ")
        assert line.endswith(f" -> {path.with_suffix('.tsv')}")
        states, problems = read_states(path.with_suffix(".tsv"), file=path.name)
        assert problems == []
        assert states.end_s[-1] == 5.0


def test_one_object_for_a_program(cli, recordings, tmp_path):
    result = cli("segment", *recordings, "--json", "--output-dir", tmp_path / "out")

    content = json.loads(result.stdout)
    states, _ = read_states(tmp_path / "out/b.tsv", file="b.tsv")
    assert [one["file"] for one in content["recordings"]] == [str(path) for path in recordings]
    assert [row["start_s"] for row in content["recordings"][1]["rows"]] == states.start_s.tolist()
    assert content["failed"] == []


@pytest.mark.parametrize("as_json", [[], ["--json"]])
def test_a_damaged_recording_among_others(cli, recordings, tmp_path, as_json):
    """It is named, the others are done, and the program that called is told by the exit code."""
    (tmp_path / "0.wav").write_bytes(recordings[0].read_bytes()[:1000])

    result = cli("segment", tmp_path / "0.wav", *recordings, *as_json)

    first, last = result.stderr.splitlines()
    assert result.exit_code == 1
    assert first.startswith(f"error: {tmp_path}/0.wav: is truncated")
    assert last == "error: 1 of 3 recordings could not be segmented"
    assert all(path.with_suffix(".tsv").exists() for path in recordings)
    if as_json:
        (failed,) = json.loads(result.stdout)["failed"]
        assert failed["file"] == str(tmp_path / "0.wav")
        assert failed["reason"].startswith("is truncated")


def test_a_single_damaged_recording_is_one_line(cli, tmp_path):
    (tmp_path / "0.wav").write_bytes(b"")

    result = cli("segment", tmp_path / "0.wav")

    assert result.exit_code == 1
    assert result.stderr == f"error: {tmp_path}/0.wav: is empty, not even a header is there\n"


def test_an_annotation_that_came_with_the_recording_is_kept(cli, recordings):
    """CirCor's has the same name."""
    (recordings[1].with_suffix(".tsv")).write_text("0\t0.5\t1\n")

    refused = cli("segment", *recordings)

    assert refused.exit_code == 2
    assert len(refused.stderr.splitlines()) == 1
    assert "b.tsv is there already" in refused.stderr
    assert not recordings[0].with_suffix(".tsv").exists()
    assert recordings[1].with_suffix(".tsv").read_text() == "0\t0.5\t1\n"
    assert cli("segment", *recordings, "--overwrite").exit_code == 0
    assert recordings[1].with_suffix(".tsv").read_text() != "0\t0.5\t1\n"


def test_a_picture_for_each_recording(cli, recordings, tmp_path):
    result = cli("segment", *recordings, "--plot", "--output-dir", tmp_path / "out")

    assert result.exit_code == 0, result.stderr
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        "a.png", "a.tsv", "b.png", "b.tsv",
    ]  # fmt: skip
    with Image.open(tmp_path / "out/a.png") as image:
        assert image.format == "PNG"
    assert result.stdout.splitlines()[0].endswith("/a.tsv, " + str(tmp_path / "out/a.png"))


def test_check_draws_a_collection(cli, circor, tmp_path):
    result = cli("data", "check", circor, "--plot", tmp_path / "check.png")

    assert result.exit_code == 0, result.stderr
    with Image.open(tmp_path / "check.png") as image:
        assert image.format == "PNG"


def test_check_tells_of_the_split_and_of_heart_rates(cli, circor):
    shown = cli("data", "check", circor).stdout
    content = json.loads(cli("data", "check", circor, "--json").stdout)

    assert "subjects (persons) of the split by murmur and outcome with seed 42" in shown
    assert content["split"]["labels"] == ["murmur", "outcome"]
    assert sum(side["num_subjects"] for side in content["split"]["sides"].values()) == 16
    assert content["num_heart_rates"] == content["num_rates_annotated"] > 0
    assert 30 < content["heart_rates_bpm"]["median"] < 200


def test_check_segments_if_asked_to(cli, circor, tmp_path):
    """Without its annotation a recording has a heart rate only then."""
    root = shutil.copytree(circor, tmp_path / "circor")
    for path in (root / "training_data").glob("*.tsv"):
        path.unlink()

    plain = json.loads(cli("data", "check", root, "--json").stdout)
    segmented = json.loads(cli("data", "check", root, "--json", "--segment").stdout)

    assert plain["num_heart_rates"] == 0
    assert plain["heart_rates_bpm"] is None
    assert segmented["num_heart_rates"] == segmented["num_recordings"]
    assert segmented["num_rates_annotated"] == 0


@pytest.mark.parametrize("command", ["segment", "check"])
def test_a_missing_matplotlib_is_one_line_before_anything_is_read(
    cli, recordings, tmp_path, monkeypatch, command
):
    monkeypatch.setitem(sys.modules, "matplotlib", None)

    if command == "segment":
        result = cli("segment", *recordings, "--plot")
    else:
        result = cli("data", "check", tmp_path / "nowhere", "--plot", tmp_path / "a.png")

    assert result.exit_code == 2
    assert len(result.stderr.splitlines()) == 1
    assert result.stderr.startswith("error: pictures need one more package")
    assert "pip install 'pahcl[plot]'" in result.stderr
    assert not recordings[0].with_suffix(".tsv").exists()


def test_without_a_picture_nothing_needs_matplotlib(cli, recordings, circor, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)

    assert cli("segment", recordings[0]).exit_code == 0
    assert cli("data", "check", circor).exit_code == 0


def test_a_picture_of_another_name_is_refused(cli, recordings, circor):
    """`--plot a.wav` would be the end of a recording."""
    kept = recordings[0].read_bytes()

    result = cli("data", "check", circor, "--plot", recordings[0])

    assert result.exit_code == 2
    assert "a picture's name must end in .png" in result.stderr
    assert recordings[0].read_bytes() == kept


def test_the_installed_command_segments(recordings, tmp_path):
    result = run(tmp_path, "segment", "a.wav", "--plot", env={"MPLBACKEND": "tkagg"})

    assert result.returncode == 0, result.stderr
    assert result.stdout.startswith("a.wav: 5.0 s, ")
    assert (tmp_path / "a.png").exists()
    assert result.stderr == ""
