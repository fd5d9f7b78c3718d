"""One pass over recordings: read, resample, filter, segment, rate, remove spikes, scale."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from jaxtyping import Float32, Float64

from pahcl_core.data.annotation import read_annotation
from pahcl_core.data.collection import Problem, Recording
from pahcl_core.data.cycle_set import CycleSource
from pahcl_core.data.samples import read_samples
from pahcl_core.errors import DataError
from pahcl_core.signal import quality
from pahcl_core.signal.cycles import Cycles, cycles_from_states
from pahcl_core.signal.despike import despike
from pahcl_core.signal.emissions import MIN_SAMPLE_RATE
from pahcl_core.signal.filtering import Wanted, filtered, normalise
from pahcl_core.signal.quality_measures import SLOW_RATE
from pahcl_core.signal.segment_states import segment_states

_SLOW = Wanted(rate=SLOW_RATE)
_PLAUSIBLE_CYCLE_S = (0.25, 2.5)  # 24 to 240 beats a minute
_NO_CYCLES = Cycles(bounds_s=np.zeros((0, 5)))

Progress = Callable[[Iterable[Any], int], Iterable[Any]]
"""Wraps an iterable of that many items, so that someone can watch it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class SignalConfig:
    """What a recording goes through before the model sees it."""

    sample_rate: int = 2000
    """Every recording is brought to this rate, in hertz."""

    low_hz: float = 25.0
    """Lower edge of the band kept: below lies the thump of the stethoscope being moved."""

    high_hz: float = 600.0
    """Upper edge: the pitch of a high murmur and nothing above."""

    cycles: Literal["annotation", "segmentation"] = "annotation"
    """Take cycles from the annotation where there is one, or always from the segmentation."""

    despike: bool = True
    """Silence what is far louder than the sounds around it: knocks and clicks."""

    def __post_init__(self) -> None:
        if not 0 < self.low_hz < self.high_hz < self.sample_rate / 2:
            raise ValueError(
                f"the band {self.low_hz:g}–{self.high_hz:g} Hz must lie between 0 and half of "
                f"sample_rate = {self.sample_rate}"
            )


@dataclass(frozen=True, kw_only=True, slots=True)
class Remark:
    """Something about a recording that could not be used, whatever its file is called."""

    of: Literal["recording", "annotation"]
    row: int | None
    reason: str


@dataclass(frozen=True, kw_only=True, slots=True)
class PreparedRecording:
    """A recording as a model may see it."""

    samples: Float32[np.ndarray, "samples"]
    """At the rate wanted, in the band wanted, its spread 1; empty if it cannot be used."""

    bounds_s: Float64[np.ndarray, "cycles 5"]
    """Seconds; as `Cycles` has them, or four equal onsets and an end where phases are unknown."""

    source: CycleSource
    remarks: tuple[Remark, ...]
    quality: float
    """0 to 1; not a number where the sample rate is too low to tell, or it cannot be used."""

    flags: tuple[str, ...]
    """What is wrong with the recording; see `Quality`."""

    cycle_quality: Float64[np.ndarray, "cycles"]
    """0 to 1, of each cycle."""

    @property
    def is_usable(self) -> bool:
        """Whether it could be read."""
        return len(self.samples) > 0


def prepare_recordings(
    recordings: Sequence[Recording], config: SignalConfig
) -> list[PreparedRecording]:
    """Read recordings and make them what `config` says.

    Damage is no error here: what could not be used is in the remarks.

    Args:
        recordings: A few, all of which are held in memory. Each step is taken for all of them
            before the next, so that what it works with stays in the processor's cache: eight of
            half a minute take a fifth less time together than one by one.
        config: What they go through.
    """
    prepared: dict[int, PreparedRecording] = {}
    sounds: dict[int, tuple[Float32[np.ndarray, "samples"], int]] = {}
    for place, recording in enumerate(recordings):
        try:
            sounds[place] = read_samples(recording.path)
        except DataError as error:
            reason = f"{_without(recording.path, error)}; the recording was left out"
            prepared[place] = _unusable(Remark(of="recording", row=None, reason=reason))
    passed = {place: _filtered(*sound, config) for place, sound in sounds.items()}
    found = {
        place: _segment(
            recordings[place], len(passed[place][0]) / config.sample_rate, passed[place][1], config
        )
        for place in sounds
    }
    # Before the band-pass: what lies beside the band of the heart is evidence, too.
    rated = {
        place: _rate(*sound, found[place][0], passed[place][1]) for place, sound in sounds.items()
    }
    for place in sounds:
        cycles, source, remarks = found[place]
        cleaned = _cleaned(passed[place][0], config)
        prepared[place] = _put_together(
            cleaned, cycles.bounds_s, source, remarks, rated[place], config
        )
    return [prepared[place] for place in range(len(recordings))]


def prepare_recording(recording: Recording, config: SignalConfig) -> PreparedRecording:
    """`prepare_recordings` for one of them."""
    (prepared,) = prepare_recordings([recording], config)
    return prepared


def _put_together(
    samples: Float32[np.ndarray, "samples"],
    bounds_s: Float64[np.ndarray, "cycles 5"],
    source: CycleSource,
    remarks: tuple[Remark, ...],
    rated: quality.Quality,
    config: SignalConfig,
) -> PreparedRecording:
    cycle_quality = rated.cycle_index
    if len(bounds_s) == 0:
        bounds_s, source = _windows(len(samples) / config.sample_rate), "windows"
        cycle_quality = np.full(len(bounds_s), rated.index)
    return PreparedRecording(
        samples=samples,
        bounds_s=bounds_s,
        source=source,
        remarks=remarks,
        quality=rated.index,
        flags=rated.flags,
        cycle_quality=cycle_quality,
    )


