"""`pahcl data synth` in every layout, and what can be done with what it wrote."""

import json

import pytest

SIZES = {
    "circor": ("--patients", "12"),
    "physionet2016": ("--recordings", "24"),
    "pascal": ("--recordings", "30"),
    "folder": ("--subjects", "8"),
}


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """One of each, and what was printed."""
    from typer.testing import CliRunner

    from pahcl_cli.main import app

    root = tmp_path_factory.mktemp("made")
    said = {}
    for name, size in SIZES.items():
        command = ["data", "synth", name, str(root / name), *size, "--seed", "3"]
        result = CliRunner().invoke(app, command)
        assert result.exit_code == 0, result.stderr
        said[name] = result.stdout
    return root, said


@pytest.mark.parametrize("name", SIZES)
def test_says_how_many_it_made(made, name):
    root, said = made

    assert said[name].startswith(f"{root / name}: ")
    assert SIZES[name][1] in said[name]
    assert "synthetic" in said[name]


@pytest.mark.parametrize("name", SIZES)
def test_check_reads_it_to_the_last_sample(cli, made, name):
    """Nothing is damaged: what is left to say is said of the originals, too."""
    root, _ = made

    result = cli("data", "check", root / name, "--collection", name, "--json")

    content = json.loads(result.stdout)
    assert content["provenance"] == "synthetic"
    usual = {"physionet2016": "have no person", "pascal": "class"}
    reasons = [problem["reason"] for problem in content["problems"]]
    if name in usual:
        assert any(usual[name] in reason for reason in reasons)
        assert not any("left out" in reason for reason in reasons)
    else:
        assert reasons == []


def test_check_of_a_folder_says_what_is_there(cli, made):
    root, _ = made

    result = cli("data", "check", root / "folder", "--collection", "folder", "--strict")

    assert result.exit_code == 0, result.stderr
    assert "folder (synthetic)" in result.stdout
    assert "subjects: 8, who are 8 persons" in result.stdout
    assert "recordings: 16" in result.stdout


@pytest.mark.parametrize("name", ["physionet2016", "pascal"])
def test_a_classifier_learns_from_it(cli, made, small_options, tmp_path, name):
    """One epoch, scored on persons held out, and every class among them."""
    root, _ = made

    result = cli(
        "finetune", name, "--data-dir", root / name, "--output-dir", tmp_path,
        "--epochs", "1", *small_options,
    )  # fmt: skip

    assert result.exit_code == 0, result.stderr
    assert "SYNTHETIC data" in result.stdout
    final = json.loads((tmp_path / f"{name}_finetune/final_metrics.json").read_text())
    assert final["provenance"] == "synthetic"
    assert min(final["n_by_class"]["test"].values()) >= 1
    assert 0 <= final["test_auroc"] <= 1


def test_an_encoder_is_pretrained_on_a_folder(cli, made, small_options, tmp_path):
    """Without labels, and without a warning."""
    root, _ = made

    result = cli(
        "pretrain", "--collection", "folder", "--data-dir", root / "folder",
        "--output-dir", tmp_path, "--epochs", "1", *small_options,
    )  # fmt: skip

    assert result.exit_code == 0, result.stderr
    assert "warning" not in result.stderr
    assert "SYNTHETIC data" in result.stdout
    split = json.loads((tmp_path / "pretrain/splits.json").read_text())["folder"]
    kept = split.pop("pretrain_val")
    assert len(kept) == 2
    assert set(kept) < set(split["train"])
    assert sorted(one for side in split.values() for one in side) == [
        f"s{number:03}" for number in range(1, 9)
    ]


def assert_one_line(result, *parts, code):
    lines = result.stderr.strip().splitlines()
    assert result.exit_code == code, result.stderr
    assert len(lines) == 1, result.stderr
    assert lines[0].startswith("error: ")
    for part in parts:
        assert part in lines[0]


@pytest.mark.parametrize(
    ("name", "option", "reason"),
    [
        ("physionet2016", "--recordings", "num_recordings must be at least 12, got 3"),
        ("pascal", "--recordings", "num_recordings must be at least 26, got 3"),
        ("folder", "--subjects", "num_subjects must be at least 6, got 3"),
    ],
)
def test_too_few_are_refused(cli, tmp_path, name, option, reason):
    result = cli("data", "synth", name, tmp_path / "new", option, "3")

    assert_one_line(result, reason, code=2)
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize("name", SIZES)
def test_nothing_is_overwritten(cli, tmp_path, name):
    (tmp_path / "mine.txt").write_text("precious")

    result = cli("data", "synth", name, tmp_path)

    assert_one_line(result, "is not an empty folder", code=2)
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


def test_a_folder_without_a_table(cli, tmp_path):
    (tmp_path / "a.wav").touch()
    for command in (["data", "check", tmp_path], ["pretrain", "--data-dir", tmp_path]):
        result = cli(*command, "--collection", "folder")

        assert_one_line(result, "holds no table", "'path' and 'subject'", "a.wav", code=1)


@pytest.mark.parametrize(
    ("command", "parts"),
    [
        (
            ["pretrain", "--collection", "folder"],
            ["give --data-dir", "path and subject", "pahcl data synth folder"],
        ),
        (
            ["pretrain", "--collection", "pascal"],
            ["peterjbentley.com", "pahcl pretrain --collection pascal --data-dir"],
        ),
        (
            ["finetune", "physionet2016"],
            ["pahcl data synth physionet2016", "pahcl finetune physionet2016 --data-dir"],
        ),
    ],
)
def test_no_data_says_how_to_get_some(cli, command, parts):
    assert_one_line(cli(*command), *parts, code=2)


def test_an_unknown_collection_names_those_there_are(cli, tmp_path):
    result = cli("data", "check", tmp_path, "--collection", "folders")

    assert_one_line(result, "'folders'", "'folder'?", "circor, physionet2016, pascal", code=2)
