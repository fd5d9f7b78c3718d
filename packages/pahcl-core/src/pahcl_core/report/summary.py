"""The sections at the top: the figures that matter, warnings, and what was run on what."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from pahcl_core.config import dotted
from pahcl_core.evaluation.run_results import SEEDS
from pahcl_core.evaluation.wording import moment_text, number_text
from pahcl_core.report.blocks import Block, Facts, Note, Section, Table, Tile, Tiles, absent
from pahcl_core.report.material import Material
from pahcl_core.report.metric_names import called, called_with_direction, headlines
from pahcl_core.training.run_directory import LOG

KINDS: Mapping[str, str] = {
    "pretrain": "Pretraining",
    "finetune": "Fine-tuning",
    "linear_eval": "Linear evaluation",
    "baseline": "Baseline",
}
SIDES: Mapping[str, str] = {"train": "training", "val": "validation", "test": "test"}
_MOST_TILES = 6
_MOST_WARNINGS = 12
_OF_PRETRAINING = ("loss", "retrieval", "alignment", "uniformity", "effective_rank")


def summary_section(material: Material) -> Section:
    """The figures that matter most, each with its interval."""
    task, metrics = material.task, material.metrics
    if not metrics:
        why = f"the run is {material.run.state}, and has no metrics yet"
        return absent("summary", "Summary", why)
    split, names = "val", tuple(_OF_PRETRAINING)
    if task is not None:
        split, names = "test", tuple(headlines(task))
    tiles = []
    for name in names:
        value, low, high = material.run.metric(f"{split}_{name}")
        if value is not None:
            between = "" if low is None else f"95 %: {number_text(low)} to {number_text(high)}"
            tiles.append(
                Tile(name=called_with_direction(name), value=number_text(value), detail=between)
            )
    return Section(
        name="summary",
        title="Summary",
        blocks=[Tiles(tiles=tiles[:_MOST_TILES]), Note(text=_of_whom(material, split))],
    )


def _of_whom(material: Material, split: str) -> str:
    metrics = material.metrics
    unit, count = metrics.get("unit", "unit"), material.section("n").get(split)
    told = f"Of {count} {SIDES[split]} {unit}s."
    if isinstance(seeds := metrics.get(SEEDS), list) and split == "test":
        told = f"Of {count} {unit}s, each told by runs that did not train on them; "
        told += f"means over {len(seeds)} seeds." if len(seeds) > 1 else "one seed."
    if "intervals" in metrics:
        told += " Intervals hold 95 % of what resampled persons come to."
    return told


def warnings_section(material: Material) -> Section:
    """What there is to warn of."""
    found = list(warnings_of(material))
    if not found:
        nothing = Note(text="None: nothing was left out, and the run warned of nothing.")
        return Section(name="warnings", title="Warnings", blocks=[nothing])
    notes: list[Block] = [Note(text=one, weight="warning") for one in found]
    return Section(name="warnings", title="Warnings", blocks=notes)


def warnings_of(material: Material) -> Iterator[str]:
    """Everything that whoever reads the figures of a run must know."""
    run, metrics = material.run, material.metrics
    if run.state != "complete":
        yield f"The run is {run.state}{f': {run.reason}' if run.reason else ''}."
    if metrics.get("provenance") == "synthetic":
        yield "The recordings are synthetic: no figure here says anything about hearts."
    if seen := metrics.get("test_persons_seen_in_pretraining"):
        yield f"The encoder was pretrained on {seen} of the persons that it is tested on."
    if left_out := metrics.get("not_used"):
        yield f"{left_out} files could not be used as they are; pahcl data check names them."
    windows = {k: v for k, v in material.section("recordings_by_windows").items() if v}
    if windows:
        told = ", ".join(f"{num} in {side}" for side, num in windows.items())
        yield f"No cycles were found in some recordings, which are heard in fixed windows: {told}."
    for name, reason in material.section("undefined").items():
        yield f"{called(str(name))} is undefined: {reason}."
    history = material.history
    if history is not None and history.unreadable:
        yield f"{history.unreadable} lines of the journal cannot be read."
    yield from _logged(run.directory / LOG)


def _logged(path: Path) -> Iterator[str]:
    """What the run itself warned of."""
    try:
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return
    marked = (" WARNING ", " ERROR ")
    told = [line.partition(mark)[2] for line in lines for mark in marked if mark in line[:40]]
    told = list(dict.fromkeys(one for one in told if one))
    yield from (f"From the log: {one}" for one in told[:_MOST_WARNINGS])
    if len(told) > _MOST_WARNINGS:
        yield f"The log has {len(told) - _MOST_WARNINGS} more: {path.name}."


def data_section(material: Material) -> Section:
    """What was run, and on what."""
    blocks: list[Block] = [Facts(facts=dict(_facts(material)))]
    table = _units_by_class(material)
    if table is not None:
        blocks.append(table)
    collections = material.section("collections")
    if collections:
        blocks.append(_collections(collections))
    return Section(name="data", title="What was run, on what", blocks=blocks)


def _facts(material: Material) -> Iterator[tuple[str, str]]:
    run, metrics, task = material.run, material.metrics, material.task
    config = run.config
    yield "kind", KINDS.get(run.kind or "", run.kind or "unknown")
    if task is not None:
        about = f": {task.description}" if task.description else ""
        yield "task", f"{task.name}{about}"
        labels = f" of {', '.join(task.labels)}" if task.labels else ""
        yield "classes", f"{', '.join(task.classes)}{labels}; positive is {task.positive}"
        how = {"mean": "the mean of its recordings", "any": "positive where any recording is"}
        if run.kind == "baseline":
            yield f"a {task.unit} is", how[task.pooling]
    elif run.task is not None:
        yield "task", run.task
    yield from _of_settings(config)
    yield "recordings", str(metrics.get("provenance", "unknown"))
    for name, key in (("features", "features"), ("classifier", "model"), ("pooling", "pooling")):
        if isinstance(metrics.get(key), str):
            yield name, metrics[key]
    if "best_epoch" in metrics:
        chosen = str(metrics.get("selected_by", "")).removeprefix("val_")
        yield "best epoch", f"{metrics['best_epoch']}, by the validation's {called(chosen)}"
    if isinstance(folds := metrics.get("folds"), int):
        yield "folds", str(folds) if folds else "none: people held out once for each seed"
    seeds = metrics.get(SEEDS, run.seed)
    yield "seed", ", ".join(map(str, seeds)) if isinstance(seeds, list) else str(seeds)
    if run.begun_s is not None:
        yield "begun", f"{moment_text(run.begun_s, 'minutes')} UTC"
    if (seconds := _seconds(material)) is not None:
        yield "took", _duration(seconds)
    if run.group or run.tags:
        yield "group, tags", ", ".join(filter(None, (run.group, *run.tags)))
    if material.history is not None and material.history.run.notes:
        yield "notes", material.history.run.notes


def _of_settings(config: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    data = config.get("data_dir", config.get("data"))
    if isinstance(data, Mapping):
        data = ", ".join(f"{name}: {path}" for name, path in data.items())
    if data is not None:
        yield "data", str(data)
    encoder = config.get("encoder")
    if isinstance(encoder, Mapping) and encoder.get("name"):
        yield "encoder", f"{encoder['name']}, width {encoder.get('width', '?')}"
    if "task" in config and "features" not in config:
        yield "begins with", str(config.get("pretrained") or "random parameters")


def _seconds(material: Material) -> float | None:
    if isinstance(seconds := material.metrics.get("seconds"), int | float):
        return float(seconds)
    rows = material.history.rows if material.history is not None else ()
    begun = material.run.begun_s
    if not rows or begun is None or rows[-1].time_s < begun:  # the clock was set back meanwhile
        return None
    return rows[-1].time_s - begun


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    parts = [(hours, "h"), (minutes, "min"), (rest, "s")]
    return " ".join(f"{num} {unit}" for num, unit in parts if num) or "under a second"


def _units_by_class(material: Material) -> Table | None:
    task, counts = material.task, material.section("n_by_class")
    if task is None or not counts:
        return None
    rows = []
    if task.labels:
        heads = ["label", "side", *task.classes, "missing"]
        for label in task.labels:
            for side, by_label in counts.items():
                own = by_label.get(label, {})
                rows.append(
                    [label, SIDES.get(side, side), *(str(own.get(one, 0)) for one in heads[2:])]
                )
        return Table(heads=heads, rows=rows, caption=f"{task.unit}s by label", num_words=2)
    whole = material.section("n")
    for side, by_class in counts.items():
        cells = [str(by_class.get(one, 0)) for one in task.classes]
        rows.append([SIDES.get(side, side), *cells])
        rows[-1].append(str(whole.get(side, "")))
    heads = ["side", *task.classes, "together"]
    return Table(heads=heads, rows=rows, caption=f"{task.unit}s by class; nobody is on two sides")


def _collections(collections: Mapping[str, Any]) -> Table:
    rows = [
        [
            name,
            str(one.get("provenance", "")),
            *(str(one.get(key, {}).get("train", "")) for key in ("n_persons", "n_recordings", "n")),
            str(one.get("not_used", "")),
        ]
        for name, one in collections.items()
    ]
    heads = ["collection", "recordings are", "persons", "recordings", "cycles", "not used"]
    return Table(heads=heads, rows=rows, caption="What was trained on", num_words=2)


def settings_table(config: Mapping[str, Any]) -> Table:
    """Every setting by its dotted name."""
    rows = [[name, shown] for name, shown in flat(config)]
    return Table(heads=["setting", "value"], rows=rows, num_words=2)


def flat(config: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Settings by dotted names, each value as it is written."""
    for name, value in dotted(config):
        yield name, value if isinstance(value, str) else json.dumps(value, default=str)
