"""Which commands and options of `pahcl` there are, for what documents say of them."""

import shlex
from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from functools import cache
from typing import Any, get_type_hints

import typer

from pahcl_cli.main import app
from pahcl_core.training.settings import FinetuneConfig, PretrainConfig


@cache
def every_option() -> frozenset[str]:
    """The names of all options of all commands."""
    return frozenset(name for command in _commands() for name in _options(command))


@cache
def every_setting() -> frozenset[str]:
    """`section.setting` of every section that a run file may have."""
    sections = [
        (section.name, get_type_hints(config)[section.name])
        for config in (FinetuneConfig, PretrainConfig)
        for section in fields(config)
    ]
    return frozenset(
        f"{name}.{setting.name}"
        for name, kind in sections
        if is_dataclass(kind)
        for setting in fields(kind)
    )


def complaint(line: str) -> str | None:
    """What is wrong with `pahcl …` as it is typed, as far as its words go; placeholders are fine.

    Args:
        line: A command, or the beginning of one. It ends where the shell would end it.
    """
    command: Any = typer.main.get_command(app)
    words = _words(line)[1:]
    while words and hasattr(command, "commands"):
        word, *words = words
        if word.startswith("--") or word.isupper():  # an option, or a placeholder
            break
        if word not in command.commands:
            return f"{line}: {command.name} has no command {word}"
        command = command.commands[word]
    known = _options(command)
    unknown = [word.partition("=")[0] for word in words if word.startswith("--")]
    missing = [word for word in unknown if word not in known]
    return f"{line}: no option {', '.join(missing)}" if missing else None


def pahcl_lines(text: str) -> Iterator[str]:
    """The commands of a block that begin `pahcl`, also behind other words, each on one line."""
    for line in text.replace("\\\n", " ").splitlines():
        words = _words(line)
        for place, word in enumerate(words):
            if word == "pahcl" or (word == "pahcl_cli" and words[place - 1] == "-m"):
                yield shlex.join(["pahcl", *words[place + 1 :]])
                break


def _words(line: str) -> list[str]:
    """As a shell splits it, up to what ends a command."""
    lexer = shlex.shlex(line, posix=True, punctuation_chars=True)
    lexer.wordchars += "*?[]{}$@%:,…+"
    lexer.commenters = "#"
    words = []
    for word in lexer:
        if set(word) <= set(";|&<>()"):
            break
        words.append(word)
    return words


def _commands() -> Iterator[Any]:
    waiting = [typer.main.get_command(app)]
    while waiting:
        command: Any = waiting.pop()
        waiting += getattr(command, "commands", {}).values()
        yield command


def _options(command: Any) -> frozenset[str]:
    names = [name for one in command.params for name in (*one.opts, *one.secondary_opts)]
    return frozenset(name for name in names if name.startswith("-")) | {"--help"}
