"""The shape every reader gives: subjects, their recordings, and what could not be used."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

Provenance = Literal["real", "synthetic"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Problem:
    """One thing in a collection that could not be used as it stands."""

    file: str
    """Path relative to the collection's root."""

    reason: str
    """What is wrong and what was done about it."""

    row: int | None = None
    """Line of the file, counted from 1; None when it concerns the whole file."""

    def __str__(self) -> str:
        """As printed to the user: `training_data/1_AV.tsv, row 3: state 28 is not one of 0–4`."""
        place = self.file if self.row is None else f"{self.file}, row {self.row}"
        return f"{place}: {self.reason}"


@dataclass(frozen=True, kw_only=True, slots=True)
class Recording:
    """One WAV file taken at one auscultation location."""

    recording_id: str
    """Unique in its collection, such as `50782_MV_1`."""

    subject_id: str
    """The subject it belongs to, as the collection numbers subjects; the unit of scoring."""

    path: Path
    """The WAV file."""

    sample_rate: int
    """In hertz, from the WAV header."""

    num_samples: int
    """Length at `sample_rate`, from the WAV header."""

    location: str | None = None
    """Auscultation site, such as AV, PV, TV, MV or Phc."""

    states_path: Path | None = None
    """The annotation of S1, systole, S2 and diastole that came with the recording, if any."""

    labels: Mapping[str, str] = field(default_factory=dict)
    """What is true of this recording, by label name (`murmur`, `outcome`).

    It may differ from the subject's label: a murmur is present in a person, yet silent at some
    locations. Training cycle by cycle uses these; training on whole patients, and scoring, use the
    subject's.
    """

    @property
    def duration_s(self) -> float:
        """Length in seconds."""
        return self.num_samples / self.sample_rate


@dataclass(frozen=True, kw_only=True, slots=True)
class Subject:
    """One subject as the collection numbers them. Two subjects can be the same person."""

    subject_id: str
    person_id: str
    """Equal for all subjects who are the same person; the unit of every split."""

    labels: Mapping[str, str] = field(default_factory=dict)
    """The truth to score against, by label name: `{"murmur": "Present", "outcome": "Normal"}`."""

    attributes: Mapping[str, str] = field(default_factory=dict)
    """Everything else the collection says of the subject, such as age, sex, campaign."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Collection:
    """A collection of recordings as read from disk."""

    name: str
    root: Path
    provenance: Provenance
    subjects: tuple[Subject, ...]
    recordings: tuple[Recording, ...]
    problems: tuple[Problem, ...] = ()

    def subject(self, subject_id: str) -> Subject:
        """The subject of that number.

        Raises:
            KeyError: If there is none.
        """
        for subject in self.subjects:
            if subject.subject_id == subject_id:
                return subject
        raise KeyError(subject_id)
