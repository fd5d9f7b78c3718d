"""Several runs on one page: side by side, one over the other, and person by person."""

import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from pahcl_core.data.tasks import Task
from pahcl_core.errors import SettingError
from pahcl_core.evaluation.methods import By
from pahcl_core.evaluation.runs import PRETRAIN
from pahcl_core.evaluation.wording import figure_text
from pahcl_core.metrics.curves import roc_curve
from pahcl_core.report.blocks import (
    Block,
    Figure,
    Figures,
    Note,
    Section,
    Table,
    absent,
    with_absent_ones_last,
)
from pahcl_core.report.differences import differences_section
from pahcl_core.report.interval_chart import Estimate, interval_chart
from pahcl_core.report.learning import epoch_curves
from pahcl_core.report.line_chart import Series, line_chart, share_chart
from pahcl_core.report.material import Material, read_material
from pahcl_core.report.metric_names import called, called_with_direction, headlines
from pahcl_core.report.page import Page
from pahcl_core.report.report import SYNTHETIC, footer, written
from pahcl_core.report.scores import metric_names
from pahcl_core.report.summary import KINDS, flat, warnings_of
from pahcl_track.redaction import redacted

COMPARISON = "comparison.html"
_MOST_HEADLINES = 4

Named = Mapping[str, Material]


def write_comparison(directories: Sequence[Path], *, to: Path, by: By = "settings") -> Path:
    """Write a page about several runs.

    Args:
        directories: Of the runs; the first is held against the others.
        to: The file.
        by: Which runs are of one method; as `methods_of` has it.

    Returns:
        The file.

    Raises:
        DataError: If one of them cannot be read, or the file not be written.
        SettingError: If one is given twice, or only one.
    """
    if len({path.resolve() for path in directories}) < len(directories):
        raise SettingError("a run is given twice; it cannot be compared with itself")
    if len(directories) < 2:
        raise SettingError("one run cannot be compared; give at least two")
    materials = [read_material(directory) for directory in directories]
    names = [one.run.name for one in materials]
    unique = len(set(names)) == len(names)
    named = {(one.run.name if unique else str(one.run.directory)): one for one in materials}
    synthetic = any(one.metrics.get("provenance") == "synthetic" for one in materials)
    sections = [
        _runs(named), _warnings(named), _figures(named), differences_section(materials, by),
        _rocs(named), _learning(named), _settings(named),
    ]  # fmt: skip
    page = Page(
        kicker="Comparison",
        title=f"{len(named)} runs",
        lead=", ".join(named),
        banner=SYNTHETIC if synthetic else "",
        sections=with_absent_ones_last(sections),
        footer=footer(),
    )
    return written(page, to)


def _runs(named: Named) -> Section:
    rows = []
    for name, one in named.items():
        run = one.run
        split = "val" if run.task == PRETRAIN else "test"
        count = one.section("n").get(split, "–")
        seed = "–" if run.seed is None else str(run.seed)
        kind = KINDS.get(run.kind or "", "–")
        rows.append([name, run.task or "–", kind, run.state, seed, str(count)])
    heads = ["run", "task", "kind", "state", "seed", "units scored"]
    return Section(name="runs", title="Runs", blocks=[Table(heads=heads, rows=rows, num_words=4)])


def _warnings(named: Named) -> Section:
    found = [f"{name}: {text}" for name, one in named.items() for text in warnings_of(one)]
    notes: list[Block] = [Note(text=one, weight="warning") for one in found]
    if not notes:
        notes = [Note(text="None: nothing was left out, and no run warned of anything.")]
    return Section(name="warnings", title="Warnings", blocks=notes)


def _figures(named: Named) -> Section:
    """Every figure of every run; those that matter most as a chart."""
    split = "val" if all(one.run.task == PRETRAIN for one in named.values()) else "test"
    names = dict.fromkeys(n for one in named.values() for n in metric_names(one.metrics))
    rows = []
    for metric in names:
        cells = [figure_text(*one.run.metric(f"{split}_{metric}")) for one in named.values()]
        if any(cells):
            rows.append([called_with_direction(metric), *(cell or "–" for cell in cells)])
    if not rows:
        return absent("figures", "Metrics", "none of the runs has metrics")
    first = next((one.task for one in named.values() if one.task is not None), None)
    wanted = [n for n in (headlines(first) if first is not None else ("loss",)) if n in names]
    charts = [_chart(named, f"{split}_{metric}", metric) for metric in wanted[:_MOST_HEADLINES]]
    whose = {"val": "validation", "test": "test"}[split]
    caption = f"Of the {whose}, with 95 % intervals over persons where there are. ↓: less is better"
    table = Table(heads=["metric", *named], rows=rows, caption=caption)
    figures = [one for one in charts if one is not None]
    blocks: list[Block] = [*([Figures(figures=figures)] if figures else []), table]
    return Section(name="figures", title="Metrics", blocks=blocks)


