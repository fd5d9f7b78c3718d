"""The section of metrics, with their intervals, and the section of subgroups."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from pahcl_core.evaluation.run_results import SEEDS
from pahcl_core.evaluation.wording import figure_text, number_text
from pahcl_core.report.blocks import Block, Figure, Figures, Note, Section, Table, absent
from pahcl_core.report.interval_chart import Estimate, interval_chart
from pahcl_core.report.material import Material
from pahcl_core.report.metric_names import called, called_with_direction, headlines
from pahcl_core.report.plane import UNIT
from pahcl_core.report.summary import SIDES

_SPLITS = ("val", "test")


def scores_section(material: Material) -> Section:
    """Every metric of the validation and the test."""
    names = metric_names(material.metrics)
    if not names:
        why = material.no_results or "the run has written no metrics"
        return absent("scores", "Metrics", why)
    table, figure = _table(material, names), _figure(material, names)
    blocks: list[Block] = [table if figure is None else Figures(figures=[figure], table=table)]
    if material.run.metrics.get("intervals"):
        blocks.append(Note(text=_how(material.section("intervals"))))
    return Section(name="scores", title="Metrics", blocks=blocks)


def metric_names(metrics: Mapping[str, Any]) -> list[str]:
    """Of all figures of a split, in their order, as `auroc` for `val_auroc` and `test_auroc`."""
    figures = (
        key.partition("_")[2]
        for key, value in metrics.items()
        if key.startswith(("val_", "test_")) and not isinstance(value, int)
    )
    return list(dict.fromkeys(figures))


def _table(material: Material, names: Sequence[str]) -> Table:
    run, reasons = material.run, material.section("undefined")
    splits = [one for one in _SPLITS if any(f"{one}_{name}" in run.metrics for name in names)]
    spread = material.section("spread_over_seeds")
    rows = []
    for name in names:
        cells = []
        for split in splits:
            key = f"{split}_{name}"
            shown = figure_text(*run.metric(key)) or "–"
            cells.append(f"undefined: {reasons[key]}" if key in reasons else shown)
        if spread:
            value = spread.get(f"test_{name}")
            cells.append("" if value is None else f"± {number_text(value)}")
        rows.append([called_with_direction(name), *cells])
    counts, unit = material.section("n"), material.metrics.get("unit", "unit")
    heads = [f"{SIDES[split]}, {counts.get(split, '?')} {unit}s" for split in splits]
    over = ["over seeds"] if spread else []
    caption = "Each figure, and in brackets the ends of its 95 % interval over persons"
    told = caption if "intervals" in run.metrics else "Of the best epoch"
    return Table(heads=["metric", *heads, *over], rows=rows, caption=f"{told}. ↓: less is better.")


def _figure(material: Material, names: Sequence[str]) -> Figure | None:
    """Those between 0 and 1 that come first."""
    task = material.task
    if task is None:
        return None
    estimates = []
    for name in headlines(task):
        value, low, high = material.run.metric(f"test_{name}")
        if name in names and value is not None and 0 <= value <= 1:
            estimates.append(Estimate(name=called(name), value=value, low=low, high=high))
    if not estimates:
        return None
    return Figure(
        title="Test, with intervals",
        description="Dots are figures of the test, whiskers their 95 % intervals over persons; "
        "the table has all of them.",
        drawing=interval_chart(estimates, label="", x=UNIT),
    )


def _how(intervals: Mapping[str, Any]) -> str:
    told = (
        f"Intervals: percentiles of {intervals.get('num_resamples', '?')} resamples of "
        f"{intervals.get('resampled', 'persons')}, so that what one person's recordings have in "
        "common makes none of them narrower."
    )
    left_out = intervals.get("left_out")
    if isinstance(left_out, Mapping) and left_out:
        most = max(left_out.values())
        told += f" Up to {most} resamples are left out where a metric is undefined in them."
    return told


def subgroups_section(material: Material) -> Section:
    """For whom the figures hold."""
    figures, tables = list[Figure](), list[Table]()
    for label, one in (material.section("labels") or {"": material.metrics}).items():
        for figure, table in _groups(label, one.get("subgroups")):
            figures += [] if figure is None else [figure]
            tables.append(table)
    if not tables:
        why = material.no_results or "the collection tells nothing of its people to group them by"
        if SEEDS in material.metrics:
            why = "they are worked out for single runs; each of these has its own"
        return absent("subgroups", "Subgroups of the test", why)
    blocks: list[Block] = [*([Figures(figures=figures)] if figures else []), *tables]
    return Section(name="subgroups", title="Subgroups of the test", blocks=blocks)


def _groups(label: str, found: object) -> Iterator[tuple[Figure | None, Table]]:
    for attribute, groups in found.items() if isinstance(found, Mapping) else ():
        about = f"{attribute}, of {label}" if label else str(attribute)
        names = list(dict.fromkeys(name for one in groups.values() for name in one["metrics"]))
        rows, estimates = [], []
        for group, one in groups.items():
            figures = [one["metrics"][name] for name in names]
            cells = [figure_text(f["value"], f["low"], f["high"]) or "–" for f in figures]
            rows.append([group, str(one["n"]), str(one.get("n_persons", "")), *cells])
            if figures and figures[0]["value"] is not None:
                first = {end: figures[0][end] for end in ("value", "low", "high")}
                estimates.append(Estimate(name=f"{group} (n = {one['n']})", **first))
        table = Table(
            heads=[attribute, "n", "persons", *(called_with_direction(name) for name in names)],
            rows=rows,
            caption=f"By {about}",
            notes=_reasons(groups, names),
        )
        yield _chart(about, names, estimates), table


def _reasons(groups: Mapping[str, Any], names: Sequence[str]) -> list[str]:
    """Why a figure of a group is undefined, once for all that share the reason."""
    lacking: dict[str, list[str]] = {}
    for group, one in groups.items():
        for name in names:
            if one["metrics"][name]["value"] is None:
                why = one["metrics"][name]["undefined"]
                lacking.setdefault(f"{group}: {why}", []).append(called(name))
    return [f"{why}, so there is no {' and no '.join(what)}" for why, what in lacking.items()]


def _chart(about: str, names: Sequence[str], estimates: Sequence[Estimate]) -> Figure | None:
    if len(estimates) < 2:
        return None
    return Figure(
        title=f"{called(names[0])} by {about}",
        description="Dots are figures of a group, whiskers their 95 % intervals over persons.",
        drawing=interval_chart(estimates, label=called(names[0]), x=UNIT),
    )
