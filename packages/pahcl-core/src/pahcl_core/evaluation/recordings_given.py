"""Recordings that somebody names, in no collection: which there are, and whose each is."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from pahcl_core.data.audio import SUFFIXES, usable_header
from pahcl_core.data.collection import Problem, Recording
from pahcl_core.data.tasks import Task
from pahcl_core.errors import DataError, SettingError

Grouping = Literal["file", "name", "patient"]


@dataclass(kw_only=True, slots=True)
class Given:
    """One patient, or one lone recording."""

    name: str
    """The patient's, or the path of the recording."""

    recordings: list[Recording] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    """Recordings of theirs that cannot be read."""


def given_recordings(
    paths: Sequence[Path], task: Task, *, patient: str | None = None, by_name: bool = False
) -> list[Given]:
    """Whose recordings these are, in the order of their first.

    The states of a recording are taken from `<stem>.tsv` beside it, where that is: what CirCor has
    and `pahcl segment` writes.

    Args:
        paths: WAV and FLAC files; a folder stands for all of those in it and below that are not
            hidden, as the `._a.wav` is that a Macintosh leaves beside `a.wav`.
        task: Which may be about patients, or about recordings one by one.
        patient: Whose all of them are.
        by_name: Files are called `<patient>_<anything>`, as CirCor's are.

    Raises:
        SettingError: If both are given, or either where the task is about recordings.
        DataError: If a folder holds no recording.
    """
    if patient is not None and by_name:
        raise SettingError("either all files are of one patient, or each is of whom its name says")
    if (patient is not None or by_name) and task.unit == "recording":
        raise SettingError(
            f"{task.name} is about recordings, one by one: they cannot be put together by patient"
        )
    found: dict[str, Given] = {}
    for path in dict.fromkeys(file for one in paths for file in _files(one)):
        name = patient if patient is not None else path.stem.split("_")[0] if by_name else str(path)
        given = found.setdefault(name, Given(name=name))
        header = usable_header(path, file=str(path))
        if isinstance(header, Problem):
            given.problems.append(header)
            continue
        states = path.with_suffix(".tsv")
        given.recordings.append(
            Recording(
                recording_id=str(path),
                subject_id=name,
                path=path,
                sample_rate=header.sample_rate,
                num_samples=header.num_samples,
                states_path=states if states.is_file() else None,
            )
        )
    return list(found.values())


def _files(path: Path) -> list[Path]:
    if not path.is_dir():
        return [path]
    files = sorted(
        one
        for one in path.rglob("*")
        if one.suffix.lower() in SUFFIXES and not one.name.startswith(".")
    )
    if not files:
        raise DataError(f"{path}: there is no recording in this folder, neither WAV nor FLAC")
    return files
