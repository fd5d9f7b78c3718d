"""From recordings on disk to cycles in memory: read, resample, filter, scale, segment."""

from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from jaxtyping import Float32, Float64

from pahcl_core.data.annotation import read_annotation
from pahcl_core.data.audio import read_audio
from pahcl_core.data.collection import Collection, Problem, Recording
from pahcl_core.data.cycle_set import CycleSet, CycleSource
from pahcl_core.errors import DataError
from pahcl_core.signal.cycles import Cycles, cycles_from_states
from pahcl_core.signal.emissions import MIN_SAMPLE_RATE
from pahcl_core.signal.filtering import bandpass, normalise, resample
from pahcl_core.signal.segment_states import segment_states

_PLAUSIBLE_CYCLE_S = (0.25, 2.5)  # 24 to 240 beats a minute

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

    def __post_init__(self) -> None:
        if not 0 < self.low_hz < self.high_hz < self.sample_rate / 2:
            raise ValueError(
                f"the band {self.low_hz:g}–{self.high_hz:g} Hz must lie between 0 and half of "
                f"sample_rate = {self.sample_rate}"
            )


@dataclass(frozen=True, kw_only=True, slots=True)
class _Prepared:
    samples: Float32[np.ndarray, "samples"]
    bounds_s: Float64[np.ndarray, "cycles 5"]
    source: CycleSource
    problems: tuple[Problem, ...]


def prepare(
    collection: Collection,
    config: SignalConfig,
    *,
    num_workers: int = 0,
    progress: Progress = lambda items, total: items,
) -> tuple[CycleSet, tuple[Problem, ...]]:
    """Read and segment every recording of a collection.

    Args:
        collection: What to read.
        config: How.
        num_workers: Threads; 0 or 1 for none. The result does not depend on it.
        progress: Shown the recordings as they are done.

    Returns:
        The cycles, and what could not be used of recordings that were damaged after all.

    Raises:
        DataError: If not a single cycle is left.
    """

    def one(recording: Recording) -> _Prepared | Problem:
        return _prepare_one(recording, config, root=collection)

    if num_workers > 1:
        with ThreadPoolExecutor(num_workers) as pool:
            results = pool.map(one, collection.recordings)
            try:
                prepared = list(progress(results, len(collection.recordings)))
            except BaseException:  # such as Ctrl-C: what has not begun is not waited for
                pool.shutdown(wait=False, cancel_futures=True)
                raise
    else:
        results = map(one, collection.recordings)
        prepared = list(progress(results, len(collection.recordings)))
    return _pack(collection, config, prepared)


def _prepare_one(
    recording: Recording, config: SignalConfig, *, root: Collection
) -> _Prepared | Problem:
    try:
        samples, sample_rate = read_audio(recording.path)
    except DataError as error:
        file = recording.path.relative_to(root.root).as_posix()
        reason = str(error).removeprefix(f"{recording.path}: ") + "; the recording was left out"
        return Problem(file=file, reason=reason)
    cycles, source, problems = _segment(recording, samples, config, root=root)
    samples = resample(samples, from_rate=sample_rate, to_rate=config.sample_rate)
    filtered = bandpass(
        samples, sample_rate=config.sample_rate, low_hz=config.low_hz, high_hz=config.high_hz
    )
    duration_s = len(samples) / config.sample_rate
    bounds_s = _plausible(cycles, duration_s)
    if len(bounds_s) == 0:
        bounds_s, source = _windows(duration_s), "windows"
    return _Prepared(
        samples=normalise(filtered), bounds_s=bounds_s, source=source, problems=tuple(problems)
    )


def _segment(
    recording: Recording,
    samples: Float32[np.ndarray, "samples"],
    config: SignalConfig,
    *,
    root: Collection,
) -> tuple[Cycles, CycleSource, Sequence[Problem]]:
    problems: Sequence[Problem] = ()
    if config.cycles == "annotation" and recording.states_path is not None:
        file = recording.states_path.relative_to(root.root).as_posix()
        states, problems = read_annotation(recording, file=file)
        cycles = cycles_from_states(states.start_s, states.end_s, states.state)
        if len(cycles) > 0:
            return cycles, "annotation", problems
    # From the sound at its own rate: what a run resamples to does not move its cycles.
    if recording.sample_rate < MIN_SAMPLE_RATE:
        return Cycles(bounds_s=np.zeros((0, 5))), "segmentation", problems
    found = segment_states(samples, sample_rate=recording.sample_rate)
    return found.cycles, "segmentation", problems


def _plausible(cycles: Cycles, duration_s: float) -> Float64[np.ndarray, "kept 5"]:
    """Cycles that lie inside the recording and last as long as a heartbeat can."""
    bounds_s = cycles.bounds_s
    length_s = bounds_s[:, -1] - bounds_s[:, 0]
    shortest_s, longest_s = _PLAUSIBLE_CYCLE_S
    inside = (bounds_s[:, 0] >= 0) & (bounds_s[:, -1] <= duration_s)
    kept: Float64[np.ndarray, "kept 5"] = bounds_s[
        inside & (length_s >= shortest_s) & (length_s <= longest_s)
    ]
    return kept


def _windows(duration_s: float) -> Float64[np.ndarray, "windows 5"]:
    """Second by second, for what cannot be segmented: every recording gets a prediction."""
    starts = np.arange(max(1, int(duration_s)), dtype=np.float64)
    ends = np.minimum(starts + 1.0, duration_s)
    return np.column_stack([starts, starts, starts, starts, ends])


def _pack(
    collection: Collection, config: SignalConfig, prepared: Sequence[_Prepared | Problem]
) -> tuple[CycleSet, tuple[Problem, ...]]:
    usable = [
        (recording, one)
        for recording, one in zip(collection.recordings, prepared, strict=True)
        if isinstance(one, _Prepared)
    ]
    problems: list[Problem] = []
    for one in prepared:
        problems.extend([one] if isinstance(one, Problem) else one.problems)
    if not usable:
        raise DataError(f"{collection.root}: not one of its recordings can be used")
    lengths = [len(one.samples) for _, one in usable]
    offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
    bounds = [
        offset + np.rint(one.bounds_s * config.sample_rate).astype(np.int64)
        for offset, (_, one) in zip(offsets[:-1], usable, strict=True)
    ]
    cycles = CycleSet(
        recordings=tuple(recording for recording, _ in usable),
        sources=tuple(one.source for _, one in usable),
        sample_rate=config.sample_rate,
        samples=np.concatenate([one.samples for _, one in usable]),
        offsets=offsets,
        recording=np.repeat(np.arange(len(usable)), [len(rows) for rows in bounds]).astype(
            np.int64
        ),
        bounds=np.concatenate(bounds),
    )
    return cycles, tuple(problems)
