"""A full look at a collection before anything is trained on it: counts, and all that is wrong."""

import hashlib
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float32

from pahcl_core.data.annotation import read_annotation
from pahcl_core.data.check_report import UNKNOWN_LOCATION, CheckReport
from pahcl_core.data.collection import Collection, Problem, Recording
from pahcl_core.data.label_counts import counts_of, label_counts, person_counts
from pahcl_core.data.preparation import Progress
from pahcl_core.data.samples import read_samples
from pahcl_core.data.split_balance import split_balance
from pahcl_core.data.states import NOT_ANNOTATED
from pahcl_core.errors import DataError
from pahcl_core.signal.cycles import cycles_from_states
from pahcl_core.signal.emissions import MIN_SAMPLE_RATE
from pahcl_core.signal.segment_states import segment_states

_PAST_END_S = 0.05  # annotations are rounded to the frames they were made in


@dataclass(frozen=True, kw_only=True, slots=True)
class _Finding:
    annotated_s: float
    heart_rate_bpm: float | None
    rate_annotated: bool
    content: bytes
    problems: tuple[Problem, ...]


def check_collection(
    collection: Collection,
    *,
    split_by: Sequence[str] | None = None,
    segment: bool = False,
    num_workers: int = 0,
    progress: Progress = lambda items, total: items,
) -> CheckReport:
    """Read every recording and every annotation of a collection, and count.

    Args:
        collection: As its reader gave it.
        split_by: Labels by which training deals out the people, the most important first,
            possibly not one; None to leave the split out.
        segment: Whether to find the heart rate of recordings without annotated cycles from their
            sound, which takes several times as long as all else.
        num_workers: Threads; 0 or 1 for none. The result does not depend on it.
        progress: Shown the recordings as they are done.

    Returns:
        The counts and all problems: those the reader had, recordings that cannot be decoded or
        are silent, faulty or overlong annotations, and equal recordings of different persons.
    """
    recordings, total = collection.recordings, len(collection.recordings)

    def one(recording: Recording) -> _Finding:
        return _inspect(recording, collection, segment=segment)

    if num_workers > 1:
        with ThreadPoolExecutor(num_workers) as pool:
            findings = list(progress(pool.map(one, recordings), total))
    else:
        findings = list(progress(map(one, recordings), total))
    problems = [problem for finding in findings for problem in finding.problems]
    place_of = [recording.location or UNKNOWN_LOCATION for recording in recordings]
    places = sorted(set(place_of))
    return CheckReport(
        name=collection.name,
        root=str(collection.root),
        provenance=collection.provenance,
        num_subjects=len(collection.subjects),
        num_persons=len({subject.person_id for subject in collection.subjects}),
        num_recordings=total,
        hours=sum(recording.duration_s for recording in recordings) / 3600,
        annotated_hours=sum(finding.annotated_s for finding in findings) / 3600,
        sample_rates=counts_of(recording.sample_rate for recording in recordings),
        durations_s=tuple(recording.duration_s for recording in recordings),
        heart_rates_bpm=tuple(
            one.heart_rate_bpm for one in findings if one.heart_rate_bpm is not None
        ),
        num_rates_annotated=sum(one.rate_annotated for one in findings),
        subject_labels=label_counts([subject.labels for subject in collection.subjects]),
        person_labels=person_counts(collection.subjects),
        recording_labels=label_counts([recording.labels for recording in recordings]),
        location_recordings={place: place_of.count(place) for place in places},
        locations={
            place: label_counts(
                [one.labels for one, at in zip(recordings, place_of, strict=True) if at == place]
            )
            for place in places
        },
        split=None if split_by is None else split_balance(collection, split_by),
        problems=(*collection.problems, *problems, *_shared(collection, findings)),
    )


def _inspect(recording: Recording, collection: Collection, *, segment: bool) -> _Finding:
    problems: list[Problem] = []
    samples = _sounding(recording, collection, problems)
    annotated_s, annotated_rate = _annotated(recording, collection, problems)
    rate = annotated_rate
    if rate is None and segment and samples is not None:
        rate = _segmented_rate(recording, samples)
    return _Finding(
        annotated_s=annotated_s,
        heart_rate_bpm=rate,
        rate_annotated=annotated_rate is not None,
        content=b"" if samples is None else hashlib.sha256(samples.tobytes()).digest(),
        problems=tuple(problems),
    )


def _sounding(
    recording: Recording, collection: Collection, problems: list[Problem]
) -> Float32[np.ndarray, "samples"] | None:
    """The samples, or None and a problem if they cannot be decoded or are silent."""
    file = recording.path.relative_to(collection.root).as_posix()
    try:
        samples, _ = read_samples(recording.path)
    except DataError as error:
        reason = str(error).removeprefix(f"{recording.path}: ")
        problems.append(Problem(file=file, reason=reason))
        return None
    if samples.min() == samples.max():
        problems.append(Problem(file=file, reason="is silent: all its samples are equal"))
        return None
    return samples


def _annotated(
    recording: Recording, collection: Collection, problems: list[Problem]
) -> tuple[float, float | None]:
    """Seconds with a known state, and the heart rate of the annotated cycles if there are any."""
    if recording.states_path is None:
        return 0.0, None
    file = recording.states_path.relative_to(collection.root).as_posix()
    try:
        states, faults = read_annotation(recording, file=file)
    except DataError as error:
        reason = str(error).removeprefix(f"{recording.states_path}: ")
        problems.append(Problem(file=file, reason=reason))
        return 0.0, None
    problems += faults
    known = states.state != NOT_ANNOTATED
    end_s = float(states.end_s.max(initial=0.0))
    if end_s > recording.duration_s + _PAST_END_S:
        reason = f"runs to {end_s:g} s; the recording ends at {recording.duration_s:g} s"
        problems.append(Problem(file=file, reason=reason))
    cycles = cycles_from_states(states.start_s, states.end_s, states.state)
    return float((states.end_s - states.start_s)[known].sum()), cycles.heart_rate_bpm


def _segmented_rate(recording: Recording, samples: Float32[np.ndarray, "samples"]) -> float | None:
    if recording.sample_rate < MIN_SAMPLE_RATE:
        return None
    return segment_states(samples, sample_rate=recording.sample_rate).cycles.heart_rate_bpm


def _shared(collection: Collection, findings: Sequence[_Finding]) -> list[Problem]:
    """The same sound under two persons: a split by person would not keep it on one side."""
    person = {subject.subject_id: subject.person_id for subject in collection.subjects}
    first: dict[bytes, Recording] = {}
    problems: list[Problem] = []
    for recording, finding in zip(collection.recordings, findings, strict=True):
        if not finding.content:
            continue
        twin = first.setdefault(finding.content, recording)
        if person[twin.subject_id] != person[recording.subject_id]:
            file = recording.path.relative_to(collection.root).as_posix()
            reason = f"has the samples of {twin.recording_id}, which is another person's"
            problems.append(Problem(file=file, reason=reason))
    return problems
