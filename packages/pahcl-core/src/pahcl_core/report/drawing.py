"""Marks of a small chart as SVG: their colours are the page's, for light, dark and paper.

A mark has a class, never a colour: the style sheet says what a `grid`, a `bold` text or a `series`
looks like. Every text is escaped.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from markupsafe import Markup

Point = tuple[float, float]


@dataclass(frozen=True, kw_only=True, slots=True)
class Drawing:
    """What is drawn, and on how much room; 1 is a pixel where nothing is scaled."""

    width: float
    height: float
    marks: Markup


class Sketch:
    """Marks, one over the other in the order in which they are added."""

    def __init__(self, *, width: float, height: float) -> None:
        self.width, self.height = width, height
        self._marks: list[Markup] = []

    def finished(self) -> Drawing:
        """The chart."""
        return Drawing(width=self.width, height=self.height, marks=Markup("").join(self._marks))

    def line(self, begin: Point, end: Point, of: str) -> None:
        """A straight line."""
        self._add(
            '<line class="{}" x1="{:.1f}" y1="{:.1f}" x2="{:.1f}" y2="{:.1f}"/>', of, *begin, *end
        )

    def path(self, points: Iterable[Point], of: str) -> None:
        """A line from point to point, at least one."""
        steps = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
        self._add('<polyline class="{}" points="{}"/>', of, steps)

    def area(self, points: Sequence[Point], of: str) -> None:
        """What a line encloses."""
        steps = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
        self._add('<polygon class="{}" points="{}"/>', of, steps)

    def box(
        self, corner: Point, width: float, height: float, of: str, *, opacity: float = 1
    ) -> None:
        """A rectangle, from its upper left corner."""
        self._add(
            '<rect class="{}" x="{:.1f}" y="{:.1f}" width="{:.1f}" height="{:.1f}" '
            'fill-opacity="{:.2f}"/>',
            of, *corner, max(width, 0.0), max(height, 0.0), opacity,
        )  # fmt: skip

    def dot(self, centre: Point, radius: float, of: str) -> None:
        """A circle."""
        self._add('<circle class="{}" cx="{:.1f}" cy="{:.1f}" r="{:.1f}"/>', of, *centre, radius)

    def diamond(self, centre: Point, radius: float, of: str) -> None:
        """A square on its tip."""
        x, y = centre
        self.area([(x - radius, y), (x, y - radius), (x + radius, y), (x, y + radius)], of)

    def text(self, at: Point, text: str, of: str = "", *, anchor: str = "start") -> None:
        """A text whose base line begins, has its middle or ends at a point."""
        self._add(
            '<text class="{}" x="{:.1f}" y="{:.1f}" text-anchor="{}">{}</text>',
            of, *at, anchor, text,
        )  # fmt: skip

    def text_upwards(self, at: Point, text: str, of: str = "") -> None:
        """A text that is read from below, with its middle at a point."""
        self._add(
            '<text class="{}" transform="translate({:.1f} {:.1f}) rotate(-90)" '
            'text-anchor="middle">{}</text>',
            of, *at, text,
        )  # fmt: skip

    def _add(self, mark: str, *values: object) -> None:
        self._marks.append(Markup(mark).format(*values))


def shortened(text: str, most: int) -> str:
    """At most so many letters; the middle of a longer text is left out."""
    if len(text) <= most:
        return text
    end = (most - 1) // 2
    return f"{text[: most - 1 - end]}…{text[-end:]}"
