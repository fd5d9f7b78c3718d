"""The portable form of a checkpoint: safetensors, which holds numbers and text and no code.

The tensors have the dotted names of the tables that they are in, `encoder.norm.weight`. All else
is one JSON object under `pahcl` in the file's metadata, with a hash of the tensors: the format
itself would not notice a flipped bit. Any library that reads safetensors reads the tensors.

Format: https://github.com/huggingface/safetensors, "Format".
"""

import hashlib
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from pahcl_core.errors import DataError, SettingError
from pahcl_core.training.run_directory import write_bytes

SUFFIX = ".safetensors"
_KEY = "pahcl"  # a single one: the order of several in the file is not always the same
_TENSORS = "tensors_sha256"


def is_portable(path: Path) -> bool:
    """Whether a file says by its name that it is of this form."""
    return path.suffix == SUFFIX


def write_portable(path: Path, content: Mapping[str, Any]) -> None:
    """Write nested tables of tensors and plain values; the same content gives the same bytes.

    Args:
        path: Ends in `.safetensors`.
        content: By names without a dot on the first level; a table holds tensors or plain values.

    Raises:
        SettingError: If the name is another, or it cannot be written there.
    """
    if not is_portable(path):
        raise SettingError(f"{path}: the name of a portable model must end in {SUFFIX}")
    tensors = {name: one.cpu().contiguous().clone() for name, one in _tensors(content)}
    plain = {**_without_tensors(content), _TENSORS: _digest(tensors)}
    text = json.dumps(plain, ensure_ascii=False, allow_nan=False, sort_keys=True)
    write_bytes(path, save(tensors, metadata={_KEY: text}))


def read_portable(path: Path) -> dict[str, Any]:
    """What `write_portable` wrote, if every number is as it was written.

    Raises:
        DataError: If it is not there, damaged, or something else.
    """
    if not path.is_file():
        raise DataError(f"{path}: no such model")
    try:
        with safe_open(path, framework="pt", device="cpu") as file:
            content: dict[str, Any] = json.loads((file.metadata() or {})[_KEY])
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
            digest = content.pop(_TENSORS)
    except KeyError as error:
        raise DataError(
            f"{path}: no model of pahcl: it does not say what its numbers are"
        ) from error
    except (SafetensorError, OSError, ValueError, TypeError, AttributeError) as error:
        raise DataError(f"{path}: not a model of pahcl, or damaged ({error})") from error
    if _digest(tensors) != digest:
        raise DataError(f"{path}: is damaged: its numbers are not as they were written")
    return _with_tensors(content, tensors)


def _tensors(content: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Tensor]]:
    for name, value in content.items():
        if isinstance(value, Tensor):
            yield prefix + name, value
        elif isinstance(value, Mapping):
            yield from _tensors(value, f"{prefix}{name}.")


def _without_tensors(content: Mapping[str, Any]) -> dict[str, Any]:
    """The same tables; of a table of tensors their names, in their order."""
    plain: dict[str, Any] = {}
    for name, value in content.items():
        if isinstance(value, Mapping):
            plain[name] = _without_tensors(value)
        elif not isinstance(value, Tensor):
            plain[name] = value
    return plain


def _with_tensors(content: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> dict[str, Any]:
    """Tensors back in their tables, whose own names are known from the plain part."""
    filled = {k: dict(v) if isinstance(v, dict) else v for k, v in content.items()}
    for name, tensor in tensors.items():
        table, rest = filled, name
        while (first := rest.partition("."))[0] in table and isinstance(table[first[0]], dict):
            table, rest = table[first[0]], first[2]
        table[rest] = tensor
    return filled


def _digest(tensors: Mapping[str, Tensor]) -> str:
    digest = hashlib.sha256()
    for name in sorted(tensors):
        one = tensors[name]
        digest.update(f"{name} {one.dtype} {tuple(one.shape)}\n".encode())
        digest.update(one.reshape(-1).view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()
