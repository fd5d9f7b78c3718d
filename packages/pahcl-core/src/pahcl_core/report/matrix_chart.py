"""A confusion matrix as a chart."""

from collections.abc import Sequence

from pahcl_core.report.drawing import Drawing, Sketch, shortened
from pahcl_core.report.plane import WIDTH

_LEFT, _TOP, _RIGHT, _BELOW = 96.0, 40.0, 10.0, 8.0
_TALLEST, _LOWEST = 56.0, 26.0
_LETTERS = 6.3  # of the width of a letter


def matrix_chart(counts: Sequence[Sequence[int]], classes: Sequence[str]) -> Drawing:
    """How many units of each class (row) were said to be of which (column).

    A cell is the fuller the greater its share of its row.

    Args:
        counts: A row for each true class.
        classes: Names of both.
    """
    side = (WIDTH - _LEFT - _RIGHT) / len(classes)
    tall = max(_LOWEST, min(_TALLEST, side))
    sketch = Sketch(width=WIDTH, height=_TOP + tall * len(classes) + _BELOW)
    middle = _LEFT + side * len(classes) / 2
    sketch.text((middle, 14), "said", "label", anchor="middle")
    sketch.text_upwards((12, _TOP + tall * len(classes) / 2), "true", "label")
    for column, name in enumerate(classes):
        shown = shortened(name, max(3, int(side / _LETTERS)))
        sketch.text((_LEFT + side * (column + 0.5), 32), shown, "tick", anchor="middle")
    for row, name in enumerate(classes):
        y = _TOP + tall * row
        sketch.text((_LEFT - 8, y + tall / 2 + 3.5), shortened(name, 11), "tick", anchor="end")
        whole = sum(counts[row])
        for column, count in enumerate(counts[row]):
            share = count / whole if whole else 0.0
            corner = (_LEFT + side * column, y)
            sketch.box(corner, side, tall, "cell", opacity=0.05 + 0.4 * share)
            at = (corner[0] + side / 2, y + tall / 2)
            told = tall >= 40
            sketch.text((at[0], at[1] + (0 if told else 5)), str(count), "count", anchor="middle")
            if told and whole:
                sketch.text((at[0], at[1] + 15), f"{share:.0%}", "tick", anchor="middle")
    return sketch.finished()
