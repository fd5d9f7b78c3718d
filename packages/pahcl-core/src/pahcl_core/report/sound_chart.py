"""A few seconds of a recording: its sound, the phases in it, and what each cycle counted for."""

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float32, Float64

from pahcl_core.report.drawing import Drawing, Sketch
from pahcl_core.report.plane import WIDTH

_ROW_S = 3.0  # longest row, so that a heart sound is seen on a telephone
_LEFT, _RIGHT = 4.0, 4.0
_WEIGHTS, _WAVE, _STRIP, _TICKS, _GAP = 22.0, 64.0, 9.0, 17.0, 6.0
_COLUMNS = 260
_FIGURE = 22.0  # room that a figure takes
_LOUDEST = 0.995  # quantile that fills the height: a knock does not make all else small


@dataclass(frozen=True, kw_only=True, slots=True)
class Excerpt:
    """A part of a recording, in seconds from the recording's beginning."""

    begin_s: float
    end_s: float
    sample_rate: int
    samples: Float32[np.ndarray, "samples"]
    """Of the whole recording."""

    bounds_s: Float64[np.ndarray, "cycles 5"]
    """Onsets of S1, systole, S2 and diastole, and the end; four equal ones where none is known."""

    shares: Sequence[tuple[float, float, float]]
    """Begin and end in seconds of what an answer rests on, and how much; none if not known."""

    full_share: float = 1.0
    """How much fills the height."""


def sound_chart(excerpt: Excerpt) -> Drawing:
    """The sound, its phases below, and above it what its cycles have to do with an answer."""
    length_s = excerpt.end_s - excerpt.begin_s
    num_rows = max(1, math.ceil(length_s / _ROW_S - 1e-6))
    above = _WEIGHTS if excerpt.shares else 0.0
    tall = above + _WAVE + _STRIP + _TICKS
    sketch = Sketch(width=WIDTH, height=num_rows * tall + (num_rows - 1) * _GAP)
    rate = excerpt.sample_rate
    shown = excerpt.samples[round(excerpt.begin_s * rate) : round(excerpt.end_s * rate)]
    loudest = float(np.quantile(np.abs(shown), _LOUDEST)) if len(shown) else 0.0
    for number in range(num_rows):
        begin_s = excerpt.begin_s + number * _ROW_S
        row = _Row(
            sketch, top=number * (tall + _GAP) + above, extent=(begin_s, begin_s + _ROW_S),
            end_s=excerpt.end_s,
        )  # fmt: skip
        row.draw_phases(excerpt.bounds_s)
        row.draw_wave(excerpt.samples, rate, loudest)
        row.draw_shares(excerpt.shares, excerpt.full_share)
        row.draw_ticks()
    return sketch.finished()


class _Row:
    """Three seconds, or what is left of them."""

    def __init__(
        self, sketch: Sketch, *, top: float, extent: tuple[float, float], end_s: float
    ) -> None:
        self._sketch, self._top, self._extent, self._end_s = sketch, top, extent, end_s
        self._seen_s = (extent[0], min(extent[1], end_s))

    def _x(self, instant_s: float) -> float:
        begin, end = self._extent
        share = (instant_s - begin) / (end - begin)
        return _LEFT + share * (WIDTH - _LEFT - _RIGHT)

    def _clipped(self, begin_s: float, end_s: float) -> tuple[float, float] | None:
        """What of it is in this row, as places from left to right."""
        begin_s, end_s = max(begin_s, self._seen_s[0]), min(end_s, self._seen_s[1])
        return (self._x(begin_s), self._x(end_s)) if end_s > begin_s else None

    def draw_wave(self, samples: Float32[np.ndarray, "samples"], rate: int, loudest: float) -> None:
        """From its lowest to its highest sample, column by column."""
        begin_s, end_s = self._seen_s
        part = samples[round(begin_s * rate) : round(end_s * rate)]
        middle = self._top + _WAVE / 2
        self._sketch.line((self._x(begin_s), middle), (self._x(end_s), middle), "grid")
        if len(part) == 0 or loudest == 0:
            return
        share = (end_s - begin_s) / (self._extent[1] - self._extent[0])
        edges = np.linspace(0, len(part), min(len(part), round(_COLUMNS * share)) + 1).astype(int)
        scale = (_WAVE / 2 - 2) / loudest
        high, low = list[tuple[float, float]](), list[tuple[float, float]]()
        for first, last in itertools.pairwise(edges):
            x = self._x(begin_s + (first + last) / 2 / rate)
            column = np.clip(part[first:last] * scale, -_WAVE / 2, _WAVE / 2)
            high.append((x, middle - float(column.max()) - 0.3))
            low.append((x, middle - float(column.min()) + 0.3))
        self._sketch.area([*high, *reversed(low)], "wave")

    def draw_phases(self, bounds_s: Float64[np.ndarray, "cycles 5"]) -> None:
        """A strip below the sound; a dashed line where a cycle begins."""
        bottom = self._top + _WAVE
        for cycle in bounds_s.tolist():
            for phase, (begin_s, end_s) in enumerate(itertools.pairwise(cycle)):
                place = self._clipped(begin_s, end_s)
                if place is not None and (phase < 3 or cycle[3] > cycle[0]):
                    corner, width = (place[0], bottom), place[1] - place[0]
                    self._sketch.box(corner, width, _STRIP, f"p{phase + 1}")
            if self._seen_s[0] <= cycle[0] < self._seen_s[1]:
                x = self._x(cycle[0])
                self._sketch.line((x, self._top), (x, bottom + _STRIP), "cycle")

    def draw_shares(self, shares: Sequence[tuple[float, float, float]], full: float) -> None:
        """A bar above the sound of each cycle, the taller the more it counted for."""
        for begin_s, end_s, amount in shares:
            place = self._clipped(begin_s, end_s)
            if place is None or full <= 0:
                continue
            tall = max(1.0, (_WEIGHTS - 12) * amount / full)
            corner = (place[0] + 0.5, self._top - 1 - tall)
            self._sketch.box(corner, place[1] - place[0] - 1, tall, "weight")
            is_middle_seen = self._seen_s[0] <= (begin_s + end_s) / 2 < self._seen_s[1]
            if is_middle_seen and place[1] - place[0] > _FIGURE:
                middle = (place[0] + place[1]) / 2
                at = (middle, self._top - 3 - tall)
                self._sketch.text(at, f"{100 * amount:.3g}", "tick", anchor="middle")

    def draw_ticks(self) -> None:
        """Seconds below."""
        bottom = self._top + _WAVE + _STRIP
        for second in range(math.ceil(self._extent[0]), math.floor(self._extent[1]) + 1):
            if second > self._end_s:
                continue
            x = self._x(second)
            self._sketch.line((x, bottom), (x, bottom + 3), "axis")
            near_left, near_right = x < 14, x > WIDTH - 14
            anchor = "start" if near_left else "end" if near_right else "middle"
            self._sketch.text((x, bottom + 13), f"{second} s", "tick", anchor=anchor)
