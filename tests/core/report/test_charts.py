"""Where marks lie on a chart, by the arithmetic of its axes."""

import numpy as np
import pytest

from pahcl_core.report.drawing import Sketch, shortened
from pahcl_core.report.interval_chart import Estimate, interval_chart
from pahcl_core.report.line_chart import Series, Spot, line_chart
from pahcl_core.report.matrix_chart import matrix_chart
from pahcl_core.report.plane import UNIT, Extent, Plane, ticks
from support.pages import Page


def points_of(page: Page, tag: str = "polyline") -> list[list[tuple[float, float]]]:
    return [
        [tuple(map(float, pair.split(","))) for pair in one["points"].split()]
        for one in page.all(tag)
    ]


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [
        (0.0, 1.0, [0.0, 0.2, 0.4, 0.6, 0.8, 1.0]),
        (-3.2, 7.9, [-2.0, 0.0, 2.0, 4.0, 6.0]),
        (0.00013, 0.00029, [0.00015, 0.0002, 0.00025]),
        (1.0, 40.0, [10.0, 20.0, 30.0, 40.0]),
    ],
)
def test_ticks_are_round_numbers_within_the_axis(low, high, expected):
    assert list(ticks(Extent(low, high))) == pytest.approx(expected)


def test_an_extent_passes_over_what_is_no_number_and_keeps_shares_within_0_and_1():
    assert Extent.of([float("nan"), 10.0, float("inf"), 20.0]) == Extent(9.5, 20.5)
    assert Extent.of([0.0, 1.0]) == UNIT
    assert Extent.of([]) == UNIT
    level = Extent.of([3.0, 3.0])
    assert level.low < 3.0 < level.high


def test_a_value_lies_where_its_axis_says():
    plane = Plane(x=Extent(0, 10), y=Extent(-1, 1), width=200, height=100, left=40, bottom=20)

    assert plane.at(0, -1) == (40, 80)
    assert plane.at(10, 1) == (190, 10)
    assert plane.at(5, 0) == (115, 45)


def test_a_line_is_broken_where_a_value_is_no_number():
    series = Series(name="a", x=[0, 1, 2, 3, 4], y=[0, 1, float("nan"), 1, 0])

    page = Page(str(line_chart([series], x_label="x", y_label="y", x=Extent(0, 4), y=UNIT).marks))

    one, other = points_of(page)
    assert len(one) == len(other) == 2
    assert one[0][0] < one[1][0] < other[0][0]
    assert one[0][1] > one[1][1]  # up is towards smaller numbers on a screen
    assert len(page.all("circle")) == 4


def test_a_spot_lies_on_its_values():
    drawing = line_chart(
        [Series(name="a", x=[0, 1], y=[0, 1], shown_as="line")],
        x_label="", y_label="", x=UNIT, y=UNIT, spots=[Spot(x=0.25, y=0.75)],
    )  # fmt: skip
    page = Page(str(drawing.marks))

    ((line,), (spot,)) = points_of(page), points_of(page, "polygon")
    (x0, y0), (x1, y1) = line
    middle = np.mean(spot, axis=0)
    assert middle == pytest.approx([x0 + 0.25 * (x1 - x0), y0 + 0.75 * (y1 - y0)], abs=0.1)
    assert not page.all("circle")


def test_an_interval_reaches_from_its_low_to_its_high_end():
    estimates = [
        Estimate(name="one", value=0.5, low=0.25, high=1.0),
        Estimate(name="without", value=0.0),
    ]
    page = Page(str(interval_chart(estimates, label="AUROC", x=UNIT).marks))

    whiskers = [one for one in page.all("line") if one["class"].startswith("series")]
    dots = [float(one["cx"]) for one in page.all("circle")]
    assert len(whiskers) == 3  # the line, and its two ends
    low, high = float(whiskers[0]["x1"]), float(whiskers[0]["x2"])
    assert dots[0] == pytest.approx(low + (high - low) / 3, abs=0.2)
    assert dots[1] == pytest.approx(low - (high - low) / 3, abs=0.2)


def test_a_matrix_has_its_counts_row_by_row_and_fills_by_the_share_of_the_row():
    page = Page(str(matrix_chart([[8, 2], [0, 5]], ["no", "yes"]).marks))

    assert [text for text in page.texts if text.isdigit()] == ["8", "2", "0", "5"]
    assert [text for text in page.texts if text.endswith("%")] == ["80%", "20%", "0%", "100%"]
    heights = [(one["class"], float(one.get("y", 0))) for one in page.all("text")]
    count = next(i for i, (kind, _) in enumerate(heights) if kind == "count")
    assert 0 < heights[count + 1][1] - heights[count][1] < 25  # the share is below the count
    opacity = [float(one["fill-opacity"]) for one in page.all("rect")]
    assert opacity[3] > opacity[0] > opacity[1] > opacity[2]


def test_a_class_that_nobody_has_is_drawn_without_shares():
    page = Page(str(matrix_chart([[0, 0], [1, 2]], ["no", "yes"]).marks))

    assert [text for text in page.texts if text.endswith("%")] == ["33%", "67%"]


def test_texts_are_escaped():
    sketch = Sketch(width=10, height=10)
    sketch.text((1, 2), "<script>alert('&')</script>", "tick")

    marks = str(sketch.finished().marks)
    assert "<script" not in marks
    assert Page(marks).texts == ["<script>alert('&')</script>"]


def test_a_long_name_loses_its_middle():
    assert shortened("abcdefghij", 10) == "abcdefghij"
    assert shortened("abcdefghijk", 10) == "abcde…hijk"
