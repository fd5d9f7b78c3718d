"""The commands beside training."""

import json
import os
import subprocess
import sys
from typing import get_args

import pytest
import typer
from rich.text import Text

from pahcl_cli.main import app
from pahcl_core.training.machine import Precision
from pahcl_core.training.settings import Device, Pooling
from support.cli_process import PAHCL, start
from support.forked import run


def test_help_names_every_command(cli):
    result = cli("--help")

    assert result.exit_code == 0
    for command in ("finetune", "pretrain", "segment", "demo", "tasks", "data", "track"):
        assert command in result.stdout


def test_version_is_that_of_the_distribution(cli):
    from importlib.metadata import version

    assert cli("--version").stdout.split() == ["pahcl", version("pahcl")]


@pytest.mark.parametrize(
    ("option", "known"),
    [("--pooling", Pooling), ("--device", Device), ("--precision", Precision)],
)
def test_help_names_every_choice(option, known):
    finetune = typer.main.get_command(app).commands["finetune"]
    (told,) = [one.help for one in finetune.params if option in one.opts]

    assert [choice for choice in get_args(known) if choice not in told] == []


def commands(group):
    """All commands below one, and their options."""
    for one in group.commands.values():
        yield from commands(one) if hasattr(one, "commands") else [one]


def test_help_is_shown_to_its_last_letter():
    """What stands in brackets is markup to the library that draws it, and goes without a word."""
    told = [
        param.help
        for command in commands(typer.main.get_command(app))
        for param in command.params
        if param.help
    ]

    assert len(told) > 100
    assert [one for one in told if Text.from_markup(one).plain != one] == []


def test_help_says_what_happens_where_an_option_is_left_out(cli):
    shown = " ".join(cli("segment", "--help").output.split())

    assert "[default: (beside each recording)]" in shown.replace("│ │ ", "")


@pytest.mark.parametrize(
    "arguments",
    [["--help"], ["tasks"], ["track", "list"], ["segment", "--help"], ["finetune", "--help"]],
)
def test_answers_without_importing_anything_heavy(arguments, tmp_path):
    """What makes a command slow is importing torch."""
    code = (
        "import sys; from pahcl_cli.main import app\n"
        f"try: app({arguments!r})\nexcept SystemExit: pass\n"
        "heavy = {'torch', 'wandb', 'scipy', 'sklearn', 'matplotlib'} & set(sys.modules)\n"
        "assert not heavy, heavy"
    )

    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False
    )

    assert result.returncode == 0, result.stderr


def test_tasks(cli):
    result = cli("tasks")

    assert "circor_murmur   Absent / Present / Unknown" in result.stdout
    assert "circor_outcome  Normal / Abnormal" in result.stdout


def test_track_list(cli):
    found = json.loads(cli("track", "list", "--json").stdout)["trackers"]

    assert {"console", "journal", "null", "wandb"} <= {tracker["name"] for tracker in found}
    for tracker in found:
        assert f"{tracker['name']:<8}" in cli("track", "list").stdout


def test_synth_then_check(cli, tmp_path):
    made = cli("data", "synth", "circor", tmp_path / "c", "--patients", "12", "--seed", "3")
    assert made.exit_code == 0

    shown = cli("data", "check", tmp_path / "c")
    content = json.loads(cli("data", "check", tmp_path / "c", "--json").stdout)

    assert shown.exit_code == 0
    assert content["provenance"] == "synthetic"
    assert content["num_subjects"] == 12
    assert "(synthetic)" in shown.stdout
    assert f"recordings: {content['num_recordings']}" in shown.stdout


def test_check_names_what_is_damaged(cli, tmp_path):
    cli("data", "synth", "circor", tmp_path / "c", "--patients", "40", "--seed", "3")
    damaged = sorted((tmp_path / "c/training_data").glob("*.wav"))[0]
    damaged.write_bytes(damaged.read_bytes()[:500])

    result = cli("data", "check", tmp_path / "c")

    assert result.exit_code == 0
    assert f"training_data/{damaged.name}: is truncated" in result.stdout


def test_synth_overwrites_nothing(cli, tmp_path):
    (tmp_path / "mine.txt").write_text("precious")

    result = cli("data", "synth", "circor", tmp_path)

    assert result.exit_code == 2
    assert (tmp_path / "mine.txt").read_text() == "precious"


def test_replay_shows_a_run_again(circor, small_options, cli, tmp_path):
    first = run(
        tmp_path, "finetune", "circor_murmur", "--data-dir", circor, "--epochs", "2", *small_options
    )
    directory = tmp_path / "outputs/circor_murmur_finetune"

    again = run(tmp_path, "track", "replay", directory)

    assert again.returncode == 0, again.stderr
    assert "0 held already" in again.stdout
    epochs = [line for line in first.stderr.splitlines() if "epoch" in line or "best" in line]
    assert [
        line for line in again.stderr.splitlines() if "epoch" in line or "best" in line
    ] == epochs


def test_a_second_run_of_a_name_keeps_the_first(circor, small_options, tmp_path):
    arguments = ["finetune", "circor_murmur", "--data-dir", circor, "--epochs", "1", *small_options]
    assert run(tmp_path, *arguments).returncode == 0
    kept = (tmp_path / "outputs/circor_murmur_finetune/predictions.csv").read_bytes()

    second = run(tmp_path, *arguments, "--seed", "7")

    assert second.returncode == 0
    assert "an earlier run was kept as circor_murmur_finetune.1" in second.stderr
    assert (tmp_path / "outputs/circor_murmur_finetune.1/predictions.csv").read_bytes() == kept


def test_two_runs_in_one_folder_are_refused(circor, small_options, tmp_path):
    arguments = ["finetune", "circor_murmur", "--data-dir", circor, *small_options]
    first = start(tmp_path, *arguments, "--epochs", "100000")
    try:
        next(line for line in first.stderr if "best" in line)

        second = run(tmp_path, *arguments, "--epochs", "1")

        assert second.returncode == 2
        assert "another run is writing here" in second.stderr
    finally:
        first.kill()
        first.communicate()


def test_the_module_runs_as_the_command_does(tmp_path):
    command = subprocess.run([PAHCL, "tasks"], capture_output=True, text=True, check=True)
    module = subprocess.run(
        [sys.executable, "-m", "pahcl_cli", "tasks"], capture_output=True, text=True, check=True
    )

    assert module.stdout == command.stdout


@pytest.mark.skipif(sys.platform == "darwin", reason="names there are UTF-8")
@pytest.mark.parametrize(
    ("encoding", "name", "shown"),
    [("cp1252", "a→b".encode(), rb"a\u2192b"), ("utf-8:strict", b"r\xe9", rb"r\udce9")],
)
def test_what_a_terminal_cannot_show_is_told_by_its_code(tmp_path, encoding, name, shown):
    """As a pipe on Windows, and names of files that were made with another encoding."""
    folder = tmp_path / os.fsdecode(name)
    folder.mkdir()
    (folder / "final_metrics.json").write_text('{"test_auroc": 0.5}')

    for command in (["list", "."], ["show", folder], ["clean", ".", "--older-than", "0h"]):
        done = subprocess.run(
            [sys.executable, "-m", "pahcl_cli", "runs", *command],
            cwd=tmp_path, env=os.environ | {"PYTHONIOENCODING": encoding}, capture_output=True,
            check=False,
        )  # fmt: skip
        assert (done.returncode, done.stderr) == (0, b"")
        assert shown in done.stdout