def _filtered(
    samples: Float32[np.ndarray, "samples"], sample_rate: int, config: SignalConfig
) -> tuple[Float32[np.ndarray, "passed"], Float32[np.ndarray, "slow"] | None]:
    """As `config` says; and slow for segmentation and rating, if the rate is enough for them."""
    band = Wanted(rate=config.sample_rate, band_hz=(config.low_hz, config.high_hz))
    if sample_rate < max(MIN_SAMPLE_RATE, quality.MIN_SAMPLE_RATE):
        return filtered(samples, from_rate=sample_rate, wanted=[band])[0], None
    passed, slow = filtered(samples, from_rate=sample_rate, wanted=[band, _SLOW])
    return passed, slow


def _cleaned(
    passed: Float32[np.ndarray, "samples"], config: SignalConfig
) -> Float32[np.ndarray, "samples"]:
    if config.despike:
        passed = despike(passed, sample_rate=config.sample_rate)
    return normalise(passed)


def _rate(
    samples: Float32[np.ndarray, "samples"],
    sample_rate: int,
    cycles: Cycles,
    slow: Float32[np.ndarray, "slow"] | None,
) -> quality.Quality:
    if slow is None:
        if samples.min() == samples.max():  # which is seen at any rate
            return quality.Quality(index=0.0, flags=("silent",), cycle_index=np.zeros(len(cycles)))
        unknown = np.full(len(cycles), np.nan)
        return quality.Quality(index=float("nan"), flags=(), cycle_index=unknown)
    return quality.rate_quality(samples, sample_rate=sample_rate, cycles=cycles, slow=slow)


def _unusable(remark: Remark) -> PreparedRecording:
    return PreparedRecording(
        samples=np.zeros(0, dtype=np.float32),
        bounds_s=np.zeros((0, 5)),
        source="windows",
        remarks=(remark,),
        quality=float("nan"),
        flags=(),
        cycle_quality=np.zeros(0),
    )


def _segment(
    recording: Recording,
    duration_s: float,
    slow: Float32[np.ndarray, "slow"] | None,
    config: SignalConfig,
) -> tuple[Cycles, CycleSource, tuple[Remark, ...]]:
    remarks: tuple[Remark, ...] = ()
    if config.cycles == "annotation" and recording.states_path is not None:
        cycles, remarks = _annotated(recording, duration_s)
        if len(cycles) > 0:
            return cycles, "annotation", remarks
    if slow is None:
        return _NO_CYCLES, "segmentation", remarks
    # From the sound before its band-pass: what a run resamples to does not move its cycles.
    found = segment_states(slow, sample_rate=_SLOW.rate)
    return _plausible(found.cycles, duration_s), "segmentation", remarks


def _annotated(recording: Recording, duration_s: float) -> tuple[Cycles, tuple[Remark, ...]]:
    try:
        states, problems = read_annotation(recording, file="")
    except DataError as error:
        assert recording.states_path is not None, "the caller has looked"
        reason = f"{_without(recording.states_path, error)}; the annotation was left out"
        return _NO_CYCLES, (Remark(of="annotation", row=None, reason=reason),)
    cycles = cycles_from_states(states.start_s, states.end_s, states.state)
    remarks = [Remark(of="annotation", row=one.row, reason=one.reason) for one in problems]
    kept = _plausible(cycles, duration_s)
    if len(kept) < len(cycles):
        reason = _misfit(len(cycles) - len(kept), len(cycles), duration_s)
        remarks.append(Remark(of="annotation", row=None, reason=reason))
    return kept, tuple(remarks)


def _misfit(num_left_out: int, num_cycles: int, duration_s: float) -> str:
    """Why cycles of an annotation were left out."""
    shortest_s, longest_s = _PLAUSIBLE_CYCLE_S
    reason = (
        f"{num_left_out} of its {num_cycles} cycles cannot be: outside of the recording of "
        f"{duration_s:g} s, shorter than {shortest_s:g} s or longer than {longest_s:g} s"
    )
    if num_left_out < num_cycles:
        return f"{reason}; what cannot be was left out"
    return f"{reason}: are its times in seconds, and of this recording? The annotation was left out"


def _without(path: object, error: DataError) -> str:
    """The message, less the file's name, which is said elsewhere."""
    return str(error).removeprefix(f"{path}: ")


def problems_of(
    recording: Recording, remarks: Sequence[Remark], *, root: Path
) -> tuple[Problem, ...]:
    """The remarks with the names of the files they are about, relative to `root`."""
    problems: list[Problem] = []
    for remark in remarks:
        path = recording.path if remark.of == "recording" else recording.states_path
        file = "" if path is None else path.relative_to(root).as_posix()
        problems.append(Problem(file=file, row=remark.row, reason=remark.reason))
    return tuple(problems)


def _plausible(cycles: Cycles, duration_s: float) -> Cycles:
    """Those that lie inside the recording and last as long as a heartbeat can."""
    bounds_s = cycles.bounds_s
    length_s = bounds_s[:, -1] - bounds_s[:, 0]
    shortest_s, longest_s = _PLAUSIBLE_CYCLE_S
    inside = (bounds_s[:, 0] >= 0) & (bounds_s[:, -1] <= duration_s)
    return Cycles(bounds_s=bounds_s[inside & (length_s >= shortest_s) & (length_s <= longest_s)])


def _windows(duration_s: float) -> Float64[np.ndarray, "windows 5"]:
    """Second by second, for what cannot be segmented: every recording gets a prediction."""
    starts = np.arange(max(1, int(duration_s)), dtype=np.float64)
    ends = np.minimum(starts + 1.0, duration_s)
    return np.column_stack([starts, starts, starts, starts, ends])
