"""What the picture of an answer holds: cycles, the darker the more they count for."""

import numpy as np
import pytest
from matplotlib import colormaps
from matplotlib.colors import to_rgb
from PIL import Image

from pahcl_core.plots.answer_plot import answer_figure, draw_answer

RATE = 1000


def arguments(duration_s=10.0, **changes):
    times = np.arange(int(duration_s * RATE)) / RATE
    settled = {
        "sample_rate": RATE,
        "bounds_s": np.array([[1.0, 1.1, 1.3, 1.4, 2.0], [2.0, 2.1, 2.3, 2.4, 3.0]]),
        "weights": np.array([0.25, 0.125]),
        "heaviest": 0.5,
        "name": "heart.wav",
        "facts": ["murmur Present, 0.83 calibrated", "72 beats/min"],
        "notice": "not a medical device",
    }
    samples = np.sin(2 * np.pi * 100 * times).astype(np.float32)
    return {"samples": samples, **settled, **changes}


def figure_of(**changes):
    given = arguments(**changes)
    return answer_figure(given.pop("samples"), **given)


def found(axes, gid):
    return [one for one in (*axes.patches, *axes.lines, *axes.texts) if one.get_gid() == gid]


def test_each_cycle_has_the_colour_of_its_share_and_the_figure():
    wave = figure_of().axes[0]

    spans = found(wave, "cycle")
    assert [(one.get_x(), one.get_x() + one.get_width()) for one in spans] == [
        pytest.approx((1.0, 2.0)),
        pytest.approx((2.0, 3.0)),
    ]
    expected = [colormaps["YlOrRd"](share) for share in (0.5, 0.25)]  # of the heaviest there is
    for span, colour in zip(spans, expected, strict=True):
        assert to_rgb(span.get_facecolor()) == pytest.approx(to_rgb(colour))
    assert [one.get_text() for one in found(wave, "weight")] == ["25.0", "12.5"]
    instants = sorted({float(one.get_xdata()[0]) for one in found(wave, "boundary")})
    assert instants == [1.0, 2.0, 3.0]


def test_a_cycle_that_crosses_rows_is_in_both_and_its_figure_once():
    figure = figure_of(
        duration_s=20.0, bounds_s=np.array([[9.5, 10.6]]), weights=np.array([1.0]), heaviest=1.0
    )

    first, second = figure.axes[0], figure.axes[2]
    assert [found(first, "cycle")[0].get_x(), found(second, "cycle")[0].get_x()] == [9.5, 10.0]
    assert (found(first, "weight"), found(second, "weight")[0].get_text()) == ([], "100.0")


def test_it_says_what_is_said_and_what_it_is_not():
    texts = {one.get_gid(): one.get_text() for one in figure_of().texts}

    assert texts["name"] == "heart.wav"
    assert texts["facts"].startswith("murmur Present, 0.83 calibrated")
    assert texts["notice"] == "not a medical device"
    assert "share in what is said" in texts["key"]


def test_a_long_recording_is_drawn_to_its_first_minute():
    facts = next(one.get_text() for one in figure_of(duration_s=70.0).texts if "beats" in str(one))

    assert "drawn: the first 60 s, 10.0 s left out" in facts


def test_weights_of_nothing_are_pale():
    wave = figure_of(weights=np.zeros(2), heaviest=0.0).axes[0]

    pale = to_rgb(colormaps["YlOrRd"](0.0))
    assert to_rgb(found(wave, "cycle")[0].get_facecolor()) == pytest.approx(pale)


def test_it_is_a_picture(tmp_path):
    given = arguments()
    draw_answer(tmp_path / "a.png", given.pop("samples"), **given)

    with Image.open(tmp_path / "a.png") as image:
        assert image.format == "PNG"
        assert image.size[0] == 1540
