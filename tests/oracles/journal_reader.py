"""A journal read with nothing but `json`, and what its resumptions mean, entry by entry."""

import json
from pathlib import Path


def read_lines(path: Path) -> tuple[list[dict], int]:
    """The lines that are whole, and how many are not."""
    lines, broken = [], 0
    for line in path.read_text(encoding="utf-8").split("\n"):
        if line == "":
            continue
        try:
            lines.append(json.loads(line, parse_constant=_refuse))
        except ValueError:
            broken += 1
    return lines, broken


def read_rows(path: Path) -> list[tuple[int, dict]]:
    """Step and values of every row, as JSON has them."""
    return [(line["step"], line["values"]) for line in read_lines(path)[0] if "values" in line]


def settled(events: list[tuple]) -> list[tuple]:
    """Entries `(name, step, value)` that stand at the end.

    Events are `("log", name, step, value)` and `("resume", step)`.
    """
    stretch, standing = 0, []
    for kind, *content in events:
        if kind == "resume":
            stretch += 1
            standing = [entry for entry in standing if entry[1] <= content[0]]
        else:
            name, step, value = content
            standing = [
                entry for entry in standing if entry[:2] != (name, step) or entry[3] == stretch
            ]
            standing.append((name, step, value, stretch))
    return [entry[:3] for entry in standing]


def appended(events: list[tuple]) -> list[tuple]:
    """Entries that no earlier stretch logged: what a tracker has that only ever appends."""
    stretch, first, kept = 0, {}, []
    for kind, *content in events:
        if kind == "resume":
            stretch += 1
        elif first.setdefault((content[0], content[1]), stretch) == stretch:
            kept.append(tuple(content))
    return kept


def _refuse(word: str) -> None:
    raise AssertionError(f"{word} is no JSON")
