"""All cycles of a collection over one packed signal: a batch is gathered by index, never padded.

A cycle is shown to the model through a window of fixed length that starts at its S1 and runs on
into whatever follows in the recording. So a batch is one gather, short cycles keep their context,
and the cycle's own extent is told apart by `bounds`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from jaxtyping import Bool, Float32, Int64

from pahcl_core.data.collection import Recording

CycleSource = Literal["annotation", "segmentation", "windows"]


@dataclass(frozen=True, kw_only=True, slots=True)
class CycleSet:
    """Cycles of many recordings."""

    recordings: tuple[Recording, ...]
    """Those that have at least one cycle here."""

    sources: tuple[CycleSource, ...]
    """Per recording, where its cycles come from."""

    sample_rate: int
    """Of `samples`, in hertz."""

    samples: Float32[np.ndarray, "samples"]
    """The prepared signals of all recordings, one after the other."""

    offsets: Int64[np.ndarray, "recordings_and_one"]
    """Where each recording begins in `samples`, and last where the last one ends."""

    recording: Int64[np.ndarray, "cycles"]
    """Index into `recordings`, ascending."""

    bounds: Int64[np.ndarray, "cycles 5"]
    """Indices into `samples`: onsets of S1, systole, S2 and diastole, and the end of the cycle.

    Where nothing is known of the phases, the first four are equal.
    """

    def __len__(self) -> int:
        return len(self.recording)

    @property
    def has_phases(self) -> Bool[np.ndarray, "cycles"]:
        """Whether S1, systole, S2 and diastole are known."""
        return np.asarray((np.diff(self.bounds, axis=1) > 0).all(axis=1))

    @property
    def by_windows(self) -> Bool[np.ndarray, "recordings"]:
        """Which recordings could not be segmented, so that fixed windows stand for cycles."""
        return np.array([source == "windows" for source in self.sources], dtype=np.bool_)

    def of_subjects(self, subject_ids: Sequence[str]) -> Int64[np.ndarray, "chosen"]:
        """Indices of the cycles of these subjects, ascending."""
        wanted = set(subject_ids)
        keep = np.array([recording.subject_id in wanted for recording in self.recordings])
        return np.flatnonzero(keep[self.recording]).astype(np.int64)


def with_windows(cycles: CycleSet, window_s: float) -> CycleSet:
    """The same, recordings that could not be segmented shown in windows of that length.

    The windows of a recording lie within it, each half a window after the last; one that is
    shorter has a single one. Nothing is known of phases in them.
    """
    length = round(window_s * cycles.sample_rate)
    windowed = np.flatnonzero(cycles.by_windows)
    kept = ~cycles.by_windows[cycles.recording]
    recording, bounds = [cycles.recording[kept]], [cycles.bounds[kept]]
    for number in windowed:
        begin, end = cycles.offsets[number : number + 2]
        starts = np.arange(begin, max(begin + 1, end - length + 1), max(1, length // 2))
        stops = np.minimum(starts + length, end)
        bounds.append(np.column_stack([starts, starts, starts, starts, stops]))
        recording.append(np.full(len(starts), number))
    of_cycle = np.concatenate(recording)
    order = np.argsort(of_cycle, kind="stable")
    return replace(cycles, recording=of_cycle[order], bounds=np.concatenate(bounds)[order])


def joined(sets: Mapping[str, CycleSet]) -> CycleSet:
    """The cycles of several collections as one, in their order.

    A recording and its subject are called `<name>/<number>`, so that each number is of one of them.
    The samples of several are copied into memory once; those of a single one stay where they are.

    Args:
        sets: At least one, by the name of its collection; prepared at the same sample rate.
    """
    every = list(sets.values())
    rates = {one.sample_rate for one in every}
    assert len(rates) == 1, f"sample rates of {sorted(rates)} Hz"
    starts = np.cumsum([0, *(len(one.samples) for one in every)])
    firsts = np.cumsum([0, *(len(one.recordings) for one in every)])
    numbered = list(enumerate(every))
    return CycleSet(
        recordings=tuple(_renamed(name, r) for name, one in sets.items() for r in one.recordings),
        sources=tuple(source for one in every for source in one.sources),
        sample_rate=rates.pop(),
        samples=np.concatenate([one.samples for one in every]) if every[1:] else every[0].samples,
        offsets=np.concatenate(
            [*(one.offsets[:-1] + starts[i] for i, one in numbered), starts[-1:]]
        ),
        recording=np.concatenate([one.recording + firsts[i] for i, one in numbered]),
        bounds=np.concatenate([one.bounds + starts[i] for i, one in numbered]),
    )


def _renamed(name: str, recording: Recording) -> Recording:
    return replace(
        recording,
        recording_id=f"{name}/{recording.recording_id}",
        subject_id=f"{name}/{recording.subject_id}",
    )
