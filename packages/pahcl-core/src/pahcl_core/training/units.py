"""Whole units, patients or lone recordings, to a batch: what a model is trained on as it is scored.

In each epoch a unit shows some of its recordings, and a recording some of its cycles. Which, and
in which order units come, is looked up by seed, epoch and cycle (`training.draws`).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Float32, Int64, Shaped

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

        Those that are drawn again come after the others.

        Args:
            index: Cycles of `subjects`, in any order, numbered as `UnitDraws.batches` does: what is
                drawn again is a unit of its own.
            device: Where the bags are wanted.
        """
        num_recordings, num_units = len(self.unit), len(self.subjects)
        again, cycle = np.divmod(index, len(self.recording))
        recordings, of_cycle = np.unique(
            again * num_recordings + self.recording[cycle], return_inverse=True
        )
        again, place = np.divmod(recordings, num_recordings)
        units, of_recording = np.unique(again * num_units + self.unit[place], return_inverse=True)
        recording, unit = (torch.from_numpy(one).to(device) for one in (of_cycle, of_recording))
        return units % num_units, Bags(recording, unit, len(units))


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

    balanced: Int64[np.ndarray, "units"] | None = None
    """Class of each unit, to draw all classes equally often; None to draw each unit once."""

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

        A unit's cycles lie together, and so do a recording's. Those of a unit that is drawn again
        are drawn anew, and numbered as `windows.epoch_of` does: the cycle's number plus how many
        cycles there are, then plus twice that.
        """
        times = self._times(self._turns(epoch, 0)[self._start, 3])
        drawn, owner, turns = [], [], []
        for again in range(int(times.max())):
            turn, asked = self._turns(epoch, again), times > again
            index = self._shown(turn)
            unit = self.units.unit[self.units.recording[index]]
            drawn.append(index[asked[unit]] + again * len(self.units.recording))
            owner.append(unit[asked[unit]] + again * len(times))
            turns.append(np.where(asked, turn[self._start, 2], np.inf))
        place = np.empty(sum(map(len, turns)), dtype=np.int64)
        place[np.argsort(np.concatenate(turns), kind="stable")] = np.arange(len(place))
        of_cycle = place[np.concatenate(owner)]
        order = np.argsort(of_cycle, kind="stable")
        firsts = [part[0] for part in np.array_split(np.arange(times.sum()), self.num_batches)]
        return np.split(np.concatenate(drawn)[order], np.searchsorted(of_cycle[order], firsts[1:]))

    @property
    def _start(self) -> Int64[np.ndarray, "units"]:
        """Of each unit, where its first cycle is among all of the units'."""
        return np.unique(self.units.unit[self._recording], return_index=True)[1]

    def _turns(self, epoch: int, again: int) -> Float32[np.ndarray, "cycles 4"]:
        """Of each cycle; see `Purpose.TURN`."""
        index = self.units.cycles + again * len(self.units.recording)
        streams = Draw(self.seed, epoch).streams(torch.from_numpy(index))
        turns: Float32[np.ndarray, "cycles 4"] = uniforms(streams[:, Purpose.TURN], 4).numpy()
        return turns

    def _shown(self, turn: Float32[np.ndarray, "cycles 4"]) -> Int64[np.ndarray, "shown"]:
        """Numbers of the cycles that each unit shows."""
        recordings, start = np.unique(self._recording, return_index=True)
        shown = _first(self.units.unit[recordings], turn[start, 1], self.recordings_per_unit)
        drawn = _first(self._recording, turn[:, 0], self.cycles_per_recording)
        chosen: Int64[np.ndarray, "shown"] = self.units.cycles[
            drawn & np.isin(self._recording, recordings[shown])
        ]
        return chosen

    def _times(self, turn: Float32[np.ndarray, "units"]) -> Int64[np.ndarray, "units"]:
        """How often each unit is drawn in an epoch.

        Of each class as many units as of any other, and as many in all as there are; none once
        more than another of its class but for one time, which those get whose turn is lowest.
        """
        if self.balanced is None:
            return np.ones(len(turn), dtype=np.int64)
        times = np.zeros(len(turn), dtype=np.int64)
        classes = np.unique(self.balanced)
        for share, number in zip(np.array_split(turn, len(classes)), classes, strict=True):
            own = np.flatnonzero(self.balanced == number)
            times[own], rest = divmod(len(share), len(own))
            times[own[np.argsort(turn[own], kind="stable")[:rest]]] += 1
        return times


def _first(
    group: Int64[np.ndarray, "rows"], turn: Shaped[np.ndarray, "rows"], most: int
) -> Bool[np.ndarray, "rows"]:
    """Whether each row is among so many of its group whose turn is lowest."""
    order = np.lexsort((turn, group))
    place = np.arange(len(order)) - np.searchsorted(group[order], group[order])
    result = np.zeros(len(group), dtype=np.bool_)
    result[order[place < most]] = True
    return result
