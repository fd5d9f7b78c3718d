"""The tables of settings in a batch file: which of their keys a run is given."""

from collections.abc import Mapping, Sequence
from dataclasses import fields
from typing import Any

from pahcl_core.baselines.settings import BaselineConfig
from pahcl_core.config import merge
from pahcl_core.errors import SettingError, closest
from pahcl_core.models.sizes import sized
from pahcl_core.training.settings import FinetuneConfig, PretrainConfig

RunKind = type[PretrainConfig] | type[FinetuneConfig] | type[BaselineConfig]


def check_tables(settings: Mapping[str, Any], source: str) -> None:
    """Refuse what no run of a batch could be given.

    Args:
        settings: The tables of a batch file, by name.
        source: Its name, for messages.

    Raises:
        SettingError: If a table is none, or `[shared]` has a key that no kind of run knows.
    """
    for name in ("shared", "pretrain", "train"):
        if not isinstance(settings.get(name, {}), Mapping):
            raise SettingError(f"{source}: {name} must be a table: write [{name}]")
    kinds = (PretrainConfig, FinetuneConfig, BaselineConfig)
    known = {name: None for kind in kinds for name in _names(kind)}
    for key in settings.get("shared", {}):
        if key not in known:
            near = closest(key, known) or f"; there are {', '.join(known)}"
            raise SettingError(f"{source}, [shared]: there is no setting {key!r}{near}")


def shared_with(kind: RunKind, settings: Mapping[str, Any]) -> dict[str, Any]:
    """What `[shared]` says to runs of this kind: every key that they have."""
    names = _names(kind)
    return {key: value for key, value in settings.get("shared", {}).items() if key in names}


def with_encoder(shared: Mapping[str, Any], own: Mapping[str, Any]) -> dict[str, Any]:
    """Both tables, with the size of the encoder as the numbers it stands for."""
    table = merge(shared, own)
    layers = (shared.get("encoder", {}), own.get("encoder", {}))
    if "encoder" in table and all(isinstance(one, Mapping) for one in layers):
        table["encoder"] = sized(*layers)
    return table


def adjusted(
    table: dict[str, Any],
    entry: object,
    task: str,
    mode: str,
    share: float,
    source: str,
) -> dict[str, Any]:
    """The table with what an entry of `adjust` says, if it is about this cell.

    Raises:
        SettingError: If the entry is no table with settings, or has a key that it cannot have.
    """
    conditions: Sequence[tuple[str, Any]] = (("tasks", task), ("modes", mode), ("shots", share))
    known = {"settings", *(name for name, _ in conditions)}
    if not isinstance(entry, Mapping) or not isinstance(entry.get("settings"), Mapping):
        raise SettingError(f"{source}: each [[adjust]] needs settings, a table")
    if unknown := [key for key in entry if key not in known]:
        raise SettingError(f"{source}: [[adjust]] has no {unknown[0]!r}; only {', '.join(known)}")
    if all(name not in entry or value in entry[name] for name, value in conditions):
        return merge(table, entry["settings"])
    return table


def _names(kind: RunKind) -> tuple[str, ...]:
    return tuple(field.name for field in fields(kind))
