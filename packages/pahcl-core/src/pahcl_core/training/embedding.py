"""Embeddings of a collection in a file: for whoever wants to look at them with other tools.

A NumPy archive, one row to a recording or to a cycle, which loads without unpickling anything:

    embedding        float32, rows and the numbers of an embedding
    recording        path of the WAV file in the collection's folder
    recording_id, subject_id, person_id, location
    start_s, stop_s  in seconds from the recording's beginning
    num_cycles       that a row is the mean of
    by_windows       whether fixed windows stand for cycles that could not be found
    label_<name>     of the recording, for every label that the collection has; empty where unknown
    subject_label_<name>   the same of the subject
    about            JSON: model, its hash and settings, how the signal was prepared, versions
"""

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float32, Int64, Shaped

from pahcl_core.config import to_dict
from pahcl_core.data.collection import Collection, Recording, Subject
from pahcl_core.data.cycle_set import CycleSet, with_windows
from pahcl_core.data.preparation import Progress
from pahcl_core.data.readers import CollectionName, reader_of
from pahcl_core.data.store import prepare
from pahcl_core.errors import SettingError, closest
from pahcl_core.metrics.aggregation import mean_by
from pahcl_core.models.encoder import Encoder
from pahcl_core.training.checkpoint import Checkpoint, encoder_from, load_checkpoint
from pahcl_core.training.device import resolve_device
from pahcl_core.training.people import refuse_damage
from pahcl_core.training.run_directory import write_atomically
from pahcl_core.training.settings import Device, PrepareConfig, ReadingConfig
from pahcl_core.training.shipped import model_file
from pahcl_core.training.versions import versions
from pahcl_core.training.windows import WindowSource, in_order

LABEL = "label_"
_BATCH_SIZE = 256


@dataclass(frozen=True, kw_only=True, slots=True)
class EmbedConfig:
    """What `pahcl embed` is given."""

    model: Path
    """A checkpoint; how recordings are prepared, it says itself."""

    data_dir: Path
    """The collection as downloaded."""

    collection: CollectionName = "circor"
    """Which one it is."""

    label: str | None = None
    """One that the collection must have; None where none is asked for."""

    per_cycle: bool = False
    """A row for each cycle; else for each recording, the mean of its cycles."""

    output_dir: Path = Path("outputs")
    store: Path | None = None
    """Holds prepared recordings; by default `.prepared` in `output_dir`."""

    device: Device = "auto"
    num_workers: int = 0
    """Processes that prepare recordings, 0 for one per core."""

    reading: ReadingConfig = field(default_factory=ReadingConfig)

    @property
    def prepared(self) -> Path:
        """Where the store is."""
        alike = PrepareConfig(data_dir=self.data_dir, output_dir=self.output_dir, store=self.store)
        return alike.prepared


@dataclass(frozen=True, kw_only=True, slots=True)
class Embedded:
    """Embeddings with all that is known of them."""

    columns: Mapping[str, Shaped[np.ndarray, "rows ..."]]
    """As in the module docstring, `about` aside."""

    about: Mapping[str, Any]

    def __len__(self) -> int:
        """How many rows."""
        return len(self.columns["embedding"])


def embed(config: EmbedConfig, *, progress: Progress = lambda items, total: items) -> Embedded:
    """Embed all recordings of a collection that have cycles or windows.

    Args:
        config: With which model, and of what.
        progress: Shown the recordings as they are read.

    Raises:
        DataError: If the model or the data cannot be used.
        SettingError: If the device cannot be used, or the collection has no such label.
    """
    checkpoint = load_checkpoint(config.model)
    device = resolve_device(config.device)
    encoder = encoder_from(config.model, checkpoint, checkpoint.encoder_config).to(device)
    collection = reader_of(config.collection).read(
        config.data_dir, strict=config.reading.strict, max_damaged=config.reading.max_damaged
    )
    known = _labels(collection.recordings, collection.subjects)
    if config.label is not None and config.label not in known:
        raise SettingError(
            f"label {config.label!r}: none of the collection's{closest(config.label, known)}; "
            f"labels: {', '.join(known) or 'none'}"
        )
    cycles, found, _ = prepare(
        collection,
        checkpoint.signal,
        store=config.prepared,
        num_workers=config.num_workers,
        progress=progress,
    )
    refuse_damage(collection, cycles, found, config.reading)
    cycles = with_windows(cycles, checkpoint.encoder_config.window_s)
    source = WindowSource.seen_by(checkpoint.encoder_config, cycles, checkpoint.signal, device)
    rows = embed_cycles(encoder, source, np.arange(len(cycles)))
    columns = (_by_cycle if config.per_cycle else _by_recording)(rows, cycles, collection)
    return Embedded(columns=columns, about=_about(config, checkpoint, collection))


