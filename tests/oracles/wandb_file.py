"""What an offline run of Weights & Biases left on disk: its `.wandb` file, read from the bytes.

The file is a log in LevelDB's format (blocks of 32 KiB; a record is one fragment or several, each
behind checksum, length and kind) after a header of seven bytes of its own. Each record is a
protocol buffer, whose fields wandb's own `wandb.proto` knows. Format of the log:
https://github.com/google/leveldb/blob/main/doc/log_format.md; wandb 0.31.0 differs in the checksum,
a plain CRC-32 over kind and content, and in the header.
"""

import json
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from wandb.proto import wandb_internal_pb2 as protocol

HEADER = b":W&B" + struct.pack("<HB", 0xBEE1, 0)
BLOCK = 32768
FRAGMENT = struct.Struct("<IHB")
FULL, FIRST, MIDDLE, LAST = 1, 2, 3, 4


@dataclass(frozen=True)
class Metric:
    """What `define_metric` said about one name or pattern."""

    step_metric: str
    """Name of the metric that is its axis; empty if none was given."""

    hidden: bool
    summary: frozenset[str]
    """Which of `min`, `max`, `mean`, `best`, `last`, `none`, `copy`, `first` the summary keeps."""


@dataclass(frozen=True)
class Artifact:
    """One artifact that the run logged."""

    name: str
    type: str
    aliases: frozenset[str]
    metadata: dict[str, Any]
    files: dict[str, Path]
    """Where the content lies on this machine, by path inside the artifact."""


@dataclass
class OfflineRun:
    """One run as its file tells it."""

    id: str = ""
    entity: str = ""
    project: str = ""
    display_name: str = ""
    group: str = ""
    job_type: str = ""
    notes: str = ""
    tags: list[str] = field(default_factory=list)
    config: dict[str, Any] = field(default_factory=dict)
    """Without the client's own `_wandb`."""

    summary: dict[str, Any] = field(default_factory=dict)
    """Its last state."""

    history: list[dict[str, Any]] = field(default_factory=list)
    metrics: dict[str, Metric] = field(default_factory=dict)
    """By name or, for a pattern, by the pattern."""

    files: list[str] = field(default_factory=list)
    """Paths below the run's `files` folder that were announced for upload."""

    artifacts: list[Artifact] = field(default_factory=list)
    console: str = ""
    exit_code: int | None = None
    """None if the run never came to its end."""

    torn: bool = False
    """Whether the file ends inside a record, as it does when the writer was killed."""

    @property
    def logged(self) -> list[dict[str, Any]]:
        """Rows of the history without the client's own columns, such as `_step` and `_runtime`."""
        return [
            {name: value for name, value in row.items() if not name.startswith("_")}
            for row in self.history
        ]


class _Torn(Exception):
    """The file ends inside a record."""


def read_wandb_file(path: Path) -> OfflineRun:
    """Everything that the file records.

    Raises:
        ValueError: If the file is not a `.wandb` file of this version, or a checksum is wrong. A
            file that merely ends too early is read up to there, and `torn` says so.
    """
    content = path.read_bytes()
    if content[: len(HEADER)] != HEADER:
        raise ValueError(f"{path.name}: begins with {content[: len(HEADER)]!r}, not {HEADER!r}")
    run = OfflineRun()
    try:
        for record in _records(content):
            _take(run, protocol.Record.FromString(record))
    except _Torn:
        run.torn = True
    run.config.pop("_wandb", None)
    return run


def _records(content: bytes) -> Iterator[bytes]:
    """The records, put together from their fragments."""
    position = len(HEADER)
    record = b""
    inside = False
    while position < len(content):
        left = BLOCK - position % BLOCK
        if left < FRAGMENT.size:  # too short for a fragment: filled with zeros
            position += left
            continue
        if len(content) - position < FRAGMENT.size:
            raise _Torn
        checksum, length, kind = FRAGMENT.unpack_from(content, position)
        position += FRAGMENT.size
        fragment = content[position : position + length]
        position += length
        if len(fragment) < length:
            raise _Torn
        if zlib.crc32(bytes([kind]) + fragment) != checksum:
            raise ValueError(f"wrong checksum of the fragment that ends at byte {position}")
        if inside != (kind in (MIDDLE, LAST)):
            raise ValueError(f"a fragment of kind {kind} out of place ends at byte {position}")
        record += fragment
        inside = kind in (FIRST, MIDDLE)
        if not inside:
            yield record
            record = b""
    if inside:
        raise _Torn


def _take(run: OfflineRun, record: Any) -> None:
    """Add one record to what is known of the run."""
    kind = record.WhichOneof("record_type")
    content = getattr(record, kind)
    if kind == "run":
        run.id, run.entity, run.project = content.run_id, content.entity, content.project
        run.display_name, run.notes = content.display_name, content.notes
        run.group, run.job_type = content.run_group, content.job_type
        run.tags = list(content.tags)
        _apply(run.config, content.config)
        _apply(run.summary, content.summary)
    elif kind == "config":
        _apply(run.config, content)
    elif kind == "summary":
        _apply(run.summary, content)
    elif kind == "history":
        row: dict[str, Any] = {}
        for item in content.item:
            _set(row, item)
        run.history.append(row)
    elif kind == "metric":
        options = {name for name, value in _fields(content.summary).items() if value}
        run.metrics[content.name or content.glob_name] = Metric(
            content.step_metric, content.options.hidden, frozenset(options)
        )
    elif kind == "files":
        run.files.extend(file.path for file in content.files)
    elif kind == "artifact":
        run.artifacts.append(_artifact(content))
    elif kind == "output_raw":
        run.console += content.line
    elif kind == "exit":
        run.exit_code = content.exit_code


def _artifact(content: Any) -> Artifact:
    """An artifact from its record."""
    return Artifact(
        name=content.name,
        type=content.type,
        aliases=frozenset(content.aliases),
        metadata=json.loads(content.metadata or "{}"),
        files={entry.path: Path(entry.local_path) for entry in content.manifest.contents},
    )


def _fields(message: Any) -> dict[str, Any]:
    """Fields of a message that are set."""
    return {descriptor.name: value for descriptor, value in message.ListFields()}


def _keys(item: Any) -> list[str]:
    """Where an item belongs in nested dictionaries: some have one key, some a path of keys."""
    return list(item.nested_key) or [item.key]


def _set(state: dict[str, Any], item: Any) -> None:
    """Put an item into nested dictionaries."""
    *parents, last = _keys(item)
    for parent in parents:
        state = state.setdefault(parent, {})
    state[last] = json.loads(item.value_json)


def _apply(state: dict[str, Any], change: Any) -> None:
    """Apply the updates and removals of a configuration or summary record."""
    for item in change.update:
        _set(state, item)
    for item in change.remove:
        *parents, last = _keys(item)
        inner = state
        for parent in parents:
            inner = inner.get(parent, {})
        inner.pop(last, None)
