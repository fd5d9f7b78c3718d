"""`pahcl pretrain --data NAME=DIR`: several collections, one, and what is wrong with them."""

import json
import shutil
import tomllib

import pytest

from pahcl_core.data.synthetic_folder import write_synthetic_folder
from pahcl_core.data.synthetic_pascal import write_synthetic_pascal

SHORT = {"duration_s": (3.0, 3.5)}


@pytest.fixture(scope="module")
def pascal(tmp_path_factory):
    root = tmp_path_factory.mktemp("more") / "pascal"
    write_synthetic_pascal(root, num_recordings=26, seed=3, **SHORT)
    return root


@pytest.fixture(scope="module")
def clinics(tmp_path_factory):
    """Two folders, with subjects of the same numbers."""
    root = tmp_path_factory.mktemp("clinics")
    for seed, name in enumerate(("a", "b")):
        write_synthetic_folder(root / name, num_subjects=8, seed=seed, **SHORT)
    return root


def config_of(run):
    return tomllib.loads((run / "config.toml").read_text())


def assert_one_line(result, *parts, code=2):
    lines = result.stderr.strip().splitlines()
    assert result.exit_code == code, result.stderr
    assert len(lines) == 1, result.stderr
    assert lines[0].startswith("error: ")
    for part in parts:
        assert part in lines[0]


def test_four_collections_at_once(cli, circor, pascal, clinics, small_options, tmp_path):
    """With a weight; what is written names each, and so does what is said."""
    result = cli(
        "pretrain", "--data", f"pascal={pascal}", "--data", f"circor={circor}",
        "--data", f"folder:clinic_a={clinics / 'a'}", "--data", f"folder:clinic_b={clinics / 'b'}",
        "--set", "weights.folder:clinic_a=2", "--set", "weights.pascal=0.5", "--epochs", "2",
        "--set", "validation_share=0.4",
        "--output-dir", tmp_path, *small_options,
    )  # fmt: skip

    assert result.exit_code == 0, result.stderr
    names = ["circor", "folder:clinic_a", "folder:clinic_b", "pascal"]
    assert f"persons of {', '.join(names)}, SYNTHETIC data; validation loss" in result.stdout
    run = tmp_path / "pretrain"
    config = config_of(run)
    assert config["weights"] == {"folder:clinic_a": 2.0, "pascal": 0.5}
    assert config["data"]["folder:clinic_b"] == str(clinics / "b")
    assert sorted(json.loads((run / "splits.json").read_text())) == names
    metrics = json.loads((run / "final_metrics.json").read_text())
    assert list(metrics["collections"]) == names
    of_each = {name for name in metrics if name.startswith("val_loss_")}
    assert of_each == {f"val_loss_{name.replace(':', '_')}" for name in names}


def test_its_settings_alone_make_the_same_run_again(cli, circor, pascal, small_options, tmp_path):
    """From `config.toml`, whatever the order of the collections was."""
    data = ["--data", f"pascal={pascal}", "--data", f"circor={circor}"]
    first = cli("pretrain", *data, "--epochs", "1", "--output-dir", tmp_path, *small_options)
    assert first.exit_code == 0, first.stderr

    again = cli(
        "pretrain", "--config", tmp_path / "pretrain/config.toml", "--experiment-name", "again"
    )

    assert again.exit_code == 0, again.stderr
    for name in ("best_model.pt", "final_metrics.json", "splits.json"):
        one, other = (tmp_path / run / name for run in ("pretrain", "again"))
        assert one.read_bytes() == other.read_bytes()


@pytest.mark.parametrize("how", ["short", "data", "old file", "set"])
def test_one_collection_in_every_spelling(cli, circor, small_options, tmp_path, how):
    """`--data-dir`, `--data`, a file with `data_dir` and `collection`, and `--set`."""
    old = tmp_path / "old.toml"
    old.write_text(f"data_dir = {json.dumps(str(circor))}\ncollection = 'circor'\n")
    options = {
        "short": ["--data-dir", circor],
        "data": ["--data", f"circor={circor}"],
        "old file": ["--config", old],
        "set": ["--set", f"data.circor={circor}"],
    }[how]

    result = cli(
        "pretrain", *options, "--epochs", "1", "--output-dir", tmp_path, *small_options
    )  # fmt: skip

    assert result.exit_code == 0, result.stderr
    config = config_of(tmp_path / "pretrain")
    assert config["data"] == {"circor": str(circor)}
    assert not {"data_dir", "collection"} & set(config)


def test_options_replace_the_collections_of_a_file(cli, circor, pascal, small_options, tmp_path):
    """All of them, not the one of that name."""
    file = tmp_path / "run.toml"
    file.write_text(f"[data]\ncircor = {json.dumps(str(circor))}\npascal = 'nowhere'\n")
    for number, options in enumerate((["--data", f"pascal={pascal}"], ["--data-dir", circor])):
        result = cli(
            "pretrain", "--config", file, *options, "--epochs", "1",
            "--output-dir", tmp_path / str(number), *small_options,
        )  # fmt: skip

        assert result.exit_code == 0, result.stderr
    assert config_of(tmp_path / "0/pretrain")["data"] == {"pascal": str(pascal)}
    assert config_of(tmp_path / "1/pretrain")["data"] == {"circor": str(circor)}


