"""What `docs/your-own-task.md` shows is done here, command by command."""

import shlex

import pytest

from support.documents import blocks_of

BLOCKS = blocks_of("docs/your-own-task.md")
TRAINS = ("finetune", "pretrain")


def commands():
    """Every line of the shell blocks."""
    return [line for block in BLOCKS if block.language == "sh" for line in block.text.splitlines()]


@pytest.mark.slow
def test_its_commands_work_one_after_the_other(cli, tmp_path, monkeypatch, small_options):
    """With a small encoder and one epoch; the rest as it stands."""
    monkeypatch.chdir(tmp_path)
    for block in BLOCKS:
        if block.file:
            (tmp_path / block.file).write_text(block.text)
    assert {path.name for path in tmp_path.iterdir()} == {"murmur.toml", "sounds.toml"}
    assert cli("tasks", "sounds.toml").exit_code == 0
    done = []
    for line in commands():
        program, *arguments = shlex.split(line)
        assert program == "pahcl"
        if arguments[0] in TRAINS:
            arguments += ["--epochs", "1", "--device", "cpu", *small_options]
        result = cli(*arguments)
        assert result.exit_code == 0, f"{line}\n{result.output}"
        done.append(arguments[0])
    assert done == [
        "data", "finetune", "runs", "baseline", "runs", "pretrain", "finetune",
    ]  # fmt: skip
