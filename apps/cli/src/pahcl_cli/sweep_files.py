"""A sweep's file, and what the command line says instead, as a plan."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

from pahcl_cli.launch import finetune_settings, pretrain_settings
from pahcl_cli.run_files import Layers
from pahcl_cli.tracking import Tracking, TrackingConfig
from pahcl_core.config import from_dict, read_toml
from pahcl_core.errors import SettingError, closest
from pahcl_core.studies.sweep_plan import SweepConfig, SweepPlan, is_pretraining, planned_sweep

_SETTINGS, _SPACE = "settings", "space"


@dataclass(frozen=True, kw_only=True, slots=True)
class GivenSweep:
    """What a person asks for."""

    plan: SweepPlan
    tracked: TrackingConfig


def read_sweep(
    file: Path,
    *,
    named: Mapping[str, Any],
    overrides: Sequence[str],
    tracking: Tracking,
    num_trials: int | None,
) -> GivenSweep:
    """The plan of a sweep.

    Args:
        file: Holds how it goes about it, `[settings]`, as in a run file, and `[space]`.
        named: Options by dotted key, as in `Layers`.
        overrides: Settings that are the same in all trials, in place of those of the file.
        tracking: What the command line says of it.
        num_trials: In place of the file's.

    Raises:
        DataError: If there is no such file.
        SettingError: If it makes no sense.
    """
    table = read_toml(file)
    config = _config(file, table)
    if num_trials is not None:
        config = replace(config, trials=num_trials)
    own = table.get(_SETTINGS, {})
    if named.get("experiment_name") is None and not (
        isinstance(own, dict) and "experiment_name" in own
    ):
        named = {**named, "experiment_name": file.stem}
    space = table.get(_SPACE, {})
    if not isinstance(space, dict):
        raise SettingError(f"{file}: {_SPACE} is a section, not {space!r}")
    if is_pretraining(config):
        layers = Layers(file=file, overrides=overrides, named=named, section=_SETTINGS)
        base, tracked = pretrain_settings(layers, tracking, command=f"sweep {file}")
        return GivenSweep(
            plan=planned_sweep(config, base, space, source=str(file)), tracked=tracked
        )
    if named.get("data") is not None:
        raise SettingError(f"--data is for pretraining; {config.task} takes --data-dir")
    named = {**named, "task": config.task}
    layers = Layers(file=file, overrides=overrides, named=named, section=_SETTINGS)
    tuned, tracked = finetune_settings(layers, tracking, command=f"sweep {file}")
    return GivenSweep(plan=planned_sweep(config, tuned, space, source=str(file)), tracked=tracked)


def _config(file: Path, table: Mapping[str, Any]) -> SweepConfig:
    own = {key: value for key, value in table.items() if key not in (_SETTINGS, _SPACE)}
    known = [field.name for field in fields(SweepConfig)]
    for key in own:
        if key not in known:
            near = closest(key, (*known, _SETTINGS, _SPACE))
            raise SettingError(
                f"{file}: there is no {key!r} here{near}; what the runs are given belongs into "
                f"[{_SETTINGS}], what varies into [{_SPACE}]"
            )
    return from_dict(SweepConfig, own, source=str(file))
