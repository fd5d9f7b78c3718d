"""`pahcl sweep`: what `docs/sweeps.md` shows, what W&B is given, and what is wrong with a file."""

import json
import sys
import tomllib

import pytest

from support.cli_process import SMALL
from support.documents import blocks_of
from support.typed import quick_pahcl, typed

BLOCKS = blocks_of("docs/sweeps.md")
(FILE,) = (block for block in BLOCKS if block.language == "toml")
COMMANDS = [block.text for block in BLOCKS if block.language == "sh"]


@pytest.fixture
def folder(circor, tmp_path):
    """Where the document's commands are typed, with its file, made small."""
    pytest.importorskip("optuna", reason="sweeps need optuna")
    (tmp_path / "data").mkdir()
    (tmp_path / "data/circor").symlink_to(circor)
    small = "[settings]\n" + "\n".join(SMALL)
    (tmp_path / FILE.file).write_text(FILE.text.replace("[settings]", small))
    return tmp_path


@pytest.fixture
def programs(tmp_path_factory):
    with quick_pahcl(tmp_path_factory.mktemp("programs"), small=False) as folder:
        yield folder


def trials(folder, name):
    return json.loads((folder / "outputs" / name / "sweep.json").read_text())["trials"]


@pytest.mark.slow
def test_the_document(folder, programs):
    """Its commands in their order, each of which goes on where the one before ended."""
    one, several, machines, wandb = COMMANDS

    shown = typed(folder, one, programs=programs).splitlines()
    assert shown[0].split() == [
        "trial", "state", "val", "auroc", "optimiser.lr", "training.batch_size", "pooling",
    ]  # fmt: skip
    assert [line.split()[1] for line in shown[1:5]] == ["complete"] * 4
    assert len(trials(folder, "murmur")) == 4
    logs = {path: path.read_text() for path in folder.glob("outputs/murmur/trial_*/train.log")}
    assert len(logs) == 4

    typed(folder, several, programs=programs)
    assert [one["state"] for one in trials(folder, "murmur")] == ["complete"] * 6
    assert all(path.read_text() == text for path, text in logs.items()), "done twice"
    journal = (folder / "outputs/murmur/trial_000/journal.jsonl").read_text()
    first = json.loads(journal.splitlines()[0])
    assert (first["run"]["name"], first["run"]["group"]) == ("trial_000", "murmur")

    typed(folder, machines, programs=programs)
    assert len(trials(folder, "shared")) == 4
    assert (folder / "sweeps.db").exists()

    typed(folder, wandb, programs=programs)
    assert json.loads((folder / "wandb-sweep.yaml").read_text())["method"] == "bayes"


def asked(cli, tmp_path, text, *more):
    (tmp_path / "s.toml").write_text(text)
    return cli("sweep", tmp_path / "s.toml", *more)


BASE = 'task = "circor_murmur"\n[settings]\ndata_dir = "d"\n'


def test_what_wandb_is_given(cli, tmp_path):
    """The types of its parameters, and a command that says everything that is fixed."""
    text = (
        'task = "circor_murmur"\nmetric = "loss"\ntrials = 7\nprune = true\nprune_after = 3\n'
        '[settings]\ndata_dir = "d"\ntraining.epochs = 9\npooling = "mean"\n'
        "[space]\noptimiser.lr = {low = 1e-4, high = 1e-2, log = true}\n"
        "encoder.dropout = {low = 0, high = 0.5}\ntraining.patience = {low = 1, high = 5}\n"
        "training.batch_size = {low = 16, high = 48, step = 16}\nfew_shot = [true, false]\n"
    )

    told = json.loads(asked(cli, tmp_path, text, "--wandb-sweep", "--tag", "t").stdout)

    assert told["parameters"] == {
        "optimiser.lr": {"distribution": "log_uniform_values", "min": 1e-4, "max": 1e-2},
        "encoder.dropout": {"distribution": "uniform", "min": 0.0, "max": 0.5},
        "training.patience": {"distribution": "int_uniform", "min": 1, "max": 5},
        "training.batch_size": {"values": [16, 32, 48]},
        "few_shot": {"values": [True, False]},
    }
    assert told["metric"] == {"name": "val/loss", "goal": "minimize"}
    assert told["early_terminate"] == {"type": "hyperband", "min_iter": 3}
    assert (told["method"], told["run_cap"], told["project"]) == ("bayes", 7, "PA-HCL")
    assert told["command"] == [
        "pahcl", "finetune", "circor_murmur", "--data-dir", "d", "--output-dir", "outputs/s",
        "--group", "s", "--tracker", "wandb", "--tag", "t", "--set", 'pooling="mean"',
        "--set", "training.epochs=9", "--set", "${args_json}",
    ]  # fmt: skip


