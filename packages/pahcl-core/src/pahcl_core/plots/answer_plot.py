"""A picture of a recording and of what each of its cycles counts for in an answer."""

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float32, Float64

from pahcl_core.plots.figure import INK, write_png
from pahcl_core.plots.sound_rows import (
    Row,
    SoundRows,
    draw_boundary,
    draw_figure_above,
)

if TYPE_CHECKING:
    import matplotlib.figure

_COLOURS = "YlOrRd"  # from pale to dark, so that it can be read in grey, too
_OPACITY = 0.55
_KEY = "dashed: a cycle begins or ends; colour and number: its share in what is said, in percent"


def draw_answer(
    picture: Path,
    samples: Float32[np.ndarray, "samples"],
    *,
    sample_rate: int,
    bounds_s: Float64[np.ndarray, "cycles borders"],
    weights: Float64[np.ndarray, "cycles"],
    heaviest: float,
    name: str,
    facts: list[str],
    notice: str,
) -> None:
    """Write `answer_figure` as a PNG.

    Raises:
        SettingError: If matplotlib is missing.
        DataError: If the picture cannot be written.
    """
    figure = answer_figure(
        samples, sample_rate=sample_rate, bounds_s=bounds_s, weights=weights, heaviest=heaviest,
        name=name, facts=facts, notice=notice,
    )  # fmt: skip
    write_png(figure, picture)


def answer_figure(
    samples: Float32[np.ndarray, "samples"],
    *,
    sample_rate: int,
    bounds_s: Float64[np.ndarray, "cycles borders"],
    weights: Float64[np.ndarray, "cycles"],
    heaviest: float,
    name: str,
    facts: list[str],
    notice: str,
) -> "matplotlib.figure.Figure":
    """The sound and its spectrogram, each cycle the darker the more it counts for.

    Args:
        samples: One channel, not silent.
        sample_rate: In hertz.
        bounds_s: Where each cycle begins, and in the last column ends, in seconds.
        weights: Its share in what is said, 0 to 1.
        heaviest: The weight that is darkest: the highest of the patient's recordings, so that
            pictures of them can be compared.
        name: Of the recording, for the title.
        facts: What is said, and what else is to be known.
        notice: What whoever looks at the picture must know.

    Raises:
        SettingError: If matplotlib is missing.
    """
    picture = SoundRows(samples, sample_rate=sample_rate)
    for row in picture.rows():
        _draw_weights(row, bounds_s, weights, heaviest)
    picture.write(name, facts, _KEY)
    picture.figure.text(
        0.99, picture.below_top(0.3), notice, fontsize=9, color=INK, ha="right", va="center",
        style="italic", gid="notice",
    )  # fmt: skip
    return picture.figure


def _draw_weights(
    row: Row,
    bounds_s: Float64[np.ndarray, "cycles borders"],
    weights: Float64[np.ndarray, "cycles"],
    heaviest: float,
) -> None:
    from matplotlib import colormaps

    for bounds, weight in zip(bounds_s.tolist(), weights.tolist(), strict=True):
        start_s, stop_s = bounds[0], bounds[-1]
        if start_s >= row.extent[1] or stop_s <= row.extent[0]:
            continue
        share = weight / heaviest if heaviest > 0 else 0.0
        row.axes.axvspan(
            max(start_s, row.extent[0]), min(stop_s, row.extent[1]),
            color=colormaps[_COLOURS](share), alpha=_OPACITY, linewidth=0, zorder=0, gid="cycle",
        )  # fmt: skip
        draw_boundary(row, start_s)
        draw_boundary(row, stop_s)
        middle = (start_s + stop_s) / 2
        draw_figure_above(row, middle, f"{100 * weight:.1f}", "weight", dark=False)
