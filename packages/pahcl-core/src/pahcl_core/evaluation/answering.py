"""Asking a model about recordings that are in no collection.

What is said of a recording is what a run would have said of it: the same preparation, the same
model, the same way from cycles to patients. What a run does not do is refuse: here nothing is said
from a recording in which no heart can be heard.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np
from jaxtyping import Float64

from pahcl_core.data.collection import Problem, Recording, Subject
from pahcl_core.data.cycle_set import CycleSet, with_windows
from pahcl_core.data.preparation import PreparedRecording, SignalConfig, prepare_recordings
from pahcl_core.data.unstored import cycle_set_of
from pahcl_core.evaluation.answers import REFUSALS, Answer, HeardRecording, Verdict
from pahcl_core.evaluation.recordings_given import Given
from pahcl_core.training.evaluation import Instances, Scored
from pahcl_core.training.scoring import class_probabilities
from pahcl_core.training.trained_model import TrainedModel

_TOGETHER = 8  # recordings, or those of one patient if there are more; see prepare_recordings


def answers(
    model: TrainedModel,
    given: Sequence[Given],
    *,
    any_quality: bool = False,
    segment_anew: bool = False,
) -> Iterator[Answer]:
    """What a model says of these patients, one after the other, a few at a time in memory.

    Args:
        model: Which is asked.
        given: Whose recordings.
        any_quality: Say something also where no heart can be heard, as a run does.
        segment_anew: Find the cycles in the sound where an annotation lies beside it, too.
    """
    signal = model.checkpoint.signal
    if segment_anew:
        signal = replace(signal, cycles="segmentation")
    for some in _together(given):
        yield from _answered(model, some, signal, any_quality)


def _together(given: Sequence[Given]) -> Iterator[list[Given]]:
    some: list[Given] = []
    for one in given:
        if some and sum(len(each.recordings) for each in (*some, one)) > _TOGETHER:
            yield some
            some = []
        some.append(one)
    if some:
        yield some


def _answered(
    model: TrainedModel, given: Sequence[Given], signal: SignalConfig, any_quality: bool
) -> Iterator[Answer]:
    recordings = [recording for one in given for recording in one.recordings]
    prepared = dict(
        zip(
            (one.recording_id for one in recordings),
            prepare_recordings(recordings, signal) if recordings else (),
            strict=True,
        )
    )
    used = [
        one
        for one in recordings
        if prepared[one.recording_id].is_usable
        and (any_quality or not _refusal(prepared[one.recording_id]))
    ]
    heard: _Heard | None = None
    if used:
        cycles = cycle_set_of(used, [prepared[one.recording_id] for one in used], signal)
        cycles = with_windows(cycles, model.checkpoint.encoder_config.window_s)
        subjects = [
            Subject(subject_id=name, person_id=name)
            for name in dict.fromkeys(one.subject_id for one in used)
        ]
        heard = _Heard(cycles, model.ask(cycles, subjects))
    for one in given:
        yield _answer(model, one, prepared, heard, signal)


class _Heard:
    """What was said of several patients, by their names and their recordings'."""

    def __init__(self, cycles: CycleSet, scored: Scored) -> None:
        self.cycles = cycles
        self.instances: Instances = scored.instances
        self.probabilities = {
            subject.subject_id: row
            for subject, row in zip(
                scored.predictions.subjects, scored.predictions.probabilities, strict=True
            )
        }
        self._place = {one.recording_id: i for i, one in enumerate(cycles.recordings)}

    def __contains__(self, recording: Recording) -> bool:
        return recording.recording_id in self._place

    def rows(self, recording: Recording) -> np.ndarray:
        """Which of the instances are of this recording."""
        number = self._place[recording.recording_id]
        return np.flatnonzero(self.cycles.recording[self.instances.cycle] == number)

    def bounds_s(self, recording: Recording) -> np.ndarray:
        """Of its cycles, in seconds from its beginning."""
        bounds = self.cycles.bounds[self.instances.cycle[self.rows(recording)]]
        first = self.cycles.offsets[self._place[recording.recording_id]]
        return np.asarray((bounds - first) / self.cycles.sample_rate)


def _answer(
    model: TrainedModel,
    given: Given,
    prepared: dict[str, PreparedRecording],
    heard: _Heard | None,
    signal: SignalConfig,
) -> Answer:
    task = model.task
    unreadable = [one for one in given.recordings if not prepared[one.recording_id].is_usable]
    failed = [
        Problem(file=one.recording_id, reason=prepared[one.recording_id].remarks[0].reason)
        for one in unreadable
    ]
    row = None if heard is None else heard.probabilities.get(given.name)
    told = {} if row is None else class_probabilities(row[None], task)
    return Answer(
        name=given.name,
        task=task,
        recordings=tuple(
            _recording(one, prepared[one.recording_id], heard, signal, len(task.outputs))
            for one in given.recordings
            if one not in unreadable
        ),
        failed=(*given.problems, *failed),
        verdicts={label: _verdict(model, label, own) for label, own in told.items()},
    )


def _verdict(
    model: TrainedModel, label: str, probabilities: Float64[np.ndarray, "one classes"]
) -> Verdict:
    task = model.task.parts[label]
    scaled = model.calibrated(label, probabilities)
    return Verdict(
        label=task.label,
        said=task.classes[int(model.said(label, probabilities)[0])],
        probabilities=dict(zip(task.classes, probabilities[0].tolist(), strict=True)),
        calibrated=None
        if scaled is None
        else dict(zip(task.classes, scaled[0].tolist(), strict=True)),
    )


def _recording(
    recording: Recording,
    prepared: PreparedRecording,
    heard: _Heard | None,
    signal: SignalConfig,
    num_outputs: int,
) -> HeardRecording:
    bounds_s, weights = np.zeros((0, 5)), np.zeros(0)
    probabilities = np.zeros((0, num_outputs))
    refused = _refusal(prepared)
    if heard is not None and recording in heard:
        rows, refused = heard.rows(recording), ""
        bounds_s, weights = heard.bounds_s(recording), heard.instances.weight[rows]
        probabilities = heard.instances.probabilities[rows]
    return HeardRecording(
        path=recording.path,
        duration_s=recording.duration_s,
        quality=None if math.isnan(prepared.quality) else prepared.quality,
        flags=prepared.flags,
        remarks=tuple(_told(remark.row, remark.reason) for remark in prepared.remarks),
        refused=refused,
        source=prepared.source,
        sample_rate=signal.sample_rate,
        samples=prepared.samples,
        bounds_s=bounds_s,
        weights=weights,
        probabilities=probabilities,
    )


def _refusal(prepared: PreparedRecording) -> str:
    """Why nothing should be said from it; empty if something can be."""
    return ", and ".join(REFUSALS[flag] for flag in prepared.flags if flag in REFUSALS)


def _told(row: int | None, reason: str) -> str:
    return reason if row is None else f"row {row}: {reason}"
