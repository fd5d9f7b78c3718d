"""What a sweep varies: settings by their dotted names, each with its values or its range.

    [space]
    optimiser.lr = {low = 1e-4, high = 1e-2, log = true}
    training.batch_size = {low = 16, high = 64, step = 16}
    pooling = ["statistics", "attention", "vote"]

Whether a range is of whole numbers follows from the setting.
"""

import itertools
import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from pahcl_core.config import from_dict, to_dict
from pahcl_core.errors import SettingError
from pahcl_core.studies.variants import OF_THE_STUDY, RunConfig, Variant, settled

Value = bool | int | float | str | list[Any]
"""Of a setting, as TOML has it."""

# Other persons in the validation set would make figures that cannot be compared.
_SETTLED = ("split", "validation_share", "selection")
# Where and with what, which is no property of a model.
_PLACES = ("task", "own_task", "data", "data_dir", "num_workers", "device", "machine")


@dataclass(frozen=True, kw_only=True, slots=True)
class Choices:
    """One of these values."""

    key: str
    values: tuple[Value, ...]

    def points(self) -> tuple[Value, ...]:
        """For a grid."""
        return self.values


@dataclass(frozen=True, kw_only=True, slots=True)
class Span:
    """A range, as a sweep's file has it."""

    low: int | float
    high: int | float
    log: bool = False
    """Draw the logarithm evenly."""

    step: int | float | None = None
    """Only `low` and whole steps from it."""

    def __post_init__(self) -> None:
        if not (math.isfinite(self.low) and math.isfinite(self.high)):
            raise ValueError("low and high must be numbers")
        if self.low >= self.high:
            raise ValueError(f"low must be below high, got {self.low} and {self.high}")
        if self.log and self.low <= 0:
            raise ValueError(f"a logarithmic range begins above 0, not at {self.low}")
        if self.log and self.step is not None:
            raise ValueError("a range has log or a step, not both")
        if self.step is not None and not 0 < self.step <= self.high - self.low:
            raise ValueError(f"a step lies above 0 and within the range, got {self.step}")


@dataclass(frozen=True, kw_only=True, slots=True)
class Range:
    """Any number from the lowest to the highest."""

    key: str
    low: int | float
    high: int | float
    log: bool
    step: int | float | None
    whole: bool
    """Whole numbers alone; both ends are such then."""

    def points(self) -> tuple[Value, ...]:
        """For a grid.

        Raises:
            SettingError: If there is no end of them.
        """
        step = self.step if self.step is not None or not self.whole else 1
        if step is None or self.log:
            raise SettingError(
                f"[space] {self.key}: a grid needs a step, or values: {self.key} = [...]"
            )
        count = math.floor((self.high - self.low) / step + 1e-9) + 1
        return tuple(self.low + number * step for number in range(count))


Dimension = Choices | Range


def read_space(table: Mapping[str, Any], base: RunConfig, *, source: str) -> tuple[Dimension, ...]:
    """The dimensions of a sweep, each checked against the settings that it varies.

    Args:
        table: `[space]`, nested or with dotted keys in quotes.
        base: The settings that are varied.
        source: Where the table comes from, for messages.

    Raises:
        SettingError: If there are none, a setting does not exist or must not be varied, or a value
            or an end of a range is none of the setting's.
    """
    where = f"{source}, [space]"
    dimensions = tuple(
        _dimension(key, content, base, where) for key, content in _leaves(table, "", where)
    )
    if not dimensions:
        raise SettingError(
            f"{where}: nothing to vary; write optimiser.lr = {{low = 1e-4, high = 1e-2}}"
        )
    return dimensions


def _leaves(table: Mapping[str, Any], prefix: str, where: str) -> Iterator[tuple[str, Any]]:
    """Dotted keys with a list or a range; a table is a range where it has an end of one."""
    for name, content in table.items():
        key = f"{prefix}{name}"
        if isinstance(content, Mapping) and not {"low", "high"} & set(content):
            yield from _leaves(content, f"{key}.", where)
        elif isinstance(content, Mapping | list):
            yield key, content
        else:
            raise SettingError(
                f"{where}: {key} = {content!r}, but it must be a list of values or a range; what "
                "does not vary belongs into [settings]"
            )


def _dimension(key: str, content: Any, base: RunConfig, where: str) -> Dimension:  # noqa: ANN401
    head = key.partition(".")[0]
    if head in (*OF_THE_STUDY, *_PLACES):
        raise SettingError(f"{where}: {key} is not varied; set it once, in [settings]")
    if head in _SETTLED:
        raise SettingError(
            f"{where}: {key} decides what trials are judged by, so it must be the same in all"
        )
    if isinstance(content, list):
        if len(content) < 2 or any(one in content[:place] for place, one in enumerate(content)):
            raise SettingError(f"{where}: {key} needs two or more values, each once")
        for value in content:
            _settled_value(key, value, base, where)
        return Choices(key=key, values=tuple(content))
    span = from_dict(Span, content, source=f"{where} {key}")
    ends = [_settled_value(key, end, base, where) for end in (span.low, span.high)]
    if any(isinstance(end, bool | str | list) for end in ends):
        raise SettingError(f"{where}: {key} is no number; list its values: {key} = [...]")
    whole = all(isinstance(end, int) for end in ends)
    if whole and isinstance(span.step, float):
        raise SettingError(f"{where}: {key} is a whole number, and so must its step be")
    return Range(key=key, low=ends[0], high=ends[1], log=span.log, step=span.step, whole=whole)


def _settled_value(key: str, value: Value, base: RunConfig, where: str) -> Any:  # noqa: ANN401
    """The value as the setting has it: a number with a fraction for one that may have one."""
    found: Any = to_dict(settled(base, Variant(name=where, settings=(as_setting(key, value),))))
    for name in key.split("."):
        found = found.get(name) if isinstance(found, Mapping) else None
    return value if found is None else found


def as_setting(key: str, value: Value) -> str:
    """As `--set` takes it."""
    return f"{key}={json.dumps(value, ensure_ascii=False)}"


def grid(space: tuple[Dimension, ...]) -> list[dict[str, Value]]:
    """Every combination, the last setting changing first.

    Raises:
        SettingError: If a range has no end of values.
    """
    points = [dimension.points() for dimension in space]
    keys = [dimension.key for dimension in space]
    return [dict(zip(keys, values, strict=True)) for values in itertools.product(*points)]
