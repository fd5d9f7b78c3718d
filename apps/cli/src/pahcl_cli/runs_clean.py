"""Cleaning a folder of runs, in words."""

import json
import re
from collections.abc import Iterator, Sequence
from typing import Any, get_args

import typer

from pahcl_cli.tables import format_table
from pahcl_core.errors import SettingError, closest
from pahcl_core.evaluation.cleaning import Cleaning, Removal, removed
from pahcl_core.evaluation.runs import State

_UNITS = {"h": 3600.0, "d": 86400.0, "w": 7 * 86400.0}


def seconds_of(age: str) -> float:
    """Of `12h`, `30d` or `8w`.

    Raises:
        SettingError: If it is none of these.
    """
    found = re.fullmatch(r"(\d+(?:\.\d+)?)([hdw])", age)
    if found is None:
        raise SettingError(f"--older-than {age!r}: write it as 12h, 30d or 8w")
    return float(found[1]) * _UNITS[found[2]]


def states_of(names: Sequence[str]) -> tuple[State, ...]:
    """How runs may stand.

    Raises:
        SettingError: If one of the names is none of these.
    """
    known = {str(state): state for state in get_args(State)}
    for name in names:
        if name not in known:
            near = closest(name, known) or f"; there are {', '.join(known)}"
            raise SettingError(f"--state {name!r}: no run stands so{near}")
    return tuple(known[name] for name in names)


def cleaning_lines(cleaning: Cleaning) -> Iterator[str]:
    """What may go and how much that is; what stays, and why."""
    if cleaning.removals:
        rows = [
            [
                one.directory.as_posix(),
                ", ".join(dict.fromkeys(run.state for run in one.runs)),
                str(len(one.runs)),
                f"{one.idle_s / 86400:.1f} days",
                size_text(one.num_bytes),
            ]
            for one in cleaning.removals
        ]
        yield format_table(["folder", "state", "runs", "untouched", "size"], rows, num_left=2)
    for name, why in cleaning.kept.items():
        yield f"{name} stays: {why}"


def cleaned(cleaning: Cleaning, *, really: bool, in_json: bool) -> bool:
    """Say what may go, and remove it if that is meant; returns whether something would not go."""
    problems: dict[str, str] = {}
    gone: list[Removal] = []
    if really:
        for removal, problem in removed(cleaning):
            if problem:
                problems[str(removal.directory)] = problem
            else:
                gone.append(removal)
    if in_json:
        content = {
            "removals": [_as_dict(one) for one in cleaning.removals],
            "kept": dict(cleaning.kept),
            "removed": [str(one.directory) for one in gone],
            "problems": problems,
        }
        typer.echo(json.dumps(content, indent=2, ensure_ascii=False))
        return bool(problems)
    for line in cleaning_lines(cleaning):
        typer.echo(line)
    if really:
        typer.echo(f"removed: {total_text(gone)}")
    elif cleaning.removals:
        typer.echo(f"{total_text(cleaning.removals)} may go; nothing was removed: add --yes")
    else:
        typer.echo("nothing may go")
    for directory, problem in problems.items():
        typer.echo(f"error: {directory} was not removed: {problem}", err=True)
    return bool(problems)


def _as_dict(removal: Removal) -> dict[str, Any]:
    return {
        "directory": str(removal.directory),
        "runs": [run.name for run in removal.runs],
        "idle_s": round(removal.idle_s),
        "bytes": removal.num_bytes,
    }


def total_text(removals: Sequence[Removal]) -> str:
    """How many runs, and how much."""
    number = sum(len(one.runs) for one in removals)
    size = size_text(sum(one.num_bytes for one in removals))
    return f"{number} run{'' if number == 1 else 's'}, {size}"


def size_text(num_bytes: int) -> str:
    """In MiB, or GiB from one on."""
    size = num_bytes / 2**20
    return f"{size:.1f} MiB" if size < 1024 else f"{size / 1024:.1f} GiB"
