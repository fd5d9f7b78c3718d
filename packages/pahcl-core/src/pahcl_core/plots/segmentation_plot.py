"""A picture of a recording and of the heart states found in it."""

import math
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float32
from scipy import ndimage, signal

from pahcl_core.plots.figure import (
    BLUE,
    FAINT,
    INK,
    ORANGE,
    SKY,
    VERMILLION,
    new_figure,
    printable,
    write_png,
)
from pahcl_core.signal.cycles import PHASES
from pahcl_core.signal.filtering import bandpass, resample
from pahcl_core.signal.segment_states import Segmentation

if TYPE_CHECKING:
    import matplotlib.axes
    import matplotlib.figure

MAX_DRAWN_S = 60.0
"""Of a longer recording its beginning is drawn, and the picture says so."""

# A sound and the pause after it share a hue: warm from S1 on, cool from S2 on.
STATE_COLOURS = {1: (VERMILLION, 0.55), 2: (ORANGE, 0.22), 3: (BLUE, 0.50), 4: (SKY, 0.20)}
"""Colour and opacity by state."""

DOUBTFUL = 0.5
"""Confidence below which a cycle is more likely wrong than right."""

_RATE = 1000  # what is drawn; the segmentation hears nothing above 400 Hz either
_BAND_HZ = (25.0, 400.0)
_ROW_S = 12.0  # longest row
_ROW_IN = 2.35
_WIDTH_IN = 14.0
_WINDOW = 64  # samples of the spectrogram's window: half an S1
_HOP = 10
_DYNAMIC_DB = 40.0
_ENVELOPE_S = 0.02
_KEY = (
    f"sound {_BAND_HZ[0]:.0f}–{_BAND_HZ[1]:.0f} Hz, thick its envelope; dashed: a cycle begins or "
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
    duration_s = len(samples) / sample_rate
    drawn_s = min(duration_s, MAX_DRAWN_S)
    sound = _sound(samples[: math.ceil(drawn_s * sample_rate)], sample_rate)
    num_rows = math.ceil(drawn_s / _ROW_S)
    row_s = drawn_s / num_rows
    top_in, bottom_in = 0.85, 0.5
    height_in = num_rows * _ROW_IN + top_in + bottom_in
    figure = new_figure(width_in=_WIDTH_IN, height_in=height_in)
    grid = figure.add_gridspec(
        num_rows, 1, hspace=0.22,
        left=0.055, right=0.99, top=1 - top_in / height_in, bottom=bottom_in / height_in,
    )  # fmt: skip
    level = _Spectrogram(sound)
    limit = 2.0 * float(np.quantile(np.abs(sound), 0.99)) or 1.0
    for row in range(num_rows):
        inner = grid[row].subgridspec(2, 1, height_ratios=(2.1, 1), hspace=0.04)
        wave, spectrum = figure.add_subplot(inner[0]), figure.add_subplot(inner[1])
        extent = (row * row_s, (row + 1) * row_s)
        _draw_sound(wave, sound, extent, limit)
        _draw_states(wave, segmentation, extent)
        _draw_cycles(wave, segmentation, extent, limit)
        level.draw(spectrum, extent)
        if row == num_rows - 1:
            spectrum.set_xlabel("time, s", loc="right", fontsize=9, color=INK)
    _draw_heading(figure, segmentation, name, duration_s, drawn_s)
    return figure


def _sound(
    samples: Float32[np.ndarray, "samples"], sample_rate: int
) -> Float32[np.ndarray, "sound"]:
    """Between 25 and 400 Hz, at 1000 Hz."""
    samples = samples - np.mean(samples, dtype=np.float64).astype(np.float32)
    resampled = resample(samples, from_rate=sample_rate, to_rate=_RATE)
    low_hz, high_hz = _BAND_HZ
    return bandpass(resampled, sample_rate=_RATE, low_hz=low_hz, high_hz=high_hz)


def _within(
    sound: Float32[np.ndarray, "sound"], extent: tuple[float, float]
) -> tuple[np.ndarray, np.ndarray]:
    """Times in seconds and samples of a row, one more to each side than is seen."""
    first = max(0, math.floor(extent[0] * _RATE) - 1)
    part = sound[first : math.ceil(extent[1] * _RATE) + 2]
    return (first + np.arange(len(part))) / _RATE, part


def _draw_sound(
    axes: "matplotlib.axes.Axes",
    sound: Float32[np.ndarray, "sound"],
    extent: tuple[float, float],
    limit: float,
) -> None:
    times, part = _within(sound, extent)
    envelope = np.sqrt(ndimage.gaussian_filter1d(np.square(part), _ENVELOPE_S * _RATE / 2))
    axes.plot(times, part, color=INK, linewidth=0.5, alpha=0.65, label="sound")
    axes.plot(times, math.sqrt(2) * envelope, color=INK, linewidth=1.2, label="envelope")
    axes.set_xlim(extent)
    axes.set_ylim(-limit, 1.35 * limit)  # above the sound, room for the confidences
    axes.set_yticks([])
    axes.set_ylabel("sound", fontsize=9, color=INK)
    axes.tick_params(labelbottom=False, length=2, color=FAINT)
    axes.spines[["top", "right", "left"]].set_visible(False)


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


def _draw_cycles(
    axes: "matplotlib.axes.Axes",
    segmentation: Segmentation,
    extent: tuple[float, float],
    limit: float,
) -> None:
    """A line where each cycle begins and ends, and above it how far it can be trusted."""
    bounds_s = segmentation.cycles.bounds_s
    for instant in np.unique(bounds_s[:, [0, -1]]).tolist():
        if extent[0] <= instant <= extent[1]:
            axes.axvline(instant, color=INK, linewidth=0.8, linestyle=(0, (4, 2)), gid="boundary")
    for bounds, confidence in zip(bounds_s, segmentation.confidence.tolist(), strict=True):
        middle = float(bounds[0] + bounds[-1]) / 2
        if extent[0] <= middle < extent[1]:
            doubtful = confidence < DOUBTFUL
            axes.text(
                middle, 1.17 * limit, f"{confidence:.2f}", fontsize=7.5, ha="center", va="center",
                color="white" if doubtful else INK, gid="confidence",
                bbox={"boxstyle": "round,pad=0.18", "linewidth": 0,
                      "facecolor": INK if doubtful else "white", "alpha": 0.85},
            )  # fmt: skip


class _Spectrogram:
    """Decibels below the loudest, over the whole of what is drawn."""

    def __init__(self, sound: Float32[np.ndarray, "sound"]) -> None:
        # A window is centred on each hop from the first sample on, to the last and beyond.
        padded = np.pad(sound, (_WINDOW // 2, _WINDOW // 2 + _HOP))
        frequencies, times, power = signal.spectrogram(
            padded, fs=_RATE, window="hann", nperseg=_WINDOW, noverlap=_WINDOW - _HOP, nfft=256
        )
        times = times - _WINDOW // 2 / _RATE
        seen = frequencies <= _BAND_HZ[1]
        decibels = 10 * np.log10(power[seen] + 1e-20)
        self._decibels = decibels - np.quantile(decibels, 0.999)
        half = _HOP / _RATE / 2
        self._extent = (float(times[0]) - half, float(times[-1]) + half, 0.0, _BAND_HZ[1])

    def draw(self, axes: "matplotlib.axes.Axes", extent: tuple[float, float]) -> None:
        axes.imshow(
            self._decibels, extent=self._extent, origin="lower", aspect="auto", cmap="Greys",
            vmin=-_DYNAMIC_DB, vmax=0.0, interpolation="bilinear",
        )  # fmt: skip
        axes.set_xlim(extent)
        axes.set_ylim(20.0, _BAND_HZ[1])
        axes.set_yticks([100, 200, 300, 400])
        axes.set_ylabel("Hz", fontsize=9, color=INK)
        axes.tick_params(labelsize=8, length=2, color=FAINT, labelcolor=INK)
        step = 1.0 if extent[1] - extent[0] > 3 else 0.2
        first = math.ceil(extent[0] / step - 1e-9)
        axes.set_xticks([n * step for n in range(first, math.floor(extent[1] / step + 1e-9) + 1)])
        axes.spines[["top", "right"]].set_visible(False)


def _draw_heading(
    figure: "matplotlib.figure.Figure",
    segmentation: Segmentation,
    name: str,
    duration_s: float,
    drawn_s: float,
) -> None:
    from matplotlib.patches import Patch

    rate, number = segmentation.cycles.heart_rate_bpm, len(segmentation.cycles)
    facts = [f"{number} cycle{'' if number == 1 else 's'} in {duration_s:.1f} s"]
    if rate is not None:
        facts.insert(0, f"{rate:.0f} beats/min")
        facts.append(f"mean confidence {segmentation.confidence.mean():.2f}")
    if drawn_s < duration_s:
        facts.append(f"drawn: the first {drawn_s:.0f} s, {duration_s - drawn_s:.1f} s left out")
    height_in = float(figure.get_size_inches()[1])
    figure.text(
        0.055, 1 - 0.3 / height_in, printable(name), fontsize=13, fontweight="bold", color=INK,
        va="center", gid="name",
    )  # fmt: skip
    figure.text(
        0.055, 1 - 0.58 / height_in, "   ·   ".join(facts), fontsize=10, color=INK, va="center",
        gid="facts",
    )  # fmt: skip
    patches = [
        Patch(facecolor=colour, alpha=opacity, label=PHASES[state - 1])
        for state, (colour, opacity) in STATE_COLOURS.items()
    ]
    figure.legend(
        handles=patches, loc="upper right", bbox_to_anchor=(0.99, 1 - 0.1 / height_in), ncols=4,
        frameon=False, fontsize=10, handlelength=1.6,
    )  # fmt: skip
    figure.text(0.055, 0.16 / height_in, _KEY, fontsize=8.5, color=INK, va="center", gid="key")
