"""A picture of what a full look at a collection found."""

import textwrap
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from pahcl_core.data.check_report import CheckReport, spread_of
from pahcl_core.plots.figure import (
    BLUE,
    FAINT,
    INK,
    ORANGE,
    SERIES,
    SKY,
    new_figure,
    printable,
    write_png,
)

if TYPE_CHECKING:
    import matplotlib.axes
    import matplotlib.figure

SIDE_COLOURS = {"train": BLUE, "val": ORANGE, "test": SKY}

_WIDTH_IN = 15.0
_LEAST_SHARE = 0.06  # of a bar: below, its number has no room inside
_NUM_BINS = 25
_MIN_ROWS = 4  # of a bar chart, so that few bars are no walls
_TOP_IN, _LOWER_IN = 0.7, 3.1


def collection_figure(report: CheckReport) -> "matplotlib.figure.Figure":
    """Labels and how a split deals them out, locations, lengths, sample rates and heart rates.

    Args:
        report: From `check_collection`; the panel of the split is there if the report has one.

    Raises:
        SettingError: If matplotlib is missing.
    """
    rows = [
        (label, value, number)
        for label, counts in report.subject_labels.items()
        for value, number in counts.items()
    ]
    upper_in = 1.4 + 0.28 * max(len(rows) + 2, len(report.locations))
    height_in = _TOP_IN + upper_in + _LOWER_IN
    figure = new_figure(width_in=_WIDTH_IN, height_in=height_in)
    figure.set_layout_engine(
        "constrained", rect=(0.01, 0.01, 0.98, 0.98 - _TOP_IN / height_in), wspace=0.04, hspace=0.06
    )
    grid = figure.add_gridspec(2, 3, height_ratios=(upper_in, _LOWER_IN))
    _draw_labels(figure.add_subplot(grid[0, 0]), rows)
    _draw_balance(figure.add_subplot(grid[0, 1]), report, rows)
    _draw_locations(figure.add_subplot(grid[0, 2]), report)
    _draw_histogram(figure.add_subplot(grid[1, 0]), "length", "seconds", report.durations_s)
    _draw_histogram(
        figure.add_subplot(grid[1, 1]), "heart rate", "beats/min", report.heart_rates_bpm
    )
    _draw_sample_rates(figure.add_subplot(grid[1, 2]), report)
    _draw_heading(figure, report)
    return figure


def draw_collection(report: CheckReport, picture: Path) -> None:
    """Write `collection_figure` as a PNG.

    Raises:
        SettingError: If matplotlib is missing.
        DataError: If the picture cannot be written.
    """
    write_png(collection_figure(report), picture)


def _plain(axes: "matplotlib.axes.Axes", title: str) -> None:
    axes.set_title(printable(title), loc="left", fontsize=11, color=INK, pad=8)
    axes.spines[["top", "right"]].set_visible(False)
    axes.tick_params(labelsize=9, length=2, color=FAINT, labelcolor=INK)


def _say_none(axes: "matplotlib.axes.Axes") -> None:
    axes.text(0.5, 0.5, "none is known", ha="center", color=FAINT, transform=axes.transAxes)
    axes.set_axis_off()


def _name_rows(axes: "matplotlib.axes.Axes", names: Sequence[str]) -> None:
    axes.set_yticks(range(len(names)), [printable(name) for name in names])
    axes.set_ylim(max(len(names), _MIN_ROWS) - 0.4, -0.6)  # the first on top
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)


def _row_names(rows: Sequence[tuple[str, str, int]]) -> list[str]:
    return [f"{label}: {value}" for label, value, _ in rows]


def _draw_labels(axes: "matplotlib.axes.Axes", rows: Sequence[tuple[str, str, int]]) -> None:
    _plain(axes, "subjects by label")
    if not rows:
        _say_none(axes)
        return
    labels = list(dict.fromkeys(label for label, _, _ in rows))
    colours = [SERIES[labels.index(label) % len(SERIES)] for label, _, _ in rows]
    numbers = [number for _, _, number in rows]
    bars = axes.barh(range(len(rows)), numbers, color=colours, height=0.7)
    axes.bar_label(bars, padding=3, fontsize=9, color=INK)
    axes.set_xlim(0, 1.15 * max(numbers))
    _name_rows(axes, _row_names(rows))


def _draw_balance(
    axes: "matplotlib.axes.Axes", report: CheckReport, rows: Sequence[tuple[str, str, int]]
) -> None:
    """Shares of the three sides, for persons as well, because these are what is dealt out."""
    split = report.split
    if split is None or not split.sides:
        _plain(axes, "no split")
        reason = "" if split is None else split.refusal or ""
        axes.text(
            0.0, 0.95, textwrap.fill(printable(reason), 50), va="top", fontsize=10, color=INK,
            transform=axes.transAxes,
        )  # fmt: skip
        axes.set_axis_off()
        return
    _plain(axes, f"subjects by side of the split with seed {split.seed}")
    names = ["all persons", "all subjects", *_row_names(rows)]
    numbers = {
        side: [
            counts.num_persons,
            counts.num_subjects,
            *(counts.subjects.get(label, {}).get(value, 0) for label, value, _ in rows),
        ]
        for side, counts in split.sides.items()
    }
    _draw_stacked(axes, names, numbers, [SIDE_COLOURS[side] for side in numbers], shares=True)
    for share in np.cumsum(split.fractions)[:-1].tolist():
        axes.axvline(share, color=INK, linewidth=0.9, linestyle=(0, (4, 2)), gid="wanted")
    axes.set_xlim(0, 1)
    axes.set_xticks([0, 0.2, 0.4, 0.6, 0.8, 1.0], ["0", "20", "40", "60", "80", "100 %"])


