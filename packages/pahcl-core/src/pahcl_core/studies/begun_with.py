"""With which settings something was begun, against those that are asked for now."""

from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

from pahcl_core.baselines.settings import BaselineConfig
from pahcl_core.config import dotted, from_dict, read_toml, to_dict
from pahcl_core.training.run_directory import CONFIG
from pahcl_core.training.settings import FinetuneConfig, PretrainConfig

Settings = FinetuneConfig | PretrainConfig | BaselineConfig

HARMLESS = frozenset(("data_dir", "output_dir", "experiment_name", "store", "num_workers"))
"""Where things are, not what they are."""


def settings_apart(config: Settings, harmless: frozenset[str] = HARMLESS) -> dict[str, Any]:
    """Settings by dotted key, without the harmless ones; of collections, which and not where."""
    return _flat(to_dict(config), harmless)


def written(file: Path, like: Settings, harmless: frozenset[str] = HARMLESS) -> dict[str, Any]:
    """The same of a run file, with the defaults of what it leaves out.

    Raises:
        SettingError: If it cannot be read.
    """
    names = {field.name for field in fields(like)}
    table = {key: value for key, value in read_toml(file).items() if key in names}
    found: object = from_dict(type(like), table, source=str(file))
    return _flat(to_dict(found), harmless)


def is_run_of(directory: Path, config: Settings) -> bool:
    """Whether there is a run with these settings, wherever its data were.

    Raises:
        SettingError: If its settings cannot be read.
    """
    file = directory / CONFIG
    return file.exists() and difference(written(file, config), settings_apart(config)) is None


def difference(theirs: Mapping[str, Any], ours: Mapping[str, Any]) -> tuple[str, str, str] | None:
    """The first key that two tables differ in, with either value as it is shown; else None."""
    for key in dict.fromkeys((*theirs, *ours)):
        if theirs.get(key) != ours.get(key):
            return key, _shown(theirs.get(key)), _shown(ours.get(key))
    return None


def _flat(table: Mapping[str, Any], harmless: frozenset[str]) -> dict[str, Any]:
    kept = {key: value for key, value in table.items() if key == "data" or key not in harmless}
    if "data" in kept:
        kept["data"] = sorted(kept["data"])
    return dict(dotted(kept))


def _shown(value: object) -> str:
    """None where a setting has no value, which a file leaves out."""
    return "nothing" if value is None else f"{value!r}"
