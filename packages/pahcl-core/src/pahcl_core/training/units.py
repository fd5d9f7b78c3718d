"""Whole units, patients or lone recordings, to a batch: what a model is trained on as it is scored.

In each epoch a unit shows some of its recordings, and a recording some of its cycles. Which, and
in which order units come, is looked up by seed, epoch and cycle (`training.draws`).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Int64, Shaped

from pahcl_core.data.collection import Subject
from pahcl_core.data.cycle_set import CycleSet
from pahcl_core.models.instance_pooling import Bags
from pahcl_core.training.draws import Draw, Purpose, uniforms
from pahcl_core.training.windows import num_batches


@dataclass(frozen=True, kw_only=True, slots=True)
class Units:
    """Subjects, and which of them each cycle is of."""

    subjects: tuple[Subject, ...]
    """Those that have a cycle."""

    cycles: Int64[np.ndarray, "cycles"]
    """Numbers of all their cycles in the `CycleSet`, ascending."""

    recording: Int64[np.ndarray, "all_cycles"]
    """The recording of every cycle of the `CycleSet`, theirs or not."""

    unit: Int64[np.ndarray, "recordings"]
    """Which of `subjects` each recording of the `CycleSet` is of; -1 for none of them."""

    def bags(
        self, index: Int64[np.ndarray, "chosen"], device: torch.device
    ) -> tuple[Int64[np.ndarray, "units"], Bags]:
        """Which of `subjects` these cycles are of, ascending, and how they are put together.

        Args:
            index: Cycles of `subjects`, in any order.
            device: Where the bags are wanted.
        """
        recordings, of_cycle = np.unique(self.recording[index], return_inverse=True)
        units, of_recording = np.unique(self.unit[recordings], return_inverse=True)
        recording, unit = (torch.from_numpy(one).to(device) for one in (of_cycle, of_recording))
        return units, Bags(recording, unit, len(units))


def units_of(cycles: CycleSet, subjects: Sequence[Subject]) -> Units:
    """The units that these subjects are, but for those without a cycle."""
    with_cycles = np.unique(cycles.recording).tolist()
    heard = {cycles.recordings[number].subject_id for number in with_cycles}
    known = tuple(subject for subject in subjects if subject.subject_id in heard)
    place = {subject.subject_id: number for number, subject in enumerate(known)}
    unit = [place.get(recording.subject_id, -1) for recording in cycles.recordings]
    return Units(
        subjects=known,
        cycles=cycles.of_subjects(list(place)),
        recording=cycles.recording,
        unit=np.array(unit, dtype=np.int64),
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class UnitDraws:
    """Epochs of units."""

    units: Units
    seed: int
    batch_size: int
    """Cycles in a batch, about: it has whole units, and batches nearly equal numbers of them."""

    cycles_per_recording: int
    """Drawn anew from each recording in each epoch, if it has more."""

    recordings_per_unit: int
    """Drawn anew from each unit in each epoch, if it has more."""

    @property
    def num_batches(self) -> int:
        """In each epoch: as for the most cycles that one can have, and one for a unit at most."""
        recordings, there = np.unique(self._recording, return_counts=True)
        drawn = np.minimum(there, self.cycles_per_recording)
        most = _first(self.units.unit[recordings], -drawn, self.recordings_per_unit)
        return min(len(self.units.subjects), num_batches(int(drawn[most].sum()), self.batch_size))

    @property
    def _recording(self) -> Int64[np.ndarray, "cycles"]:
        result: Int64[np.ndarray, "cycles"] = self.units.recording[self.units.cycles]
        return result

    def batches(self, epoch: int) -> Sequence[Int64[np.ndarray, "_"]]:
        """Numbers of cycles in the `CycleSet`, the units in another order in each epoch.

        A unit's cycles lie together, and so do a recording's.
        """
        units, index, recording = self.units, self.units.cycles, self._recording
        streams = Draw(self.seed, epoch).streams(torch.from_numpy(index))
        turn = uniforms(streams[:, Purpose.TURN], 3).numpy()
        recordings, start = np.unique(recording, return_index=True)
        shown = _first(units.unit[recordings], turn[start, 1], self.recordings_per_unit)
        drawn = _first(recording, turn[:, 0], self.cycles_per_recording)
        index = index[drawn & np.isin(recording, recordings[shown])]

        unit, start = np.unique(units.unit[recording], return_index=True)
        place = np.empty_like(unit)
        place[unit[np.argsort(turn[start, 2], kind="stable")]] = np.arange(len(unit))
        of_cycle = place[units.unit[units.recording[index]]]
        order = np.argsort(of_cycle, kind="stable")
        firsts = [part[0] for part in np.array_split(np.arange(len(unit)), self.num_batches)]
        return np.split(index[order], np.searchsorted(of_cycle[order], firsts[1:]))


def _first(
    group: Int64[np.ndarray, "rows"], turn: Shaped[np.ndarray, "rows"], most: int
) -> Bool[np.ndarray, "rows"]:
    """Whether each row is among so many of its group whose turn is lowest."""
    order = np.lexsort((turn, group))
    place = np.arange(len(order)) - np.searchsorted(group[order], group[order])
    result = np.zeros(len(group), dtype=np.bool_)
    result[order[place < most]] = True
    return result
