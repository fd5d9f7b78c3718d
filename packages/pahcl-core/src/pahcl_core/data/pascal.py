"""The PASCAL Classifying Heart Sounds Challenge 2011 in the layout it is downloaded in.

`set_a` was recorded by the public with a telephone, at 44.1 kHz; `set_b` in a hospital with a
digital stethoscope, at 4 kHz. `set_a.csv` and `set_b.csv` have a row for each recording;
`set_a_timing.csv` is read by `pascal_timing`.

Who is who: in set_b the first number of a name is the person, who can have recordings of several
classes. In set_a nothing is said of persons; the name is a time. Recordings of one day are taken
for one person's, because some days hold a series from one source (32 names of 22 August 2011 are
numbered, not timed, and those with a label are alike in length and noise floor). Recordings of
other days can be of the same person all the same.

Source: Bentley, Nordehn, Coimbra, Mannor, Getz, "The PASCAL Classifying Heart Sounds Challenge
2011 (CHSC2011)".
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from pahcl_core.data.audio import usable_header
from pahcl_core.data.collection import Collection, Problem, Recording, Subject
from pahcl_core.data.layout import Layout, find_root, limit_damage
from pahcl_core.data.pascal_names import PascalName, parse_name, read_names
from pahcl_core.data.provenance import read_provenance
from pahcl_core.errors import DataError

FOLDERS = ("set_a", "set_b")
CLASSES = ("normal", "murmur", "extrasystole")
"""The classes of both sets' heart sounds that the label `class` has."""

_LAYOUT = Layout(
    marker="set_a or set_b",
    any_of=FOLDERS,
    folders=FOLDERS,
    how_to_get="`pahcl data download pascal` fetches it",
)


@dataclass(frozen=True, kw_only=True, slots=True)
class _Set:
    """What was read of one of the two sets."""

    subjects: tuple[Subject, ...]
    recordings: tuple[Recording, ...]
    damaged: tuple[Problem, ...]
    notes: tuple[Problem, ...]
    """What is missing, and what was assumed."""


def read_pascal(root: Path, *, max_damaged: float = 0.05, strict: bool = False) -> Collection:
    """Read a download of the PASCAL challenge: its tables, and the header of every recording.

    Each recording is a subject of its own, for a person can have recordings of several classes;
    those of one person have the same `person_id`. The label `published_class` is the one in the
    file's name: normal, murmur, extrasystole, extrahls (an extra heart sound) or artifact. The
    label `class` is the same for the first three, and absent for the others, which so take no
    part in a task on it. Unlabelled recordings have neither. How many lack it is among the
    problems. Attributes of a subject: `set` (a or b), `session`, `take` and `remark`
    (noisynormal, noisymurmur).

    Args:
        root: The folder with `set_a` and `set_b`, or one that wraps it.
        max_damaged: Largest tolerated share of unusable rows of the tables and of unusable
            recordings, 0 to 1; beyond it the path is probably wrong.
        strict: Whether the first unusable row or recording is an error, too.

    Returns:
        The collection; what could not be used, or had to be assumed, is in its `problems`.

    Raises:
        DataError: If there is no such folder, a table is unreadable, nothing can be used, or too
            much cannot.
    """
    root = find_root(root, _LAYOUT)
    tables, bad_rows, num_rows, notes = _read_tables(root)
    limit_damage(bad_rows, num_rows, "rows", root, max_damaged=max_damaged, strict=strict)
    folders = [folder for folder in FOLDERS if (root / folder).is_dir()]
    sets = [_read_set(root, folder, tables.get(folder)) for folder in folders]
    recordings = tuple(recording for one in sets for recording in one.recordings)
    damaged = tuple(problem for one in sets for problem in one.damaged)
    num_files = len(recordings) + len(damaged)
    limit_damage(damaged, num_files, "recordings", root, max_damaged=max_damaged, strict=strict)
    if not recordings:
        raise DataError(f"{root}: no WAV file of either set; {_LAYOUT.how_to_get}")
    notes += [note for one in sets for note in one.notes]
    return Collection(
        name="pascal",
        root=root,
        provenance=read_provenance(root),
        subjects=tuple(subject for one in sets for subject in one.subjects),
        recordings=recordings,
        problems=(*bad_rows, *damaged, *notes),
    )


