"""From defaults, a run file, `--set` and named options to one configuration, in that order."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from pahcl_cli.tracking import TrackingConfig
from pahcl_core.config import apply_overrides, from_dict, merge, read_toml, to_dict
from pahcl_core.data.tasks import read_task
from pahcl_core.errors import SettingError
from pahcl_core.models.sizes import sized
from pahcl_track.redaction import redacted

T = TypeVar("T")

_ENCODER = "encoder"
_TRACKING = "tracking"
_HARMLESS = ("data_dir", "data", "num_workers")  # where the data are, not what they are


@dataclass(frozen=True, kw_only=True, slots=True)
class Layers:
    """Where settings come from, the weakest first; defaults are weaker still."""

    file: Path | None
    overrides: Sequence[str]
    """Each `section.key=value`."""

    named: Mapping[str, Any]
    """Named options by dotted key; None for one that was not given."""

    section: str = ""
    """Of the file, where the settings are not all that it holds."""

    def resolved(self) -> dict[str, Any]:
        """One nested table.

        Raises:
            DataError: If the run file is not there, or that of the task.
            SettingError: If one is not TOML, an override is malformed, or the task makes no sense.
        """
        lower = read_toml(self.file) if self.file is not None else {}
        if self.section:
            lower = lower.get(self.section, {})
            if not isinstance(lower, dict):
                raise SettingError(f"{self.file}: {self.section} is a section, not {lower!r}")
        table = apply_overrides(lower, self.overrides)
        encoders = (lower.get(_ENCODER, {}), apply_overrides({}, self.overrides).get(_ENCODER, {}))
        if _ENCODER in table and all(isinstance(one, dict) for one in encoders):
            table[_ENCODER] = sized(*encoders)
        for key, value in self.named.items():
            if value is not None:
                table = merge(table, _nested(key, value))
        return with_own_task(table)


def with_own_task(table: dict[str, Any]) -> dict[str, Any]:
    """With the task that a file of its own describes, where `task` is such a file's path.

    Raises:
        DataError, SettingError: As `read_task`.
    """
    path = table.get("task")
    if not isinstance(path, str) or not path.endswith(".toml"):
        return table
    task = read_task(Path(path))
    return {**table, "task": task.name, "own_task": to_dict(task)}


def resumed_layers(directory: Path, given: Layers) -> Layers:
    """The settings of the run in that directory, which is to go on.

    Raises:
        SettingError: If there is no such run, or settings are given that would change its result.
    """
    file = directory / "config.toml"
    if not file.exists():
        raise SettingError(f"{directory}: there is no run to resume: it has no config.toml")
    before = read_toml(file)
    changed = [
        key
        for key, value in given.named.items()
        if value is not None and key not in _HARMLESS and _value(before, key) != value
    ]
    changed += ["--config"] if given.file else []
    changed += ["--set"] if given.overrides else []
    if changed:
        raise SettingError(
            f"a run that is resumed keeps its settings: leave out {', '.join(changed)}, or begin "
            "another run"
        )
    harmless = {key: given.named.get(key) for key in _HARMLESS}
    return Layers(file=file, overrides=(), named=harmless)


def read_settings(
    cls: type[T], table: Mapping[str, Any], *, source: str
) -> tuple[T, TrackingConfig]:
    """The settings of a run, and those of its tracking.

    Raises:
        SettingError: If a key does not exist, or a value makes no sense.
    """
    rest = {key: value for key, value in table.items() if key != _TRACKING}
    tracking = from_dict(
        TrackingConfig, table.get(_TRACKING, {}), source=f"{source}, [{_TRACKING}]"
    )
    return from_dict(cls, rest, source=source), tracking


def complete(config: object, tracking: TrackingConfig) -> dict[str, Any]:
    """What a run was given, as its `config.toml` has it: enough to run it again.

    Only what trackers were told in secret is not there; a run that needs it asks for it.
    """
    return {**to_dict(config), _TRACKING: redacted(to_dict(tracking))}


def _nested(key: str, value: Any) -> dict[str, Any]:  # noqa: ANN401  any plain value
    head, _, rest = key.partition(".")
    return {head: _nested(rest, value) if rest else value}


def _value(table: Mapping[str, Any], key: str) -> Any:  # noqa: ANN401  any plain value
    """At a dotted key; None where there is nothing."""
    head, _, rest = key.partition(".")
    found = table.get(head)
    if not rest:
        return found
    return _value(found, rest) if isinstance(found, Mapping) else None