def test_what_wandb_is_told_of_tracking(cli, tmp_path):
    """All but other trackers and their options, which no run of its own would take."""
    text = BASE + "tracking.finish_timeout_s = 5\n[space]\noptimiser.lr = [1e-4, 1e-3]\n"

    told = asked(
        cli, tmp_path, text, "--wandb-sweep", "--tracker", "console", "--wandb",
        "--tracker-option", "console.every_s=5", "--tracker-option", "wandb.mode=offline",
        "--notes", "what for", "--strict-tracking", "--entity", "us", "--group", "g",
    )  # fmt: skip

    assert json.loads(told.stdout)["command"] == [
        "pahcl", "finetune", "circor_murmur", "--data-dir", "d", "--output-dir", "outputs/s",
        "--group", "g", "--tracker", "wandb", "--notes", "what for", "--strict-tracking",
        "--tracker-option", "wandb.mode=offline", "--tracker-option", "wandb.entity=us",
        "--set", "tracking.finish_timeout_s=5.0", "--set", "${args_json}",
    ]  # fmt: skip


def test_a_grid_of_pretrainings_for_wandb(cli, tmp_path):
    text = (
        'task = "pretrain"\nmethod = "grid"\nmetric = "retrieval"\n[settings.data]\ncircor = "c"\n'
        "[space]\nencoder.num_blocks = {low = 1, high = 3}\n"
    )

    told = json.loads(asked(cli, tmp_path, text, "--wandb-sweep").stdout)

    assert told["parameters"] == {"encoder.num_blocks": {"values": [1, 2, 3]}}
    assert (told["method"], told["run_cap"]) == ("grid", 3)
    assert told["metric"] == {"name": "best/val/retrieval", "goal": "maximize"}
    assert told["command"][:4] == ["pahcl", "pretrain", "--data", "circor=c"]


def test_wandb_is_not_given_sizes_that_contradict_each_other(cli, tmp_path):
    text = BASE + 'encoder.width = 32\n[space]\nencoder.size = ["tiny", "small"]\n'

    result = asked(cli, tmp_path, text, "--wandb-sweep")

    assert result.exit_code == 2
    assert "encoder.size varies, so encoder.width must be left at 64, or vary" in result.stderr


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "s.toml: task is missing"),
        ('task = "circor_mumur"\n', "no task named 'circor_mumur', did you mean 'circor_murmur'?"),
        ('task = "circor_murmur"\n', "no data: give --data-dir"),
        (BASE, "s.toml, [space]: nothing to vary"),
        (BASE + "[space]\noptimizer.lr = [1, 2]\n", "no setting 'optimizer', did you mean 'optim"),
        (BASE + "[space]\ntraining.epochs = [1, 0]\n", "epochs must be at least 1, got 0"),
        ('metod = "grid"\n' + BASE, "there is no 'metod' here, did you mean 'method'?"),
        ('data_dir = "d"\n' + BASE, "what the runs are given belongs into [settings]"),
        ('method = "bayes"\n' + BASE, "method = 'bayes', but it must be one of 'grid'"),
        ("trials = 0\n" + BASE, "trials must be at least 1, got 0"),
        (BASE + "epochs = 3\n[space]\nfew_shot = [true, false]\n", "s.toml, [settings]: there is"),
        ("settings = 3\n" + 'task = "pretrain"\n', "settings is a section, not 3"),
    ],
)
def test_what_is_wrong_with_a_file_is_one_line(cli, tmp_path, text, message):
    result = asked(cli, tmp_path, text)

    assert result.exit_code == 2, result.output
    assert message in result.stderr
    assert result.stderr.count("\n") == 1


def test_a_file_that_is_not_there(cli, tmp_path):
    result = cli("sweep", tmp_path / "nowhere.toml")

    assert result.exit_code == 1
    assert result.stderr == f"error: {tmp_path}/nowhere.toml: cannot be read: No such file or " \
                            "directory\n"  # fmt: skip


def test_without_optuna_the_package_is_named(cli, tmp_path, monkeypatch):
    """What W&B is given needs none."""
    monkeypatch.setitem(sys.modules, "optuna", None)
    text = BASE + "[space]\nfew_shot = [true, false]\n"

    result = asked(cli, tmp_path, text)

    assert result.exit_code == 2
    assert "pip install 'pahcl[search]'" in result.stderr
    assert result.stderr.count("\n") == 1
    assert asked(cli, tmp_path, text, "--wandb-sweep").exit_code == 0


def test_the_documents_file_names_settings_that_exist():
    """Of which the tests above change none."""
    table = tomllib.loads(FILE.text)

    assert set(table) == {
        "task", "method", "trials", "metric", "prune", "prune_after", "settings", "space",
    }  # fmt: skip
