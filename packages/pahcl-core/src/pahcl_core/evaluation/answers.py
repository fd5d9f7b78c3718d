"""What is said of a patient, and what it rests on: for a person to read, and for a program."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float32, Float64

from pahcl_core.data.collection import Problem
from pahcl_core.data.cycle_set import CycleSource
from pahcl_core.data.tasks import Task
from pahcl_core.signal.cycles import Cycles
from pahcl_core.training.scoring import class_probabilities, told_by_label

NOTICE = "research software, not a medical device: no diagnosis follows from this"

_SHOWN_CYCLES = 3
REFUSALS: Mapping[str, str] = {
    "silent": "it is silent",
    "noise": "nothing stands out in it, as in noise",
    "no_heartbeat": "no heartbeat was found in it",
}
"""By quality flag: why nothing is said from such a recording."""


@dataclass(frozen=True, kw_only=True, slots=True)
class HeardRecording:
    """A recording, and what part it has in an answer."""

    path: Path
    duration_s: float
    quality: float | None
    """0 to 1; None where its rate is too low to tell."""

    flags: tuple[str, ...]
    remarks: tuple[str, ...]
    """What could not be used of it."""

    refused: str
    """Why nothing is said from it; empty if something is."""

    source: CycleSource
    sample_rate: int
    """Of `samples`, in hertz."""

    samples: Float32[np.ndarray, "samples"]
    """As the model was shown it."""

    bounds_s: Float64[np.ndarray, "cycles 5"]
    """Onsets of S1, systole, S2 and diastole, and the end, in seconds; the first four equal in
    windows that stand for cycles. None where it was refused."""

    weights: Float64[np.ndarray, "cycles"]
    """What each counts for in what is said; they add up to 1 over a patient's recordings."""

    probabilities: Float64[np.ndarray, "cycles outputs"]
    """What would be said if it were the only one: of each class, or of several labels that each is
    positive."""

    @property
    def heart_rate_bpm(self) -> float | None:
        """Beats per minute; None where there is no cycle."""
        if self.source == "windows":
            return None
        return Cycles(bounds_s=self.bounds_s).heart_rate_bpm

    def line(self) -> str:
        """For a person to read."""
        quality = "unknown" if self.quality is None else f"{self.quality:.2f}"
        told = [f"{self.duration_s:.1f} s", f"quality {quality}"]
        told += [flag.replace("_", " ") for flag in self.flags if flag not in REFUSALS]
        if self.refused:
            return f"{self.path}: {', '.join(told)}; not used: {self.refused}"
        if self.source == "windows":
            told.append(f"no cycles found, {len(self.weights)} windows used")
        else:
            told += [f"{self.heart_rate_bpm:.0f} beats/min", f"{len(self.weights)} cycles used"]
        return f"{self.path}: {', '.join(told)}"

    def as_dict(self, task: Task) -> dict[str, Any]:
        """For a program."""
        of_cycle = [
            {
                label: dict(zip(task.classes, own[number].tolist(), strict=True))
                for label, own in class_probabilities(self.probabilities, task).items()
            }
            for number in range(len(self.weights))
        ]
        rows = zip(self.bounds_s.tolist(), self.weights.tolist(), of_cycle, strict=True)
        return {
            "file": str(self.path),
            "duration_s": self.duration_s,
            "used": not self.refused,
            "refused": self.refused or None,
            "quality": self.quality,
            "flags": list(self.flags),
            "remarks": list(self.remarks),
            "segmented_by": self.source,
            "heart_rate_bpm": self.heart_rate_bpm,
            "cycles": [
                {
                    "start_s": bounds[0],
                    "stop_s": bounds[-1],
                    "onsets_s": None if self.source == "windows" else bounds[:-1],
                    "weight": weight,
                    "probabilities": told_by_label(said),
                }
                for bounds, weight, said in rows
            ],
        }


@dataclass(frozen=True, kw_only=True, slots=True)
class Verdict:
    """What is said of one patient, or one recording, in one respect."""

    label: str
    """What it is about."""

    said: str
    """The class."""

    probabilities: Mapping[str, float]
    """By class, as a run's `predictions.csv` has them."""

    calibrated: Mapping[str, float] | None
    """The same at the temperature of the validation units; None without one."""

    @property
    def confidence(self) -> float:
        """Probability of what is said, calibrated where it can be."""
        return (self.calibrated or self.probabilities)[self.said]

    @property
    def words(self) -> str:
        """What is said and how sure that is."""
        how = "calibrated" if self.calibrated else "not calibrated"
        return f"{self.label} {self.said}, {self.confidence:.2f} {how}"

    @property
    def others(self) -> str:
        """What else it might be, and how probable that is."""
        told = self.calibrated or self.probabilities
        return ", ".join(f"{name} {p:.2f}" for name, p in told.items() if name != self.said)

    def as_dict(self) -> dict[str, Any]:
        """For a program."""
        return {
            "said": self.said,
            "confidence": self.confidence,
            "is_calibrated": self.calibrated is not None,
            "probabilities": self.probabilities,
            "calibrated": self.calibrated,
        }


_NOTHING_SAID = {
    "said": None,
    "confidence": None,
    "is_calibrated": False,
    "probabilities": None,
    "calibrated": None,
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Answer:
    """What is said of one patient, or one recording."""

    name: str
    task: Task
    recordings: tuple[HeardRecording, ...]
    failed: tuple[Problem, ...]
    """Recordings that could not be read."""

    verdicts: Mapping[str, Verdict]
    """By label, which is empty where the task has one; none where nothing is said."""

    @property
    def refused(self) -> str:
        """Why nothing is said, though a recording could be read; empty if something is."""
        if self.verdicts or not self.recordings:
            return ""
        reasons = dict.fromkeys(one.refused for one in self.recordings)
        return "; ".join(reasons)

    def lines(self) -> list[str]:
        """For a person to read."""
        return [
            *self._headlines(),
            *(f"  {one.line()}" for one in self.recordings),
            *(f"    {remark}" for one in self.recordings for remark in one.remarks),
            *self._what_mattered(),
        ]

    def as_dict(self) -> dict[str, Any]:
        """For a program, with every cycle."""
        told = {
            label: self.verdicts[label].as_dict() if self.verdicts else _NOTHING_SAID
            for label in self.task.parts
        }
        return {
            self.task.unit: self.name,
            "verdict": "answered" if self.verdicts else "refused" if self.recordings else "failed",
            "reason": self.refused or None,
            **({"labels": told} if self.task.labels else told[""]),
            "recordings": [one.as_dict(self.task) for one in self.recordings],
            "failed": [{"file": one.file, "reason": one.reason} for one in self.failed],
        }

    def _headlines(self) -> list[str]:
        if not self.verdicts:
            return [f"{self.name}: nothing is said: {self.refused or 'no recording can be read'}"]
        return [f"{self.name}: {one.words} ({one.others})" for one in self.verdicts.values()]

    def _what_mattered(self) -> list[str]:
        cycles = [
            (weight, one.path.name, bounds[0], bounds[-1])
            for one in self.recordings
            for weight, bounds in zip(one.weights.tolist(), one.bounds_s.tolist(), strict=True)
        ]
        if not cycles:
            return []
        top = sorted(cycles, key=lambda cycle: -cycle[0])[:_SHOWN_CYCLES]
        named = len({cycle[1] for cycle in cycles}) > 1
        told = ", ".join(
            f"{f'{file} ' if named else ''}{start:.2f}–{stop:.2f} s ({weight:.0%})"
            for weight, file, start, stop in top
        )
        return [f"  of {len(cycles)} cycles these counted for most: {told}"]