def _chart(named: Named, key: str, metric: str) -> Figure | None:
    estimates = []
    for number, (name, one) in enumerate(zip(_short(named), named.values(), strict=True)):
        value, low, high = one.run.metric(key)
        if value is not None:
            estimates.append(Estimate(name=name, value=value, low=low, high=high, series=number))
    if not estimates:
        return None
    return Figure(
        title=called_with_direction(metric),
        description="Dots are figures of a run, whiskers their 95 % intervals over persons. "
        "Whiskers of two runs overlap even where every person does better in one: see the "
        "differences.",
        drawing=interval_chart(estimates, label=called(metric)),
    )


def _short(names: Iterable[str]) -> list[str]:
    """Without the words that all begin with."""
    every = list(names)
    begin = os.path.commonprefix(every)  # noqa: RUF071  of letters, not of folders
    cut = max(begin.rfind(mark) for mark in "_-./ ") + 1
    return [name[cut:] or name for name in every]


def _rocs(named: Named) -> Section:
    title = "ROC of the test"
    tasks = {(one.task.name, one.task.labels): one.task for one in named.values() if one.task}
    if len(tasks) != 1:
        return absent("roc", title, "the runs are not of one task")
    figures = [_roc(named, label, part) for label, part in next(iter(tasks.values())).parts.items()]
    found = [one for one in figures if one is not None]
    if not found:
        return absent("roc", title, "everybody in the test is of one class")
    return Section(name="roc", title=title, blocks=[Figures(figures=found)])


def _roc(named: Named, label: str, task: Task) -> Figure | None:
    """Of one label; None where nobody or everybody has it."""
    index = task.class_index(task.positive)
    series = []
    for name, one in named.items():
        answers = one.results[0].parts[label].get("test") if one.results else None
        if answers is None:
            continue
        curve = roc_curve(answers.labels == index, answers.probabilities[:, index])
        if curve is not None:
            seed = f", seed {one.results[0].run.seed}" if len(one.results) > 1 else ""
            points = {"x": curve.x.tolist(), "y": curve.y.tolist()}
            series.append(Series(name=f"{name}{seed}", shown_as="line", **points))
    if not series:
        return None
    return Figure(
        title=f"ROC of the test, {label}" if label else "ROC of the test",
        description=f"{task.positive} against all others. The dashed diagonal is chance.",
        drawing=share_chart(
            series, x_label="1 − specificity", y_label="sensitivity", diagonal=True
        ),
        legend=[one.name for one in series],
    )


def _learning(named: Named) -> Section:
    title = "Learning curves on validation"
    curves = {
        name: epoch_curves(one.history) for name, one in named.items() if one.history is not None
    }
    metrics = ["loss"]
    for one in named.values():
        metrics.append(str(one.metrics.get("selected_by", "val_loss")).removeprefix("val_"))
    figures = []
    for metric in dict.fromkeys(metrics):
        own = {n: found[f"val/{metric}"] for n, found in curves.items() if f"val/{metric}" in found}
        if own:
            series = [Series(name=name, x=x, y=y) for name, (x, y) in own.items()]
            figures.append(
                Figure(
                    title=called_with_direction(metric),
                    description=f"{called(metric)} on validation after each epoch.",
                    drawing=line_chart(series, x_label="epoch", y_label="", whole=True),
                    legend=[one.name for one in series],
                )
            )
    if not figures:
        return absent("learning", title, "none of the journals has epochs")
    return Section(name="learning", title=title, blocks=[Figures(figures=figures)])


def _settings(named: Named) -> Section:
    """Those that are not the same in all runs."""
    configs = {name: dict(flat(redacted(one.run.config))) for name, one in named.items()}
    keys = dict.fromkeys(key for config in configs.values() for key in config)
    rows = []
    for key in keys:
        values = [config.get(key, "–") for config in configs.values()]
        if len(set(values)) > 1:
            rows.append([key, *values])
    blocks: list[Block] = [
        Table(heads=["setting", *named], rows=rows, num_words=1 + len(named))
        if rows
        else Note(text="All settings are the same.")
    ]
    return Section(name="settings", title="Settings that differ", blocks=blocks)
