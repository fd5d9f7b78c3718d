"""A plane with two axes, on which a chart is drawn."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from pahcl_core.report.drawing import Point, Sketch

WIDTH, HEIGHT = 340.0, 236.0
"""Of a chart: as wide as the smallest telephone, so that its letters are never made smaller."""

_LEFT, _RIGHT, _TOP, _BOTTOM = 46.0, 10.0, 10.0, 38.0
_ROOM = 0.05  # of what is shown, left free around it
_STEPS = (1.0, 2.0, 5.0, 10.0)


@dataclass(frozen=True, slots=True)
class Extent:
    """From where to where an axis goes."""

    low: float
    high: float

    @classmethod
    def of(cls, values: Sequence[float]) -> "Extent":
        """With some room around these; infinities and what is no number are passed over.

        What never leaves 0 to 1, a share, is given no room beyond.
        """
        finite = [one for one in values if math.isfinite(one)] or [0.0, 1.0]
        low, high = min(finite), max(finite)
        room = (high - low) * _ROOM or abs(high) * _ROOM or 1.0
        if low >= 0 and high <= 1:
            return cls(max(0.0, low - room), min(1.0, high + room))
        return cls(low - room, high + room)


UNIT = Extent(0.0, 1.0)


def ticks(extent: Extent, most: int = 5) -> Iterator[float]:
    """Round numbers on an axis, at most so many and one more."""
    span = extent.high - extent.low
    rough = span / (most + 1)
    power: float = 10 ** math.floor(math.log10(rough))
    step = next(one * power for one in _STEPS if one * power >= rough * (1 - 1e-9))
    for number in range(
        math.ceil(extent.low / step - 1e-9), math.floor(extent.high / step + 1e-9) + 1
    ):
        yield number * step


class Plane:
    """Where values lie, and the axes that say so."""

    def __init__(
        self,
        *,
        x: Extent,
        y: Extent,
        width: float = WIDTH,
        height: float = HEIGHT,
        left: float = _LEFT,
        bottom: float = _BOTTOM,
    ) -> None:
        """Make room.

        Args:
            x: What the horizontal axis shows.
            y: What the vertical one shows.
            width: Of all.
            height: Of all.
            left: Of the plane, for what stands beside it.
            bottom: Of the plane, for what stands below it.
        """
        self.sketch = Sketch(width=width, height=height)
        self._x, self._y = x, y
        self.left, self.right = left, width - _RIGHT
        self.top, self.bottom = _TOP, height - bottom

    def x(self, value: float) -> float:
        """Where a value lies from left to right."""
        return self.left + (value - self._x.low) / (self._x.high - self._x.low) * (
            self.right - self.left
        )

    def y(self, value: float) -> float:
        """Where a value lies from above to below."""
        return self.bottom - (value - self._y.low) / (self._y.high - self._y.low) * (
            self.bottom - self.top
        )

    def at(self, x: float, y: float) -> Point:
        """Where two values lie."""
        return self.x(x), self.y(y)

    def draw_x(self, label: str, *, whole: bool = False) -> None:
        """The horizontal axis with its grid; `whole` for whole numbers alone."""
        for value in ticks(self._x):
            if whole and value != round(value):
                continue
            x = self.x(value)
            self.sketch.line((x, self.top), (x, self.bottom), "grid")
            self.sketch.text((x, self.bottom + 14), f"{value:.4g}", "tick", anchor="middle")
        self.sketch.line((self.left, self.bottom), (self.right, self.bottom), "axis")
        middle = (self.left + self.right) / 2
        if label:
            self.sketch.text((middle, self.bottom + 31), label, "label", anchor="middle")

    def draw_y(self, label: str) -> None:
        """The vertical axis with its grid."""
        for value in ticks(self._y):
            y = self.y(value)
            self.sketch.line((self.left, y), (self.right, y), "grid")
            self.sketch.text((self.left - 6, y + 3.5), f"{value:.4g}", "tick", anchor="end")
        self.sketch.line((self.left, self.top), (self.left, self.bottom), "axis")
        if label:
            self.sketch.text_upwards((11, (self.top + self.bottom) / 2), label, "label")
