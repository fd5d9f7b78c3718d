"""The training data of the PhysioNet/CinC Challenge 2016 in the layout it is downloaded in.

`training-a` to `training-f` are six databases of six research groups; each folder has the labels
(`REFERENCE.csv`), the quality (`REFERENCE-SQI.csv`) and, per recording, the signal (`.wav`) and a
WFDB header (`.hea`), which is not read: it repeats the other two, and in training-a also names an
ECG. `annotations/` has heart states and what is known of the persons.

Who is who: training-a tells persons apart by the `C<n>` that its original names begin with,
training-b by `Subject ID`. Training-e names the raw record that a recording was cut from; those
numbers begin anew for the patients, so two people can share one, and a person can have given
several raw records, which nothing tells. Of training-c, d, f and some of training-e nothing is
said: each recording stands for a person of its own there, though some people may have been
recorded twice.

Source: Liu et al., "An open access database for the evaluation of heart sound algorithms",
Physiological Measurement 37(12), 2016; version 1.0.0 on PhysioNet.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from pahcl_core.data.audio import usable_header
from pahcl_core.data.collection import Collection, Problem, Recording, Subject
from pahcl_core.data.layout import Layout, find_root, limit_damage
from pahcl_core.data.physionet2016_tables import (
    APPENDIX,
    QUALITY,
    REFERENCE,
    Origin,
    References,
    read_appendix,
    read_references,
)
from pahcl_core.data.provenance import read_provenance
from pahcl_core.errors import DataError

DATABASES = ("a", "b", "c", "d", "e", "f")
_FOLDERS = tuple(f"training-{database}" for database in DATABASES)
_COPY = "validation"

_LAYOUT = Layout(
    marker="training-a … training-f",
    any_of=_FOLDERS,
    folders=(*_FOLDERS, _COPY, "annotations"),
    how_to_get="`pahcl data download physionet2016` fetches it",
)
_STATES = (
    ("hand_corrected", "annotations/hand_corrected/{folder}_StateAns/{name}_StateAns.mat"),
    ("springer_alg", "annotations/springer_alg/{folder}-Aut/{name}_StateAns0.mat"),
)
"""Kinds of annotation, the better first, and where they are."""

_UNKNOWN = Origin(person_key=None, location=None)


@dataclass(frozen=True, kw_only=True, slots=True)
class _Database:
    """What was read of one of the folders."""

    subjects: tuple[Subject, ...]
    recordings: tuple[Recording, ...]
    damaged: tuple[Problem, ...]
    notes: tuple[Problem, ...]
    """What is missing, and what was assumed."""


def read_physionet2016(
    root: Path, *, max_damaged: float = 0.05, strict: bool = False
) -> Collection:
    """Read a download of the Challenge 2016: its tables, and the header of every recording.

    Each recording is a subject of its own, for it is what the Challenge scores; those of one
    person have the same `person_id`. Labels: `class` (normal, abnormal) and `quality` (good,
    unsure). Attributes of a subject: `database` (a to f), `states` (hand_corrected or
    springer_alg, where there are any) and what the appendix says. The folder `validation` is not
    read: it is a copy of recordings in the other folders.

    Args:
        root: The folder with `training-a` to `training-f`, or one that wraps it.
        max_damaged: Largest tolerated share of unusable rows of the tables and of unusable
            recordings, 0 to 1; beyond it the path is probably wrong.
        strict: Whether the first unusable row or recording is an error, too.

    Returns:
        The collection; what could not be used, or had to be assumed, is in its `problems`.

    Raises:
        DataError: If there is no such folder, a table of labels or the appendix is missing or
            unreadable, nothing can be used, or too much cannot.
    """
    root = find_root(root, _LAYOUT)
    folders = [folder for folder in _FOLDERS if (root / folder).is_dir()]
    origins, bad_rows, num_rows = _read_origins(root)
    references = {folder: read_references(root, folder) for folder in folders}
    bad_rows = (*bad_rows, *(one for table in references.values() for one in table.problems))
    num_rows += sum(table.num_rows for table in references.values())
    limit_damage(bad_rows, num_rows, "rows", root, max_damaged=max_damaged, strict=strict)
    read = [_read_database(root, folder, references[folder], origins) for folder in folders]
    recordings = tuple(recording for one in read for recording in one.recordings)
    damaged = tuple(problem for one in read for problem in one.damaged)
    num_files = len(recordings) + len(damaged)
    limit_damage(damaged, num_files, "recordings", root, max_damaged=max_damaged, strict=strict)
    if not recordings:
        raise DataError(f"{root}: no WAV file that {REFERENCE} names; {_LAYOUT.how_to_get}")
    notes = tuple(problem for one in read for problem in one.notes)
    return Collection(
        name="physionet2016",
        root=root,
        provenance=read_provenance(root),
        subjects=tuple(subject for one in read for subject in one.subjects),
        recordings=recordings,
        problems=(*_left_aside(root), *bad_rows, *damaged, *notes),
    )


def _read_origins(root: Path) -> tuple[Mapping[str, Origin], tuple[Problem, ...], int]:
    if not (root / APPENDIX).is_file():
        raise DataError(
            f"{root / APPENDIX} is missing; without it nobody knows which recordings are of one "
            "person, and no split can keep a person on one side: download `annotations` too"
        )
    return read_appendix(root)


def _left_aside(root: Path) -> list[Problem]:
    problems = [
        Problem(file=folder, reason="is missing: its recordings are not in the collection")
        for folder in _FOLDERS
        if not (root / folder).is_dir()
    ]
    if (root / _COPY).is_dir():
        reason = "was left out: its recordings are copies of some in the training folders"
        problems.append(Problem(file=_COPY, reason=reason))
    return problems


def _read_database(
    root: Path, folder: str, references: References, origins: Mapping[str, Origin]
) -> _Database:
    """The recordings of one folder that have a label and a usable header."""
    subjects: list[Subject] = []
    recordings: list[Recording] = []
    damaged: list[Problem] = []
    names = sorted(path.stem for path in (root / folder).glob("*.wav"))
    for name in names:
        if name not in references.labels:
            continue
        file = f"{folder}/{name}.wav"
        header = usable_header(root / file, file=file)
        if isinstance(header, Problem):
            damaged.append(header)
            continue
        origin = origins.get(name, _UNKNOWN)
        kind, states_path = _annotation(root, folder, name)
        labels = {"class": references.labels[name]}
        if name in references.quality:
            labels["quality"] = references.quality[name]
        recordings.append(
            Recording(
                recording_id=name,
                subject_id=name,
                path=root / file,
                sample_rate=header.sample_rate,
                num_samples=header.num_samples,
                location=origin.location,
                states_path=states_path,
                labels=labels,
            )
        )
        subjects.append(_subject(name, folder, labels, origin, kind))
    return _Database(
        subjects=tuple(subjects),
        recordings=tuple(recordings),
        damaged=tuple(damaged),
        notes=(
            *_mismatches(folder, names, references),
            *_gaps(folder, recordings, origins),
        ),
    )


def _annotation(root: Path, folder: str, name: str) -> tuple[str | None, Path | None]:
    """Kind and path of the best annotation there is."""
    for kind, pattern in _STATES:
        path = root / pattern.format(folder=folder, name=name)
        if path.is_file():
            return kind, path
    return None, None


def _subject(
    name: str, folder: str, labels: Mapping[str, str], origin: Origin, kind: str | None
) -> Subject:
    database = folder.removeprefix("training-")
    own = origin.person_key is None
    return Subject(
        subject_id=name,
        person_id=name if own else f"{database}-{origin.person_key}",
        labels=labels,
        attributes={
            "database": database,
            **({} if kind is None else {"states": kind}),
            **origin.attributes,
        },
    )


def _mismatches(folder: str, names: Sequence[str], references: References) -> list[Problem]:
    """Recordings without a row, and rows without a recording."""
    problems = [
        Problem(
            file=f"{folder}/{name}.wav",
            reason=f"has no usable row in {REFERENCE}; the recording was left out",
        )
        for name in names
        if name not in references.labels
    ]
    present = set(names)
    problems += [
        Problem(file=f"{folder}/{REFERENCE}", row=row, reason=f"the recording {name} is not there")
        for name, row in references.rows.items()
        if name not in present
    ]
    return problems


def _gaps(
    folder: str, recordings: Sequence[Recording], origins: Mapping[str, Origin]
) -> list[Problem]:
    """What the database does not say of some of its recordings, counted."""
    total = len(recordings)
    missing = Counter[str]()
    for recording in recordings:
        missing["quality"] += "quality" not in recording.labels
        missing["states"] += recording.states_path is None
        missing["person"] += origins.get(recording.recording_id, _UNKNOWN).person_key is None
    told = {
        "quality": (f"{folder}/{QUALITY}", "have no quality"),
        "states": (folder, "have no annotated states"),
        "person": (APPENDIX, "have no person: each is taken for a person of its own"),
    }
    return [
        Problem(
            file=file, reason=f"{missing[what]} of {total} recordings in {folder} {consequence}"
        )
        for what, (file, consequence) in told.items()
        if missing[what]
    ]