def _draw_locations(axes: "matplotlib.axes.Axes", report: CheckReport) -> None:
    """Coloured by the label that a split is stratified by, or the first one."""
    split_by = report.split.labels if report.split is not None else ()
    known = [label for label in split_by if label in report.recording_labels]
    label = next(iter((*known, *report.recording_labels)), None)
    _plain(axes, f"recordings by location{'' if label is None else f' and {label}'}")
    numbers = {"recordings": list(report.location_recordings.values())}
    if label is not None:
        numbers = {
            value: [counts.get(label, {}).get(value, 0) for counts in report.locations.values()]
            for value in report.recording_labels[label]
        }
    colours = [SERIES[index % len(SERIES)] for index in range(len(numbers))]
    _draw_stacked(axes, list(report.locations), numbers, colours, shares=False)


def _draw_stacked(
    axes: "matplotlib.axes.Axes",
    names: Sequence[str],
    numbers: dict[str, list[int]],
    colours: Sequence[str],
    *,
    shares: bool,
) -> None:
    """Bars of several parts, each with its number where there is room, and a legend below."""
    table = np.array(list(numbers.values()), dtype=np.float64)
    totals = np.maximum(table.sum(axis=0), 1)
    lengths = table / totals if shares else table
    longest = 1.0 if shares else float(totals.max(initial=1.0))
    left = np.zeros(len(names))
    for part, colour, length, count in zip(numbers, colours, lengths, table, strict=True):
        bars = axes.barh(
            range(len(names)), length, left=left, color=colour, height=0.7, label=printable(part),
        )  # fmt: skip
        shown = [
            f"{number:.0f}" if size > _LEAST_SHARE * longest else ""
            for number, size in zip(count, length, strict=True)
        ]
        axes.bar_label(bars, shown, label_type="center", fontsize=8, color=_on(colour))
        left = left + length
    _name_rows(axes, names)
    axes.legend(
        loc="upper center", bbox_to_anchor=(0.5, -0.12), ncols=min(4, len(numbers)), frameon=False,
        fontsize=9, handlelength=1.0, handletextpad=0.4, columnspacing=1.2,
    )  # fmt: skip


def _on(colour: str) -> str:
    """Ink that can be read on a colour: white on a dark one."""
    red, green, blue = (int(colour[index : index + 2], 16) / 255 for index in (1, 3, 5))
    return "white" if 0.299 * red + 0.587 * green + 0.114 * blue < 0.5 else INK


def _draw_histogram(
    axes: "matplotlib.axes.Axes", what: str, unit: str, values: Sequence[float]
) -> None:
    """Of recordings, with the quartiles as a band and the median as a line."""
    from matplotlib.ticker import MaxNLocator

    _plain(axes, f"{what} of {len(values)} recordings")
    spread = spread_of(values)
    if spread is None:
        _say_none(axes)
        return
    axes.axvspan(
        spread.lower_quartile, spread.upper_quartile, color=FAINT, alpha=0.22, linewidth=0,
        zorder=0, gid="quartiles",
    )  # fmt: skip
    axes.hist(values, bins=_NUM_BINS, color=BLUE, edgecolor="white", linewidth=0.4)
    axes.axvline(spread.median, color=INK, linewidth=1.4, gid="median")
    axes.set_ylabel("recordings", fontsize=9, color=INK)
    axes.yaxis.set_major_locator(MaxNLocator("auto", integer=True))
    axes.set_xlabel(
        f"{unit}: {spread.minimum:.1f} to {spread.maximum:.1f}, median {spread.median:.1f}, "
        f"quartiles {spread.lower_quartile:.1f} and {spread.upper_quartile:.1f}",
        fontsize=9, color=INK,
    )  # fmt: skip


def _draw_sample_rates(axes: "matplotlib.axes.Axes", report: CheckReport) -> None:
    _plain(axes, "sample rate: recordings")
    rates = sorted(report.sample_rates)
    numbers = [report.sample_rates[rate] for rate in rates]
    bars = axes.barh(range(len(rates)), numbers, color=BLUE, height=0.5)
    axes.bar_label(bars, padding=3, fontsize=9, color=INK)
    axes.set_xlim(0, 1.15 * max(numbers, default=1))
    _name_rows(axes, [f"{rate} Hz" for rate in rates])


def _draw_heading(figure: "matplotlib.figure.Figure", report: CheckReport) -> None:
    height_in = float(figure.get_size_inches()[1])
    figure.text(
        0.015, 1 - 0.28 / height_in, printable(f"{report.name} ({report.provenance})"),
        fontsize=14, fontweight="bold", color=INK, va="center", gid="name",
    )  # fmt: skip
    facts = (
        f"{report.num_subjects} subjects, who are {report.num_persons} persons",
        f"{report.num_recordings} recordings, {report.hours:.2f} h, "
        f"{report.annotated_hours:.2f} h annotated",
        f"{len(report.problems)} problem{'' if len(report.problems) == 1 else 's'}",
    )
    figure.text(
        0.015, 1 - 0.55 / height_in, "   ·   ".join(facts), fontsize=10, color=INK, va="center",
        gid="facts",
    )  # fmt: skip
