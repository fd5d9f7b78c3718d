"""A full look at a collection before anything is trained on it: counts, and all that is wrong."""

import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from typing import Any, TypeVar

from pahcl_core.data.annotation import read_annotation
from pahcl_core.data.audio import read_audio
from pahcl_core.data.collection import Collection, Problem, Provenance, Recording
from pahcl_core.data.preparation import Progress
from pahcl_core.data.states import NOT_ANNOTATED
from pahcl_core.errors import DataError

K = TypeVar("K")

_PAST_END_S = 0.05  # annotations are rounded to the frames they were made in


@dataclass(frozen=True, kw_only=True, slots=True)
class CheckReport:
    """What is in a collection. Counts by value are ordered from most to least frequent."""

    name: str
    root: str
    provenance: Provenance
    num_subjects: int
    num_persons: int
    num_recordings: int
    hours: float
    """Of sound, over all recordings."""

    annotated_hours: float
    """Of these, with a known heart state."""

    sample_rates: Mapping[int, int]
    """Recordings by sample rate in hertz."""

    subject_labels: Mapping[str, Mapping[str, int]]
    """Subjects by label name and value."""

    recording_labels: Mapping[str, Mapping[str, int]]
    """Recordings by label name and value."""

    locations: Mapping[str, Mapping[str, Mapping[str, int]]]
    """Recordings by location, label name and value."""

    problems: tuple[Problem, ...]
    """From reading the collection, then from reading every recording."""

    def lines(self) -> list[str]:
        """For a person to read, one line for each fact and each problem."""
        rates = {f"at {rate} Hz": count for rate, count in self.sample_rates.items()}
        lines = [
            f"{self.name} ({self.provenance}) in {self.root}",
            f"subjects: {self.num_subjects}, who are {self.num_persons} persons",
            f"recordings: {self.num_recordings}, {self.hours:.2f} h, "
            f"{self.annotated_hours:.2f} h of them annotated",
            f"sample rates: {_listing(rates)}",
        ]
        for label, counts in self.subject_labels.items():
            lines.append(f"{label}, by subject: {_listing(counts)}")
        for label, counts in self.recording_labels.items():
            lines.append(f"{label}, by recording: {_listing(counts)}")
        for location, labels in self.locations.items():
            parts = [f"{label} {_listing(counts)}" for label, counts in labels.items()]
            lines.append(f"at {location}: {'; '.join(parts)}")
        lines.append(f"problems: {len(self.problems)}")
        lines += [f"  {problem}" for problem in self.problems]
        return lines

    def as_dict(self) -> dict[str, Any]:
        """The same for a program: numbers, texts, lists and dictionaries with text keys."""
        content = asdict(self)
        content["sample_rates"] = {str(rate): n for rate, n in self.sample_rates.items()}
        content["problems"] = [asdict(problem) for problem in self.problems]
        return content


@dataclass(frozen=True, kw_only=True, slots=True)
class _Finding:
    annotated_s: float
    content: bytes
    problems: tuple[Problem, ...]


def check_collection(
    collection: Collection,
    *,
    num_workers: int = 0,
    progress: Progress = lambda items, total: items,
) -> CheckReport:
    """Read every recording and every annotation of a collection, and count.

    Args:
        collection: As its reader gave it.
        num_workers: Threads; 0 or 1 for none. The result does not depend on it.
        progress: Shown the recordings as they are done.

    Returns:
        The counts and all problems: those the reader had, recordings that cannot be decoded or
        are silent, faulty or overlong annotations, and equal recordings of different persons.
    """
    recordings, total = collection.recordings, len(collection.recordings)

    def one(recording: Recording) -> _Finding:
        return _inspect(recording, collection)

    if num_workers > 1:
        with ThreadPoolExecutor(num_workers) as pool:
            findings = list(progress(pool.map(one, recordings), total))
    else:
        findings = list(progress(map(one, recordings), total))
    problems = [problem for finding in findings for problem in finding.problems]
    places = sorted({recording.location or "unknown location" for recording in recordings})
    return CheckReport(
        name=collection.name,
        root=str(collection.root),
        provenance=collection.provenance,
        num_subjects=len(collection.subjects),
        num_persons=len({subject.person_id for subject in collection.subjects}),
        num_recordings=total,
        hours=sum(recording.duration_s for recording in recordings) / 3600,
        annotated_hours=sum(finding.annotated_s for finding in findings) / 3600,
        sample_rates=_counts(recording.sample_rate for recording in recordings),
        subject_labels=_label_counts([subject.labels for subject in collection.subjects]),
        recording_labels=_label_counts([recording.labels for recording in recordings]),
        locations={
            place: _label_counts(
                [one.labels for one in recordings if (one.location or "unknown location") == place]
            )
            for place in places
        },
        problems=(*collection.problems, *problems, *_shared(collection, findings)),
    )


def _inspect(recording: Recording, collection: Collection) -> _Finding:
    file = recording.path.relative_to(collection.root).as_posix()
    problems: list[Problem] = []
    content = b""
    try:
        samples, _ = read_audio(recording.path)
    except DataError as error:
        reason = str(error).removeprefix(f"{recording.path}: ")
        problems.append(Problem(file=file, reason=reason))
    else:
        if samples.min() == samples.max():
            problems.append(Problem(file=file, reason="is silent: all its samples are equal"))
        else:
            content = hashlib.sha256(samples.tobytes()).digest()
    annotated_s = 0.0
    if recording.states_path is not None:
        file = recording.states_path.relative_to(collection.root).as_posix()
        states, faults = read_annotation(recording, file=file)
        problems += faults
        known = states.state != NOT_ANNOTATED
        annotated_s = float((states.end_s - states.start_s)[known].sum())
        end_s = float(states.end_s.max(initial=0.0))
        if end_s > recording.duration_s + _PAST_END_S:
            reason = f"runs to {end_s:g} s; the recording ends at {recording.duration_s:g} s"
            problems.append(Problem(file=file, reason=reason))
    return _Finding(annotated_s=annotated_s, content=content, problems=tuple(problems))


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


def _label_counts(labels: Sequence[Mapping[str, str]]) -> dict[str, dict[str, int]]:
    names = list(dict.fromkeys(name for one in labels for name in one))
    return {name: _counts(one[name] for one in labels if name in one) for name in names}


def _counts(values: Iterable[K]) -> dict[K, int]:
    counts = Counter(values)
    return dict(sorted(counts.items(), key=lambda item: (-item[1], str(item[0]))))


def _listing(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{count} {value}" for value, count in counts.items())
