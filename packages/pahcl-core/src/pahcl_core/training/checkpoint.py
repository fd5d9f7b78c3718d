"""Checkpoints: plain tensors and plain values, loaded without running anybody's code.

A checkpoint of a fine-tuning holds all that it takes to answer with it elsewhere. It has two forms,
which one loader reads: that of a run, and a portable one (`training.portable`).
"""

import io
import pickle
import zipfile
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast, get_args

import torch
from torch import Tensor

from pahcl_core.config import from_dict, to_dict
from pahcl_core.data.preparation import SignalConfig
from pahcl_core.data.tasks import Task, task_named
from pahcl_core.errors import DataError, SettingError
from pahcl_core.models.encoder import Encoder, EncoderConfig
from pahcl_core.models.kinds import Numbers
from pahcl_core.training.interruption import undisturbed
from pahcl_core.training.portable import is_portable, read_portable, write_portable
from pahcl_core.training.run_directory import write_atomically
from pahcl_core.training.settings import Pooling
from pahcl_core.training.shipped import model_file

_FORMAT = 2
# What a file that is something else, or damaged, makes zipfile and torch.load raise.
_UNREADABLE = (
    *(OSError, EOFError, zipfile.BadZipFile, zlib.error),
    *(pickle.UnpicklingError, RuntimeError, ValueError, LookupError, AttributeError, TypeError),
)


Temperature = float | None | Mapping[str, float | None]
"""None where nothing was fitted, or nothing could be; of several labels by their names."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Checkpoint:
    """A model at one moment, and what it takes to use it elsewhere."""

    kind: str
    """`pretrain` or `finetune`."""

    encoder_config: EncoderConfig
    encoder: Mapping[str, Tensor]
    signal: SignalConfig
    """What its recordings went through."""

    heads: Mapping[str, Mapping[str, Tensor]]
    """Parameters of each head, such as `classifier`."""

    epoch: int
    step: int
    task: Task | None = None
    """What it tells, in full: a task of one's own is not in any table. None if it tells nothing."""

    pooling: Pooling | None = None
    """How cycles become what is scored. None where nothing is."""

    persons: Sequence[str] = ()
    """Everyone it was trained on, and in pretraining those whose loss chose its epoch, as
    `<collection>:<person>`: to tell who is new to it."""

    provenance: str = "real"

    temperature: Temperature = None
    """What its logarithms of probability are divided by to mean what they say, fitted on the
    validation units."""

    operating_point: Mapping[str, Any] = field(default_factory=dict)
    """From which probability on a class is said, as `OperatingPoint.as_dict` has it, of several
    labels by their names; empty where the most probable is."""

    origin: Mapping[str, Any] = field(default_factory=dict)
    """How it was made, in plain values: seed and versions."""

    def temperature_of(self, label: str) -> float | None:
        """Of one of several labels; of the only one, whose name is empty here."""
        if isinstance(self.temperature, Mapping):
            return self.temperature.get(label)
        return None if label else self.temperature

    def threshold_of(self, label: str) -> float | None:
        """Likewise, from which probability on the positive class is said; None for no such one."""
        point = self.operating_point.get(label, {}) if label else self.operating_point
        found: float | None = point.get("threshold")
        return found


def save_checkpoint(path: Path, checkpoint: Checkpoint) -> None:
    """Write a checkpoint as a run has it: complete, or not at all."""
    save_content(path, _content(checkpoint))


def export_checkpoint(path: Path, checkpoint: Checkpoint) -> None:
    """Write a checkpoint in its portable form: complete, or not at all.

    Raises:
        SettingError: If it cannot be written there.
    """
    write_portable(path, _content(checkpoint))


def _content(checkpoint: Checkpoint) -> dict[str, Any]:
    """Nested tables of tensors and plain values."""
    return {
        "format": _FORMAT,
        "kind": checkpoint.kind,
        "encoder_config": to_dict(checkpoint.encoder_config),
        "encoder": dict(checkpoint.encoder),
        "signal": to_dict(checkpoint.signal),
        "heads": {name: dict(state) for name, state in checkpoint.heads.items()},
        "epoch": checkpoint.epoch,
        "step": checkpoint.step,
        "task": None if checkpoint.task is None else to_dict(checkpoint.task),
        "pooling": checkpoint.pooling,
        "persons": list(checkpoint.persons),
        "provenance": checkpoint.provenance,
        "temperature": dict(one) if isinstance(one := checkpoint.temperature, Mapping) else one,
        "operating_point": dict(checkpoint.operating_point),
        "origin": dict(checkpoint.origin),
    }