@pytest.mark.parametrize(
    ("arguments", "parts"),
    [
        (["--data", "circor"], ["--data 'circor'", "NAME=DIR"]),
        (["--data", "=x"], ["--data '=x'", "NAME=DIR"]),
        (["--data", "circor="], ["--data 'circor='", "NAME=DIR"]),
        (["--data", "circr=x"], ["no collection named 'circr'", "'circor'?", "pascal"]),
        (["--data", "circor:a=x"], ["'circor:a'", "only folders have names of their own"]),
        (["--data", "folder:a.b=x"], ["'folder:a.b'", "letters, digits, _ and -"]),
        (["--data", "folder:=x"], ["'folder:'", "such as folder:clinic_a"]),
        (["--data", "circor=x", "--data", "circor=y"], ["circor is given twice"]),
        (["--data", "folder=x", "--data", "folder=y"], ["folder is given twice: folders need"]),
        (["--data", "circor=x", "--data", "folder=x"], ["circor and folder are the same folder"]),
        (["--data", "circor=x", "--data-dir", "y"], ["--data and --data-dir"]),
        (["--data", "circor=x", "--collection", "pascal"], ["--data and --collection"]),
        (["--data-dir", "x", "--collection", "circr"], ["'circr'", "'circor'?"]),
        (["--set", "data=3"], ["data = 3", "a section, each value a path in quotes"]),
        (
            ["--set", "data.circor=x", "--set", "data_dir=y"],
            ["data and data_dir both", "keep data"],
        ),
        (
            ["--data", "circor=x", "--set", "weights.circr=2"],
            ["weights.circr", "'circor'?", "only circor"],
        ),
        (["--data", "circor=x", "--set", "weights.circor=0"], ["must be positive, got 0"]),
        (["--data", "circor=x", "--set", "validation_share=1"], ["validation_share", "got 1"]),
    ],
)
def test_mistakes(cli, tmp_path, monkeypatch, arguments, parts):
    monkeypatch.chdir(tmp_path)

    assert_one_line(cli("pretrain", *arguments), *parts)

    assert not (tmp_path / "outputs").exists()


def test_a_folder_that_is_not_there(cli, circor, tmp_path, monkeypatch):
    """Found before anything is prepared."""
    monkeypatch.chdir(tmp_path)

    result = cli("pretrain", "--data", f"circor={circor}", "--data", "pascal=nowhere")

    assert_one_line(result, "nowhere does not exist", code=1)
    assert not (tmp_path / "outputs").exists()


def test_collection_needs_its_folder(cli, circor, tmp_path):
    file = tmp_path / "run.toml"
    file.write_text(f"[data]\ncircor = {json.dumps(str(circor))}\n")

    assert_one_line(
        cli("pretrain", "--config", file, "--collection", "pascal"),
        "--collection pascal needs --data-dir",
    )


@pytest.fixture
def stopped(cli, circor, pascal, small_options, tmp_path, mocker):
    """A run on two collections that was stopped before its end, in folders that then moved."""
    for name, root in (("circor", circor), ("pascal", pascal)):
        shutil.copytree(root, tmp_path / "before" / name)
    data = [
        part
        for name in ("circor", "pascal")
        for part in ("--data", f"{name}={tmp_path / 'before' / name}")
    ]
    mocker.patch("pahcl_core.training.pretrain.write_json", side_effect=KeyboardInterrupt)
    options = ["--epochs", "2", "--output-dir", tmp_path, *small_options]
    assert cli("pretrain", *data, *options).exit_code != 0
    mocker.stopall()
    (tmp_path / "before").rename(tmp_path / "after")
    return tmp_path / "pretrain"


def test_a_run_goes_on_where_its_collections_are_now(cli, stopped, tmp_path):
    moved = tmp_path / "after"

    result = cli(
        "pretrain", "--resume", stopped,
        "--data", f"pascal={moved / 'pascal'}", "--data", f"circor={moved / 'circor'}",
    )  # fmt: skip

    assert result.exit_code == 0, result.stderr
    assert (stopped / "final_metrics.json").exists()


@pytest.mark.parametrize(
    ("options", "parts"),
    [
        (["--data", "folder=x"], ["keeps its collections, circor, pascal", "folder is not one"]),
        (["--data-dir", "x"], ["the run has circor, pascal", "--data NAME=DIR"]),
        (["--collection", "pascal"], ["keeps its settings: leave out collection"]),
    ],
)
def test_a_run_keeps_its_collections(cli, stopped, options, parts):
    result = cli("pretrain", "--resume", stopped, *options)

    assert_one_line(result, *parts)