def _read_tables(
    root: Path,
) -> tuple[dict[str, Mapping[PascalName, int]], list[Problem], int, list[Problem]]:
    """Names by set, unusable rows, the number of all rows, and what is missing."""
    tables: dict[str, Mapping[PascalName, int]] = {}
    bad_rows: list[Problem] = []
    num_rows = 0
    missing: list[Problem] = []
    for folder in FOLDERS:
        file = f"{folder}.csv"
        if not (root / folder).is_dir():
            reason = "is missing: its recordings are not in the collection"
            missing.append(Problem(file=folder, reason=reason))
        elif not (root / file).is_file():
            reason = "is missing: labels are those in the names of the files"
            missing.append(Problem(file=file, reason=reason))
        else:
            tables[folder], problems, rows = read_names(root, folder)
            bad_rows += problems
            num_rows += rows
    return tables, bad_rows, num_rows, missing


def _read_set(root: Path, folder: str, table: Mapping[PascalName, int] | None) -> _Set:
    """The recordings of one set with a usable header, and what its table says differently."""
    subjects: list[Subject] = []
    recordings: list[Recording] = []
    damaged: list[Problem] = []
    names, notes = _names_on_disk(root, folder)
    for stem, name in names.items():
        file = f"{folder}/{stem}.wav"
        header = usable_header(root / file, file=file)
        if isinstance(header, Problem):
            damaged.append(header)
            continue
        labels = _labels(name)
        recordings.append(
            Recording(
                recording_id=f"{folder}/{stem}",
                subject_id=f"{folder}/{stem}",
                path=root / file,
                sample_rate=header.sample_rate,
                num_samples=header.num_samples,
                labels=labels,
            )
        )
        subjects.append(_subject(folder, stem, name, labels))
    if table is not None:
        notes += _mismatches(folder, names, table)
    return _Set(
        subjects=tuple(subjects),
        recordings=tuple(recordings),
        damaged=tuple(damaged),
        notes=(*notes, *_without_class(folder, subjects), *_unknown_persons(folder, subjects)),
    )


def _names_on_disk(root: Path, folder: str) -> tuple[dict[str, PascalName], list[Problem]]:
    """What each file's name says, sorted, and a problem for those that say nothing."""
    names: dict[str, PascalName] = {}
    problems: list[Problem] = []
    for path in sorted((root / folder).glob("*.wav")):
        try:
            names[path.stem] = parse_name(folder, path.stem)
        except ValueError as fault:
            reason = f"{fault}; the recording was left out"
            problems.append(Problem(file=f"{folder}/{path.name}", reason=reason))
    return names, problems


def _labels(name: PascalName) -> dict[str, str]:
    if name.published_class is None:
        return {}
    labels = {"published_class": name.published_class}
    if name.published_class in CLASSES:
        labels["class"] = name.published_class
    return labels


def _subject(folder: str, stem: str, name: PascalName, labels: Mapping[str, str]) -> Subject:
    letter = folder.removeprefix("set_")
    person = name.session[:8] if name.subject is None else name.subject
    said = {"session": name.session, "take": name.take, "remark": name.remark}
    return Subject(
        subject_id=f"{folder}/{stem}",
        person_id=f"{letter}-{person}",
        labels=labels,
        attributes={"set": letter, **{key: value for key, value in said.items() if value}},
    )


def _mismatches(
    folder: str, names: Mapping[str, PascalName], table: Mapping[PascalName, int]
) -> list[Problem]:
    """Files without a row, each; rows without a file, counted: there are many, or none."""
    problems = [
        Problem(
            file=f"{folder}/{stem}.wav",
            reason=f"is in no row of {folder}.csv; its label is the one in its name",
        )
        for stem, name in names.items()
        if name not in table
    ]
    missing = sorted(table[name] for name in set(table) - set(names.values()))
    if missing:
        reason = f"the recordings of {len(missing)} of {len(table)} rows are not there"
        problems.append(
            Problem(file=f"{folder}.csv", reason=f"{reason}, the first that of row {missing[0]}")
        )
    return problems


def _without_class(folder: str, subjects: Sequence[Subject]) -> list[Problem]:
    counts = Counter(
        subject.labels.get("published_class", "unlabelled")
        for subject in subjects
        if "class" not in subject.labels
    )
    if not counts:
        return []
    listed = ", ".join(f"{count} {name}" for name, count in sorted(counts.items()))
    reason = (
        f"{counts.total()} of {len(subjects)} recordings are not of one of the classes "
        f"{', '.join(CLASSES)} and have no label 'class': {listed}"
    )
    return [Problem(file=folder, reason=reason)]


def _unknown_persons(folder: str, subjects: Sequence[Subject]) -> list[Problem]:
    if folder != "set_a" or not subjects:
        return []
    days = len({subject.person_id for subject in subjects})
    reason = (
        f"nothing says who was recorded: the {len(subjects)} recordings are taken for those of "
        f"{days} persons, one for each day"
    )
    return [Problem(file=folder, reason=reason)]
