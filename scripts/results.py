"""Write docs/results.md from what a batch came to.

    python scripts/results.py outputs/results docs/results.md

The words are in `results_page.md`, the figures in the batch's `batch.json`.
"""

import argparse
import json
import platform
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from pahcl_core.config import read_toml
from pahcl_core.metrics.resampled import PRESENT_ABSENT
from pahcl_core.studies.batch_markdown import markdown, time
from pahcl_core.studies.batch_plan import FINETUNE, LINEAR, SCRATCH
from pahcl_core.studies.batch_report import JSON

TEMPLATE = Path(__file__).with_name("results_page.md")
GOAL = 0.90  # of murmurs present against absent, all training persons


def main() -> None:
    """Read, fill in, write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("batch", type=Path)
    parser.add_argument("page", type=Path)
    options = parser.parse_args()
    content = json.loads((options.batch / JSON).read_text(encoding="utf-8"))
    text = filled(TEMPLATE.read_text(encoding="utf-8"), content, options.batch)
    options.page.write_text(text, encoding="utf-8", newline="\n")


def filled(template: str, content: Mapping[str, Any], batch: Path) -> str:
    """The page."""
    parts = {
        "goals": "\n".join(goals(content)),
        "folds": str(content["folds"]),
        "seeds": str(len(content["seeds"])),
        "seen": str(seen(content)),
        "encoder": encoder(batch),
        "figures": "\n".join(markdown(content)).strip(),
        "time": "\n".join(duration(content)),
    }
    for name, part in parts.items():
        template = template.replace("{{" + name + "}}", part)
    return template


def goals(content: Mapping[str, Any]) -> Iterator[str]:
    """What was to be shown, and whether it is."""
    baselines = [one for one in content["modes"] if one not in (SCRATCH, LINEAR, FINETUNE)]
    yield f"| above? | trained on | {' | '.join(content['tasks'])} |"
    yield "|---|---|" + "---|" * len(content["tasks"])
    for way in (FINETUNE, LINEAR):
        for other in (SCRATCH, *baselines):
            for share in content["shots"]:
                cells = [verdict(content, task, share, way, other) for task in content["tasks"]]
                yield f"| {way} − {other} | {100 * share:g} % | {' | '.join(cells)} |"
    yield ""
    yield f"Murmur present against absent, by person, of {GOAL:.2f} at least, with all training"
    yield "persons:"
    yield ""
    for row in content["rows"]:
        figure = row["metrics"].get(PRESENT_ABSENT)
        if row["mode"] in (FINETUNE, LINEAR) and row["share"] == 1.0 and figure:
            reached = "reached" if figure["value"] >= GOAL else "missed"
            low, high = figure["low"], figure["high"]
            yield f"- {row['mode']}: {figure['value']:.3f} [{low:.3f}, {high:.3f}], **{reached}**"


def verdict(content: Mapping[str, Any], task: str, share: float, way: str, other: str) -> str:
    """Whether one way of training is above another, in a cell."""
    for one in content["differences"]:
        names = (one["task"], one["share"], one["first"], one["second"], one["metric"])
        if names == (task, share, way, other, "auroc") and one["low"] is not None:
            word = "undecided"
            if one["low"] > 0:
                word = "**yes**"
            elif one["difference"] <= 0:
                word = "*no*"
            return f"{word} {one['difference']:+.3f} [{one['low']:+.3f}, {one['high']:+.3f}]"
    return "–"


def seen(content: Mapping[str, Any]) -> int:
    """How many persons a pretrained encoder had heard before it was tested on them."""
    return sum(row.get("test_persons_seen_in_pretraining", 0) for row in content["rows"])


def encoder(batch: Path) -> str:
    """Which it is, and how it was pretrained."""
    found = sorted((batch / "pretrain").glob("fold_*/config.toml"))
    if not found:
        return "given, not pretrained here"
    table = read_toml(found[0])
    shape, epochs = table["encoder"], table["training"]["epochs"]
    return (
        f"`{shape['name']}`, width {shape['width']}, {shape['num_blocks']} blocks; pretrained for "
        f"{epochs} epochs"
    )


def duration(content: Mapping[str, Any]) -> Iterator[str]:
    """What it took."""
    pretrained = total([one["seconds"] for one in content["pretrainings"]])
    rows = [row for row in content["rows"] if row["metrics"]]
    yield "| | runs | time of one process |"
    yield "|---|---|---|"
    yield f"| pretraining | {len(content['pretrainings'])} | {time(pretrained)} |"
    for mode in content["modes"]:
        own = [row["seconds"] for row in rows if row["mode"] == mode]
        num = len(own) * content["folds"] * len(content["seeds"])
        yield f"| {mode} | {num} | {time(total(own))} |"
    yield f"| all | | {time(total([pretrained, *(row['seconds'] for row in rows)]))} |"
    yield ""
    yield f"On {platform.machine()} with Python {platform.python_version()}. A dash: a run was"
    yield "interrupted on the way, so that nobody knows."


def total(seconds: Sequence[float | None]) -> float | None:
    """None where one is not known."""
    known = [one for one in seconds if one is not None]
    return sum(known) if len(known) == len(seconds) else None


if __name__ == "__main__":
    main()
