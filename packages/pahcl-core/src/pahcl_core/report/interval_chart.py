"""A chart of figures with their intervals, one below the other."""

from collections.abc import Sequence
from dataclasses import dataclass

from pahcl_core.report.drawing import Drawing, shortened
from pahcl_core.report.line_chart import colour_of
from pahcl_core.report.plane import WIDTH, Extent, Plane

_ROW = 22.0
_ABOVE_AND_BELOW = 52.0
_LABELS = 150.0
_MOST_LETTERS = 20


@dataclass(frozen=True, kw_only=True, slots=True)
class Estimate:
    """A figure, and the ends of its interval where there is one."""

    name: str
    value: float
    low: float | None = None
    high: float | None = None
    series: int = 0
    """By which it has its colour."""


def interval_chart(
    estimates: Sequence[Estimate],
    *,
    label: str,
    x: Extent | None = None,
    level: float | None = None,
) -> Drawing:
    """A row for each.

    Args:
        estimates: From above to below; at least one.
        label: What the axis shows.
        x: From where to where; None for what there is.
        level: Where a line stands, such as that of no difference.
    """
    ends = [one.value for one in estimates]
    ends += [end for one in estimates for end in (one.low, one.high) if end is not None]
    if level is not None:
        ends.append(level)
    plane = Plane(
        x=x or Extent.of(ends),
        y=Extent(0.0, float(len(estimates))),
        width=WIDTH,
        height=_ROW * len(estimates) + _ABOVE_AND_BELOW,
        left=_LABELS,
    )
    plane.draw_x(label)
    if level is not None:
        x_level = plane.x(level)
        plane.sketch.line((x_level, plane.top), (x_level, plane.bottom), "reference")
    for row, one in enumerate(estimates):
        y = plane.y(len(estimates) - row - 0.5)
        colour = colour_of(one.series)
        name = shortened(one.name, _MOST_LETTERS)
        plane.sketch.text((_LABELS - 8, y + 3.5), name, "label", anchor="end")
        if one.low is not None and one.high is not None:
            plane.sketch.line((plane.x(one.low), y), (plane.x(one.high), y), f"series {colour}")
            for end in (one.low, one.high):
                x_end = plane.x(end)
                plane.sketch.line((x_end, y - 4), (x_end, y + 4), f"series {colour}")
        plane.sketch.dot((plane.x(one.value), y), 4, f"point {colour}")
    return plane.sketch.finished()
