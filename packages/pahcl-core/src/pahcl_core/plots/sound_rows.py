"""A recording as rows of sound and spectrogram, over which a picture lays what it is about."""

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from jaxtyping import Float32
from scipy import ndimage, signal

from pahcl_core.plots.figure import FAINT, INK, new_figure, printable
from pahcl_core.signal.filtering import bandpass, resample

if TYPE_CHECKING:
    import matplotlib.axes
    import matplotlib.figure

MAX_DRAWN_S = 60.0
"""Of a longer recording its beginning is drawn, and the picture says so."""

BAND_HZ = (25.0, 400.0)
"""Of the sound that is drawn."""

LEFT = 0.055
"""Where rows and texts begin, as a share of the width."""

_RATE = 1000  # what is drawn; the segmentation hears nothing above 400 Hz either
_ROW_S = 12.0  # longest row
_ROW_IN = 2.35
_WIDTH_IN = 14.0
_TOP_IN, _BOTTOM_IN = 0.85, 0.5
_WINDOW = 64  # samples of the spectrogram's window: half an S1
_HOP = 10
_DYNAMIC_DB = 40.0
_ENVELOPE_S = 0.02


class Row(NamedTuple):
    """A part of a recording, with its sound drawn."""

    axes: "matplotlib.axes.Axes"
    extent: tuple[float, float]
    """From when to when, in seconds."""

    limit: float
    """How far up the sound reaches; above it there is room for a third as much."""


class SoundRows:
    """A figure with the sound, its envelope and its spectrogram, in rows of at most 12 s.

    All rows share one scale, so loud and faint parts can be told apart.
    """

    def __init__(self, samples: Float32[np.ndarray, "samples"], *, sample_rate: int) -> None:
        """Draw the sound.

        Args:
            samples: One channel, not silent.
            sample_rate: In hertz.

        Raises:
            SettingError: If matplotlib is missing.
        """
        self.duration_s = len(samples) / sample_rate
        self.drawn_s = min(self.duration_s, MAX_DRAWN_S)
        self._sound = _sound(samples[: math.ceil(self.drawn_s * sample_rate)], sample_rate)
        self._num_rows = math.ceil(self.drawn_s / _ROW_S)
        self._height_in = self._num_rows * _ROW_IN + _TOP_IN + _BOTTOM_IN
        self.figure = new_figure(width_in=_WIDTH_IN, height_in=self._height_in)

    def rows(self) -> Iterator[Row]:
        """One after the other, from above."""
        grid = self.figure.add_gridspec(
            self._num_rows, 1, hspace=0.22, left=LEFT, right=0.99,
            top=1 - _TOP_IN / self._height_in, bottom=_BOTTOM_IN / self._height_in,
        )  # fmt: skip
        level = _Spectrogram(self._sound)
        limit = 2.0 * float(np.quantile(np.abs(self._sound), 0.99)) or 1.0
        row_s = self.drawn_s / self._num_rows
        for row in range(self._num_rows):
            inner = grid[row].subgridspec(2, 1, height_ratios=(2.1, 1), hspace=0.04)
            wave, spectrum = self.figure.add_subplot(inner[0]), self.figure.add_subplot(inner[1])
            extent = (row * row_s, (row + 1) * row_s)
            _draw_sound(wave, self._sound, extent, limit)
            level.draw(spectrum, extent)
            if row == self._num_rows - 1:
                spectrum.set_xlabel("time, s", loc="right", fontsize=9, color=INK)
            yield Row(wave, extent, limit)

    def below_top(self, inches: float) -> float:
        """So many inches below the upper edge, as a share of the height."""
        return 1 - inches / self._height_in

    def write(self, name: str, facts: list[str], key: str) -> None:
        """The recording's name and what is to be known of it above, the key below."""
        if self.drawn_s < self.duration_s:
            left_out = self.duration_s - self.drawn_s
            facts = [*facts, f"drawn: the first {self.drawn_s:.0f} s, {left_out:.1f} s left out"]
        text = self.figure.text
        text(
            LEFT, self.below_top(0.3), printable(name), fontsize=13, fontweight="bold", color=INK,
            va="center", gid="name",
        )  # fmt: skip
        text(
            LEFT, self.below_top(0.58), "   ·   ".join(facts), fontsize=10, color=INK, va="center",
            gid="facts",
        )  # fmt: skip
        bottom = 0.16 / self._height_in
        text(LEFT, bottom, key, fontsize=8.5, color=INK, va="center", gid="key")


def draw_boundary(row: Row, instant: float) -> None:
    """A dashed line where a cycle begins or ends, in seconds; nothing outside of the row."""
    if row.extent[0] <= instant <= row.extent[1]:
        row.axes.axvline(instant, color=INK, linewidth=0.8, linestyle=(0, (4, 2)), gid="boundary")


def draw_figure_above(row: Row, middle: float, figure: str, gid: str, *, dark: bool) -> None:
    """A figure above the sound at an instant in seconds; nothing outside of the row."""
    if row.extent[0] <= middle < row.extent[1]:
        row.axes.text(
            middle, 1.17 * row.limit, figure, fontsize=7.5, ha="center", va="center",
            color="white" if dark else INK, gid=gid,
            bbox={"boxstyle": "round,pad=0.18", "linewidth": 0,
                  "facecolor": INK if dark else "white", "alpha": 0.85},
        )  # fmt: skip


def _sound(
    samples: Float32[np.ndarray, "samples"], sample_rate: int
) -> Float32[np.ndarray, "sound"]:
    """Between 25 and 400 Hz, at 1000 Hz."""
    samples = samples - np.mean(samples, dtype=np.float64).astype(np.float32)
    resampled = resample(samples, from_rate=sample_rate, to_rate=_RATE)
    low_hz, high_hz = BAND_HZ
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


class _Spectrogram:
    """Decibels below the loudest, over the whole of what is drawn."""

    def __init__(self, sound: Float32[np.ndarray, "sound"]) -> None:
        # A window is centred on each hop from the first sample on, to the last and beyond.
        padded = np.pad(sound, (_WINDOW // 2, _WINDOW // 2 + _HOP))
        frequencies, times, power = signal.spectrogram(
            padded, fs=_RATE, window="hann", nperseg=_WINDOW, noverlap=_WINDOW - _HOP, nfft=256
        )
        times = times - _WINDOW // 2 / _RATE
        seen = frequencies <= BAND_HZ[1]
        decibels = 10 * np.log10(power[seen] + 1e-20)
        self._decibels = decibels - np.quantile(decibels, 0.999)
        half = _HOP / _RATE / 2
        self._extent = (float(times[0]) - half, float(times[-1]) + half, 0.0, BAND_HZ[1])

    def draw(self, axes: "matplotlib.axes.Axes", extent: tuple[float, float]) -> None:
        axes.imshow(
            self._decibels, extent=self._extent, origin="lower", aspect="auto", cmap="Greys",
            vmin=-_DYNAMIC_DB, vmax=0.0, interpolation="bilinear",
        )  # fmt: skip
        axes.set_xlim(extent)
        axes.set_ylim(20.0, BAND_HZ[1])
        axes.set_yticks([100, 200, 300, 400])
        axes.set_ylabel("Hz", fontsize=9, color=INK)
        axes.tick_params(labelsize=8, length=2, color=FAINT, labelcolor=INK)
        step = 1.0 if extent[1] - extent[0] > 3 else 0.2
        first = math.ceil(extent[0] / step - 1e-9)
        axes.set_xticks([n * step for n in range(first, math.floor(extent[1] / step + 1e-9) + 1)])
        axes.spines[["top", "right"]].set_visible(False)
