"""From defaults, a run file, `--set` and named options to one configuration, in that order."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from pahcl_cli.tracking import TrackingConfig
from pahcl_core.config import apply_overrides, from_dict, merge, read_toml, to_dict

T = TypeVar("T")

_TRACKING = "tracking"


@dataclass(frozen=True, kw_only=True, slots=True)
class Layers:
    """Where settings come from, the weakest first; defaults are weaker still."""

    file: Path | None
    overrides: Sequence[str]
    """Each `section.key=value`."""

    named: Mapping[str, Any]
    """Named options by dotted key; None for one that was not given."""

    def resolved(self) -> dict[str, Any]:
        """One nested table.

        Raises:
            DataError: If the run file is not there.
            SettingError: If it is not TOML, or an override is malformed.
        """
        table = read_toml(self.file) if self.file is not None else {}
        table = apply_overrides(table, self.overrides)
        for key, value in self.named.items():
            if value is not None:
                table = merge(table, _nested(key, value))
        return table


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
    """Everything a run was given, as its `config.toml` has it: enough to run it again."""
    return {**to_dict(config), _TRACKING: to_dict(tracking)}


def _nested(key: str, value: Any) -> dict[str, Any]:  # noqa: ANN401  any plain value
    head, _, rest = key.partition(".")
    return {head: _nested(rest, value) if rest else value}
