"""A folder of recordings with a table of one's own: any WAV or FLAC file, any label.

The table has a header and one row per recording. Its columns: `path`, in the folder;
`subject`, whoever was recorded, in any spelling; `location`, which may be left out; and labels,
of which none is needed where nothing is learnt from them.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

from pahcl_core.data import flac
from pahcl_core.data.audio import usable_header
from pahcl_core.data.collection import Collection, Problem, Recording, Subject
from pahcl_core.data.folder_table import COLUMNS, PATH, SUBJECT, Entry, Unit, read_folder_table
from pahcl_core.data.layout import limit_damage
from pahcl_core.data.provenance import read_provenance
from pahcl_core.errors import DataError, SettingError


def read_folder(
    root: Path,
    table: Path,
    *,
    labels: Sequence[str],
    unit: Unit = "subject",
    max_damaged: float = 0.05,
    strict: bool = False,
) -> Collection:
    """Read a table of recordings, and the header of each.

    Args:
        root: The folder that the paths of the table start from.
        table: A comma-separated file in UTF-8 with a header, here or elsewhere.
        labels: Columns that are labels, possibly none; an empty cell is a missing label. What is
            in other columns is not read.
        unit: What has a label, and is scored: a `subject`, whose rows must then agree in what
            they say, or each `recording` on its own. A row without any label is left out, and is
            no problem, where its subject has one by another. Either way the person is the one in
            the column `subject`.
        max_damaged: Largest tolerated share of unusable rows and of unusable recordings, 0 to 1.
        strict: Whether the first unusable row or recording is an error, too.

    Returns:
        The collection; a recording's number is its path. Rows that could not be used are in its
        `problems`: those without a path or a subject, whose file is missing or neither WAV nor
        FLAC, that name a file again or contradict their subject's label; so are columns that
        were not read, though they may be meant for one that is missing.

    Raises:
        SettingError: If a label is named like one of the reader's own columns.
        DataError: If the folder or the table cannot be read, a column is missing, a quote is not
            closed, a path leads out of the folder, soundfile is missing for FLAC, nothing can be
            used, or too much cannot.
    """
    _check_arguments(root, labels)
    content = read_folder_table(root, table, labels=labels, unit=unit)
    entries, bad_rows = content.entries, content.bad_rows
    limit_damage(bad_rows, content.num_rows, "rows", root, max_damaged=max_damaged, strict=strict)
    if any(entry.file.lower().endswith(".flac") for entry in entries):
        flac.soundfile()  # one message rather than one for each recording
    recordings, damaged = _read_recordings(root, entries, unit)
    limit_damage(damaged, len(entries), "recordings", root, max_damaged=max_damaged, strict=strict)
    if not recordings:
        raise DataError(f"{table}: not one recording in it can be used")
    return Collection(
        name="folder",  # whatever it is called: prepared recordings are found again by content
        root=root,
        provenance=read_provenance(root),
        subjects=_subjects(recordings, {entry.file: entry for entry in entries}, unit),
        recordings=tuple(recordings),
        problems=(*content.unread, *bad_rows, *damaged),
    )


def read_unlabelled_folder(
    root: Path, *, max_damaged: float = 0.05, strict: bool = False
) -> Collection:
    """Read the one table in a folder, whatever its name, and no label: what pretraining needs.

    Args:
        root: The folder with the table, from which its paths start.
        max_damaged: As for `read_folder`.
        strict: Likewise.

    Raises:
        DataError: If there is no table or several, and as for `read_folder`.
    """
    table = only_table(root)
    return read_folder(root, table, labels=(), max_damaged=max_damaged, strict=strict)


def only_table(root: Path) -> Path:
    """The one `.csv` file in a folder.

    Raises:
        DataError: If there is no such folder, no table in it or several.
    """
    _check_arguments(root, ())
    tables = sorted(path for path in root.glob("*.csv") if not path.name.startswith("."))
    needed = f"with the columns {PATH!r} and {SUBJECT!r}, one row for each recording"
    if not tables:
        content = ", ".join(sorted(path.name for path in root.iterdir())[:5]) or "nothing"
        raise DataError(
            f"{root} holds no table: put a .csv file {needed}, there (it holds: {content})"
        )
    if len(tables) > 1:
        found = ", ".join(path.name for path in tables)
        raise DataError(f"{root} holds several tables: leave there only the one {needed}: {found}")
    return tables[0]


def _check_arguments(root: Path, labels: Sequence[str]) -> None:
    for name in labels:
        if name in COLUMNS:
            raise SettingError(f"the column {name!r} cannot be a label: it has a meaning already")
    if not root.is_dir():
        raise DataError(f"{root} {'is not a folder' if root.exists() else 'does not exist'}")


def _read_recordings(
    root: Path, entries: Sequence[Entry], unit: Unit
) -> tuple[list[Recording], list[Problem]]:
    recordings: list[Recording] = []
    damaged: list[Problem] = []
    for entry in entries:
        header = usable_header(root / entry.file, file=entry.file)
        if isinstance(header, Problem):
            damaged.append(header)
            continue
        recordings.append(
            Recording(
                recording_id=entry.file,
                subject_id=entry.subject if unit == "subject" else entry.file,
                path=root / entry.file,
                sample_rate=header.sample_rate,
                num_samples=header.num_samples,
                location=entry.location,
                labels=entry.labels,
            )
        )
    return recordings, damaged


def _subjects(
    recordings: Sequence[Recording], entries: Mapping[str, Entry], unit: Unit
) -> tuple[Subject, ...]:
    """One for each subject, or for each recording, in the order of their first recordings."""
    subjects: dict[str, Subject] = {}
    for recording in recordings:
        entry = entries[recording.recording_id]
        subjects.setdefault(
            recording.subject_id,
            Subject(
                subject_id=recording.subject_id,
                person_id=entry.subject,
                labels=recording.labels,
            ),
        )
    return tuple(subjects.values())
