"""A picture of a recording and of the heart states found in it."""

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float32

from pahcl_core.plots.figure import BLUE, ORANGE, SKY, VERMILLION, write_png
from pahcl_core.plots.sound_rows import (
    BAND_HZ,
    Row,
    SoundRows,
    draw_boundary,
    draw_figure_above,
)
from pahcl_core.signal.cycles import PHASES
from pahcl_core.signal.segment_states import Segmentation

if TYPE_CHECKING:
    import matplotlib.axes
    import matplotlib.figure

# A sound and the pause after it share a hue: warm from S1 on, cool from S2 on.
STATE_COLOURS = {1: (VERMILLION, 0.55), 2: (ORANGE, 0.22), 3: (BLUE, 0.50), 4: (SKY, 0.20)}
"""Colour and opacity by state."""

DOUBTFUL = 0.5
"""Confidence below which a cycle is more likely wrong than right."""

_KEY = (
    f"sound {BAND_HZ[0]:.0f}–{BAND_HZ[1]:.0f} Hz, thick its envelope; dashed: a cycle begins or "
    f"ends; number: confidence in the cycle, dark below {DOUBTFUL:.2f}"
)


def draw_segmentation(
    file: Path,
    samples: Float32[np.ndarray, "samples"],
    sample_rate: int,
    segmentation: Segmentation,
    picture: Path,
) -> None:
    """Write `segmentation_figure` as a PNG.

    Raises:
        SettingError: If matplotlib is missing.
        DataError: If the picture cannot be written.
    """
    figure = segmentation_figure(
        samples, sample_rate=sample_rate, segmentation=segmentation, name=file.name
    )
    write_png(figure, picture)


def segmentation_figure(
    samples: Float32[np.ndarray, "samples"],
    *,
    sample_rate: int,
    segmentation: Segmentation,
    name: str,
) -> "matplotlib.figure.Figure":
    """The sound, its envelope and its spectrogram, with the states as coloured spans.

    Rows of at most 12 s, two axes each: the sound between 25 and 400 Hz, with the envelope, the
    states, and each cycle's boundaries and confidence; and the spectrogram. All rows share one
    scale, so loud and faint parts can be told apart.

    Args:
        samples: One channel, not silent.
        sample_rate: In hertz, at least 800.
        segmentation: Of these samples.
        name: Of the recording, for the title.

    Raises:
        SettingError: If matplotlib is missing.
    """
    picture = SoundRows(samples, sample_rate=sample_rate)
    for row in picture.rows():
        _draw_states(row.axes, segmentation, row.extent)
        _draw_cycles(row, segmentation)
    _draw_heading(picture, segmentation, name)
    return picture.figure


def _draw_states(
    axes: "matplotlib.axes.Axes", segmentation: Segmentation, extent: tuple[float, float]
) -> None:
    for start_s, end_s, state in zip(
        segmentation.start_s.tolist(),
        segmentation.end_s.tolist(),
        segmentation.state.tolist(),
        strict=True,
    ):
        if start_s < extent[1] and end_s > extent[0]:
            colour, opacity = STATE_COLOURS[state]
            axes.axvspan(
                max(start_s, extent[0]), min(end_s, extent[1]),
                color=colour, alpha=opacity, linewidth=0, zorder=0, gid=PHASES[state - 1],
            )  # fmt: skip


def _draw_cycles(row: Row, segmentation: Segmentation) -> None:
    """A line where each cycle begins and ends, and above it how far it can be trusted."""
    bounds_s = segmentation.cycles.bounds_s
    for instant in np.unique(bounds_s[:, [0, -1]]).tolist():
        draw_boundary(row, instant)
    for bounds, confidence in zip(bounds_s, segmentation.confidence.tolist(), strict=True):
        middle = float(bounds[0] + bounds[-1]) / 2
        draw_figure_above(
            row, middle, f"{confidence:.2f}", "confidence", dark=confidence < DOUBTFUL
        )


def _draw_heading(picture: SoundRows, segmentation: Segmentation, name: str) -> None:
    from matplotlib.patches import Patch

    rate, number = segmentation.cycles.heart_rate_bpm, len(segmentation.cycles)
    facts = [f"{number} cycle{'' if number == 1 else 's'} in {picture.duration_s:.1f} s"]
    if rate is not None:
        facts.insert(0, f"{rate:.0f} beats/min")
        facts.append(f"mean confidence {segmentation.confidence.mean():.2f}")
    picture.write(name, facts, _KEY)
    patches = [
        Patch(facecolor=colour, alpha=opacity, label=PHASES[state - 1])
        for state, (colour, opacity) in STATE_COLOURS.items()
    ]
    picture.figure.legend(
        handles=patches, loc="upper right", bbox_to_anchor=(0.99, picture.below_top(0.1)), ncols=4,
        frameon=False, fontsize=10, handlelength=1.6,
    )  # fmt: skip
