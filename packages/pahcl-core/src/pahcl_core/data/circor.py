"""The CirCor DigiScope collection in the layout it is downloaded in.

`training_data.csv` has one row per patient; `training_data/` holds, per recording, the signal
(`.wav`), a WFDB header (`.hea`) and annotated states (`.tsv`), and per patient a summary (`.txt`).

Source: Oliveira et al., "The CirCor DigiScope dataset: from murmur detection to murmur
classification", IEEE Journal of Biomedical and Health Informatics 26(6), 2022; version 1.0.3 on
PhysioNet, the training data of the George B. Moody PhysioNet Challenge 2022.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

from pahcl_core.data.audio import usable_header
from pahcl_core.data.circor_table import TABLE, Patient, read_table
from pahcl_core.data.collection import Collection, Problem, Recording, Subject
from pahcl_core.data.layout import Layout, find_root, limit_damage
from pahcl_core.data.provenance import read_provenance
from pahcl_core.errors import DataError

RECORDINGS = "training_data"
LOCATIONS = ("AV", "PV", "TV", "MV", "Phc")
"""Aortic, pulmonary, tricuspid and mitral valve points; another place on the chest."""

_LAYOUT = Layout(
    marker=TABLE,
    any_of=(TABLE,),
    folders=(RECORDINGS,),
    how_to_get="`pahcl data download circor` fetches it, "
    "`pahcl data synth circor DIR` makes one up",
)


def read_circor(root: Path, *, max_damaged: float = 0.05, strict: bool = False) -> Collection:
    """Read a CirCor download: its table, and the header of every recording.

    A patient is one subject; two patients linked by `Additional ID` are one person. A recording
    of a patient with a murmur is labelled Present only where the murmur was heard.

    Args:
        root: The folder with `training_data.csv`, or one that wraps it.
        max_damaged: Largest tolerated share of unusable rows of the table and of unusable
            recordings, 0 to 1; beyond it the path is probably wrong.
        strict: Whether the first unusable row or recording is an error, too.

    Returns:
        The collection; what could not be used is in its `problems`.

    Raises:
        DataError: If there is no such folder, the table lacks a column, nothing in it can be
            used, or too much cannot.
    """
    root = find_root(root, _LAYOUT)
    table = read_table(root / TABLE)
    limit_damage(
        table.problems, table.num_rows, "rows", root, max_damaged=max_damaged, strict=strict
    )
    files, strays = _recordings_on_disk(root, table.patients)
    recordings, damaged = _read_recordings(root, table.patients, files)
    num_files = sum(len(names) for names in files.values())
    limit_damage(damaged, num_files, "recordings", root, max_damaged=max_damaged, strict=strict)
    if not recordings:
        raise DataError(f"{root / RECORDINGS}: no WAV file of any patient; {_LAYOUT.how_to_get}")
    recorded = {recording.subject_id for recording in recordings}
    gaps = _missing_recordings(table.patients, files, recorded)
    return Collection(
        name="circor",
        root=root,
        provenance=read_provenance(root),
        subjects=tuple(
            _subject(patient) for patient in table.patients if patient.patient_id in recorded
        ),
        recordings=tuple(recordings),
        problems=(*table.problems, *damaged, *gaps, *_missing_states(recordings), *strays),
    )


def _recordings_on_disk(
    root: Path, patients: Sequence[Patient]
) -> tuple[dict[str, list[str]], list[Problem]]:
    """Per patient the names of the WAV files, sorted, and those that are no patient's."""
    files: dict[str, list[str]] = {patient.patient_id: [] for patient in patients}
    strays: list[Problem] = []
    for path in sorted((root / RECORDINGS).glob("*.wav")):
        patient_id, _, rest = path.stem.partition("_")
        if patient_id not in files:
            reason = f"belongs to no patient that could be read from {TABLE}; it was left out"
            strays.append(Problem(file=f"{RECORDINGS}/{path.name}", reason=reason))
        elif rest.partition("_")[0] not in LOCATIONS:
            reason = f"is named after no location ({', '.join(LOCATIONS)}); it was left out"
            strays.append(Problem(file=f"{RECORDINGS}/{path.name}", reason=reason))
        else:
            files[patient_id].append(path.stem)
    return files, strays


def _read_recordings(
    root: Path, patients: Sequence[Patient], files: Mapping[str, Sequence[str]]
) -> tuple[list[Recording], list[Problem]]:
    """Every recording whose header makes sense, by patient, and a problem for every other."""
    recordings: list[Recording] = []
    damaged: list[Problem] = []
    for patient in patients:
        for name in files[patient.patient_id]:
            path = root / RECORDINGS / f"{name}.wav"
            header = usable_header(path, file=f"{RECORDINGS}/{path.name}")
            if isinstance(header, Problem):
                damaged.append(header)
                continue
            states_path = path.with_suffix(".tsv")
            location = name.split("_")[1]
            recordings.append(
                Recording(
                    recording_id=name,
                    subject_id=patient.patient_id,
                    path=path,
                    sample_rate=header.sample_rate,
                    num_samples=header.num_samples,
                    location=location,
                    states_path=states_path if states_path.is_file() else None,
                    labels={"murmur": _murmur_at(location, patient), "outcome": patient.outcome},
                )
            )
    return recordings, damaged


def _murmur_at(location: str, patient: Patient) -> str:
    """A murmur is present where it was heard; where nobody says where, it is everywhere."""
    if patient.murmur != "Present" or not patient.murmur_locations:
        return patient.murmur
    return "Present" if location in patient.murmur_locations else "Absent"


def _subject(patient: Patient) -> Subject:
    return Subject(
        subject_id=patient.patient_id,
        person_id=patient.person_id,
        labels={"murmur": patient.murmur, "outcome": patient.outcome},
        attributes=patient.attributes,
    )


def _missing_recordings(
    patients: Sequence[Patient], files: Mapping[str, Sequence[str]], recorded: set[str]
) -> list[Problem]:
    """Patients without a usable recording, and locations the table has but the disk has not."""
    problems: list[Problem] = []
    for patient in patients:
        on_disk = Counter(name.split("_")[1] for name in files[patient.patient_id])
        missing = list((Counter(patient.recording_locations) - on_disk).elements())
        if patient.patient_id not in recorded:
            reason = f"patient {patient.patient_id} has no usable recording and was left out"
        elif missing:
            listed = "+".join(missing)
            reason = f"patient {patient.patient_id} lacks recordings the table lists: {listed}"
        else:
            continue
        problems.append(Problem(file=TABLE, row=patient.row, reason=reason))
    return problems


def _missing_states(recordings: Sequence[Recording]) -> list[Problem]:
    return [
        Problem(
            file=f"{RECORDINGS}/{recording.recording_id}.tsv",
            reason="is missing: the recording has no annotated states",
        )
        for recording in recordings
        if recording.states_path is None
    ]