def _labels(recordings: Iterable[Recording], subjects: Iterable[Subject]) -> list[str]:
    """Names of what is known of any of them."""
    names = {name for one in recordings for name in one.labels}
    return sorted(names.union(*(one.labels for one in subjects)))


def embed_cycles(
    encoder: Encoder, source: WindowSource, index: Int64[np.ndarray, "cycles"]
) -> Float32[np.ndarray, "cycles embedding"]:
    """The embeddings of these cycles, as they are; leaves the encoder in evaluation mode."""
    encoder.eval()
    with torch.no_grad():
        batches = [
            encoder(*source[batch]).cycle.float().cpu().numpy()
            for batch in in_order(index, _BATCH_SIZE)
        ]
    return np.concatenate(batches)


def write_embeddings(path: Path, embedded: Embedded) -> None:
    """Write the archive: complete, or not at all; the same embeddings give the same bytes.

    Raises:
        SettingError: If it cannot be written there.
    """

    def write(scratch: Path) -> None:
        with scratch.open("wb") as stream:  # given a path, NumPy would add .npz to it
            np.savez(
                stream,
                allow_pickle=False,
                about=np.array(json.dumps(embedded.about, sort_keys=True)),
                **embedded.columns,
            )

    try:
        write_atomically(path, write)
    except OSError as error:
        raise SettingError(f"{path}: cannot be written: {error.strerror}") from error


def _by_cycle(
    rows: Float32[np.ndarray, "cycles embedding"], cycles: CycleSet, collection: Collection
) -> dict[str, Shaped[np.ndarray, "cycles ..."]]:
    ends = cycles.bounds[:, [0, -1]] - cycles.offsets[cycles.recording, None]
    start_s, stop_s = (ends / cycles.sample_rate).T
    return {
        "embedding": rows,
        **_identity(cycles.recording, cycles, collection),
        "start_s": start_s,
        "stop_s": stop_s,
        "num_cycles": np.ones(len(rows), dtype=np.int64),
    }


def _by_recording(
    rows: Float32[np.ndarray, "cycles embedding"], cycles: CycleSet, collection: Collection
) -> dict[str, Shaped[np.ndarray, "recordings ..."]]:
    number, means = mean_by(cycles.recording, rows.astype(np.float64))
    length = np.diff(cycles.offsets)[number]
    return {
        "embedding": means.astype(np.float32),
        **_identity(number, cycles, collection),
        "start_s": np.zeros(len(number)),
        "stop_s": length / cycles.sample_rate,
        "num_cycles": np.bincount(cycles.recording)[number].astype(np.int64),
    }


def _identity(
    number: Int64[np.ndarray, "rows"], cycles: CycleSet, collection: Collection
) -> dict[str, Shaped[np.ndarray, "rows"]]:
    """Whose each row is, and what is true of it."""
    recordings = [cycles.recordings[one] for one in number.tolist()]
    subject = {one.subject_id: one for one in collection.subjects}
    subjects = [subject[one.subject_id] for one in recordings]
    told = _labels(recordings, subjects)
    text = {
        "recording": [one.path.relative_to(collection.root).as_posix() for one in recordings],
        "recording_id": [one.recording_id for one in recordings],
        "subject_id": [one.subject_id for one in recordings],
        "person_id": [one.person_id for one in subjects],
        "location": [one.location or "" for one in recordings],
        **{f"{LABEL}{name}": [one.labels.get(name, "") for one in recordings] for name in told},
        **{
            f"subject_{LABEL}{name}": [one.labels.get(name, "") for one in subjects]
            for name in told
        },
    }
    return {
        **{name: np.array(values, dtype=np.str_) for name, values in text.items()},
        "by_windows": cycles.by_windows[number],
    }


def _about(config: EmbedConfig, checkpoint: Checkpoint, collection: Collection) -> dict[str, Any]:
    file = model_file(config.model)
    return {
        "model": {
            "name": file.name,
            "sha256": hashlib.sha256(file.read_bytes()).hexdigest(),
            "kind": checkpoint.kind,
            "task": checkpoint.task and checkpoint.task.name,
            "epoch": checkpoint.epoch,
            "provenance": checkpoint.provenance,
            "encoder": to_dict(checkpoint.encoder_config),
        },
        "signal": to_dict(checkpoint.signal),
        "collection": collection.name,
        "provenance": collection.provenance,
        "row": "cycle" if config.per_cycle else "recording",
        "versions": versions(),
    }
