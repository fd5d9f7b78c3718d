"""Lines and points in a plane: learning curves, ROC, precision and recall, calibration."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from pahcl_core.report.drawing import Drawing
from pahcl_core.report.plane import HEIGHT, UNIT, Extent, Plane

NUM_COLOURS = 6
"""Series beyond these begin with the first colour again, and another dash."""

_MOST_DOTS = 30
_SQUARE = 330.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Series:
    """Points, joined by a line."""

    name: str
    x: Sequence[float]
    y: Sequence[float]
    shown_as: Literal["both", "line", "dots"] = "both"
    """`both`: of many points the line alone."""

    is_one_of_many: bool = False
    """Thin, and in the colour of all of them, where no single one matters."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Spot:
    """A point that is marked, in the colour of a series."""

    x: float
    y: float
    series: int = 0


def line_chart(
    series: Sequence[Series],
    *,
    x_label: str,
    y_label: str,
    x: Extent | None = None,
    y: Extent | None = None,
    spots: Sequence[Spot] = (),
    upright: float | None = None,
    diagonal: bool = False,
    level: float | None = None,
    whole: bool = False,
    height: float = HEIGHT,
) -> Drawing:
    """Lines, and what is marked on them.

    Args:
        series: One upon the other; what is no number in them is left out.
        x_label: What lies to the right.
        y_label: What lies above.
        x: From where to where; None for what there is.
        y: The same.
        spots: Marked points.
        upright: Where a line stands upright.
        diagonal: Draw a line from the lower left to the upper right.
        level: Where a line lies across.
        whole: Only whole numbers make sense to the right.
        height: Of the chart.
    """
    x = x or Extent.of([one for line in series for one in line.x])
    y = y or Extent.of([one for line in series for one in line.y])
    plane = Plane(x=x, y=y, height=height)
    plane.draw_y(y_label)
    plane.draw_x(x_label, whole=whole)
    if diagonal:
        plane.sketch.line(plane.at(x.low, y.low), plane.at(x.high, y.high), "reference")
    if level is not None:
        plane.sketch.line(plane.at(x.low, level), plane.at(x.high, level), "reference")
    if upright is not None:
        plane.sketch.line(plane.at(upright, y.low), plane.at(upright, y.high), "reference")
    for number, line in enumerate(series):
        _draw(plane, line, "s0 thin" if line.is_one_of_many else colour_of(number))
    for spot in spots:
        plane.sketch.diamond(plane.at(spot.x, spot.y), 6, f"spot {colour_of(spot.series)}")
    return plane.sketch.finished()


def share_chart(
    series: Sequence[Series],
    *,
    x_label: str,
    y_label: str,
    spots: Sequence[Spot] = (),
    diagonal: bool = False,
    level: float | None = None,
) -> Drawing:
    """A `line_chart` as high as it is wide, both of whose axes go from 0 to 1."""
    return line_chart(
        series,
        x_label=x_label,
        y_label=y_label,
        x=UNIT,
        y=UNIT,
        spots=spots,
        diagonal=diagonal,
        level=level,
        height=_SQUARE,
    )


def colour_of(number: int) -> str:
    """The classes of a series, by its number."""
    again = f" again{min(number // NUM_COLOURS, 2)}" if number >= NUM_COLOURS else ""
    return f"s{number % NUM_COLOURS}{again}"


def _draw(plane: Plane, line: Series, colour: str) -> None:
    stretch: list[tuple[float, float]] = []
    stretches = [stretch]
    for x, y in zip(line.x, line.y, strict=True):
        if math.isfinite(x) and math.isfinite(y):
            stretch.append(plane.at(x, y))
        elif stretch:
            stretch = []
            stretches.append(stretch)
    points = [point for one in stretches for point in one]
    if line.shown_as != "dots":
        for one in stretches:
            if one:
                plane.sketch.path(one, f"series {colour}")
    alone = line.shown_as == "dots"
    if alone or (line.shown_as == "both" and len(points) <= _MOST_DOTS):
        for point in points:
            plane.sketch.dot(point, 4.0 if alone else 2.6, f"point {colour}")