def save_content(path: Path, content: Mapping[str, Any]) -> None:
    """Write tensors and plain values: complete, or not at all."""
    # Into memory first: given a path, torch would write its name into the file; given a file, it
    # would make an error of its own of a full disk, and take many seconds to do so.
    packed = io.BytesIO()

    def write(scratch: Path) -> None:
        scratch.write_bytes(packed.getbuffer())

    with undisturbed():
        torch.save(dict(content), packed)
        write_atomically(path, write)


def load_checkpoint(path: Path) -> Checkpoint:
    """Read a checkpoint in either form, on the host.

    Args:
        path: A file, or whatever else `model_file` knows.

    Raises:
        DataError: If there is none, it is damaged, of another version, or something else.
    """
    path = model_file(path)
    content = read_portable(path) if is_portable(path) else read_content(path)
    if content.get("format") != _FORMAT:
        raise DataError(
            f"{path}: not a checkpoint of this version of pahcl; a model of an earlier one has to "
            "be trained again"
        )
    try:
        return _checkpoint(content, source=str(path))
    except (KeyError, TypeError) as error:
        raise DataError(
            f"{path}: not a checkpoint of pahcl: something in it is missing or wrong ({error})"
        ) from error


def read_content(path: Path) -> dict[str, Any]:
    """What `save_content` wrote, if every byte is as it was written.

    Raises:
        DataError: If it is not there, damaged, or something else.
    """
    try:
        with zipfile.ZipFile(path) as archive:  # torch.load itself does not look at the checksums
            changed = archive.testzip()
        if changed is None:
            content: object = torch.load(path, map_location="cpu", weights_only=True)
            return content if isinstance(content, dict) else {}
    except FileNotFoundError as error:
        raise DataError(f"{path}: no such checkpoint") from error
    except _UNREADABLE as error:
        raise DataError(
            f"{path}: not a checkpoint of pahcl, or damaged; give the best_model.pt of a run"
        ) from error
    raise DataError(f"{path}: is damaged: {changed} is not as it was written")


def _checkpoint(content: Mapping[str, Any], *, source: str) -> Checkpoint:
    return Checkpoint(
        kind=content["kind"],
        encoder_config=from_dict(EncoderConfig, content["encoder_config"], source=source),
        encoder=content["encoder"],
        signal=from_dict(SignalConfig, content["signal"], source=source),
        heads=content["heads"],
        epoch=content["epoch"],
        step=content["step"],
        task=_task(content["task"], source=source),
        pooling=_pooling(content.get("pooling")),
        persons=tuple(content["persons"]),
        provenance=content["provenance"],
        temperature=content.get("temperature"),
        operating_point=content.get("operating_point", {}),
        origin=content.get("origin", {}),
    )


def _pooling(name: str | None) -> Pooling | None:
    if name is None or name in get_args(Pooling):
        return cast(Pooling | None, name)
    raise KeyError(f"pooling {name!r}")


def _task(told: Mapping[str, Any] | str | None, *, source: str) -> Task | None:
    if told is None:
        return None
    if isinstance(told, str):  # before tasks of one's own, the name was all that was written
        return task_named(told)
    return from_dict(Task, told, source=f"{source}: its task")


def load_fitting(path: Path, wanted: EncoderConfig, signal: SignalConfig) -> Checkpoint:
    """Read a checkpoint whose encoder is of the shape that this run asks for.

    Raises:
        DataError: As `load_checkpoint`.
        SettingError: If it is another; says which settings differ and how to match them.
    """
    checkpoint = load_checkpoint(path)
    differing = [
        *_differences("encoder", to_dict(checkpoint.encoder_config), to_dict(wanted)),
        *_differences("signal", to_dict(checkpoint.signal), to_dict(signal)),
    ]
    if differing:
        raise SettingError(
            f"{path} was trained with other settings; match them with {' '.join(differing)}"
        )
    return checkpoint


def encoder_from(path: Path, checkpoint: Checkpoint, wanted: EncoderConfig) -> Encoder:
    """The encoder of a checkpoint that fits (`load_fitting`).

    Raises:
        DataError: If its parameters are not of the shapes that its settings ask for.
    """
    encoder = Encoder(wanted, sample_rate=checkpoint.signal.sample_rate)
    try:
        encoder.load_state_dict(dict(checkpoint.encoder))
    except RuntimeError as error:
        raise DataError(f"{path}: its parameters do not fit its own settings") from error
    return encoder


def _differences(section: str, theirs: Mapping[str, Any], ours: Mapping[str, Any]) -> list[str]:
    harmless = {"encoder.dropout", "signal.cycles"}
    # A run that names another encoder starts its numbers anew, so that all of them are to be given.
    anew = Numbers._fields if section == "encoder" and theirs["name"] != ours["name"] else ()
    return [
        f"--set {section}.{key}={value}"
        for key, value in theirs.items()
        if key in anew or (value != ours.get(key) and f"{section}.{key}" not in harmless)
    ]
