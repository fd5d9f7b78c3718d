"""Settings in and out of TOML: frozen dataclasses, read strictly.

A dataclass beside the code that reads it is the only place where a setting is declared: its name,
its type, its default and, in `__post_init__`, its limits. This module turns such a class into
plain tables and back. A key that does not exist, a value of the wrong type and a value outside its
limits are each a `SettingError` that names the source and the dotted key.

TOML has no null. A setting that may be `None` and is so by default is left out; where the default
is something else, the word `none` is written. It is read back as `None` in every optional setting.
"""

# ruff: noqa: ANN401 - the values are whatever TOML can hold, the types whatever a field declares

import copy
import dataclasses
import json
import os
import tomllib
import types
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Literal, TypeVar, Union, cast, get_args, get_origin, get_type_hints

import tomli_w

from pahcl_core.errors import DataError, SettingError, closest

T = TypeVar("T")

NONE = "none"
"""How `None` is spelt in a file and in an override."""

_UNIONS = (Union, types.UnionType)  # `Optional[int]` and `int | None` differ until Python 3.14
_IN_WORDS = {
    bool: "true or false",
    int: "an integer",
    float: "a number",
    str: "text in quotes",
    Path: "a path in quotes",
    types.NoneType: NONE,
}


def to_dict(config: object) -> dict[str, Any]:
    """The settings of a dataclass as nested plain values, for `write_toml` and `from_dict`.

    Numbers, booleans and strings stay as they are; a `Path` becomes a string, a tuple a list, a
    dataclass or a mapping a dictionary; `None` becomes what the module docstring says.

    Raises:
        SettingError: If an optional setting holds the text "none", which would be read as `None`.
        TypeError: If `config` is no dataclass, or a field holds a value of another type.
    """
    return _table(config, None)


def from_dict(cls: type[T], data: Mapping[str, Any], *, source: str) -> T:
    """Build the settings from plain tables; what is not mentioned keeps its default.

    Args:
        cls: A dataclass. Its fields may be `bool`, `int`, `float` (which accepts integers), `str`,
            `Path`, `Literal`, tuples and optionals of these, mappings from `str` to one of these,
            and dataclasses.
        data: Nested tables, as read from TOML.
        source: Where the tables come from, for messages: a file name, or "--set".

    Raises:
        SettingError: If a key is unknown or missing, a value has the wrong type, or
            `__post_init__` refuses a value with a `ValueError`.
    """
    return cast(T, _Reader(source).section(cls, data, "", None))


def read_toml(path: Path) -> dict[str, Any]:
    """Read a TOML file into nested tables.

    Raises:
        DataError: If there is no such file, or it cannot be read as UTF-8 text.
        SettingError: If it is not TOML; the message gives the line.
    """
    try:
        return tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except tomllib.TOMLDecodeError as error:
        raise SettingError(f"{path}: not valid TOML: {error}") from error
    except UnicodeDecodeError as error:
        raise DataError(f"{path}: not UTF-8 text, from byte {error.start} on") from error
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror}") from error


def write_toml(path: Path, data: Mapping[str, Any]) -> None:
    """Write plain nested tables as TOML, at once: the file is whole, or as it was before.

    Raises:
        OSError: If the file cannot be written; its directory is not made.
    """
    text = tomli_w.dumps(data)
    unfinished = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with unfinished.open("w", encoding="utf-8", newline="\n") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)


def merge(base: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """A new table with the values of both, nested tables too; where they differ, `over` wins."""
    merged = copy.deepcopy(dict(base))
    for key, value in over.items():
        below = merged.get(key)
        if isinstance(below, Mapping) and isinstance(value, Mapping):
            merged[key] = merge(below, value)
        else:
            merged[key] = copy.deepcopy(value)
    return merged


def dotted(table: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Every value of a table and of the tables in it, by its dotted name, as `--set` has it."""
    for name, value in table.items():
        if isinstance(value, Mapping):
            yield from dotted(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value


def apply_overrides(data: Mapping[str, Any], overrides: Iterable[str]) -> dict[str, Any]:
    """A new table with `section.key=value` settings applied in their order.

    A value is read as TOML where it is TOML (`5`, `1e-3`, `true`, `[1, 2]`, `"5"`), otherwise as
    text. A section that is not there is made; `from_dict` finds out whether it exists. Several
    settings at once, as the agents of sweeps give them, are a JSON object of dotted keys.

    Raises:
        SettingError: If a "=" or a part of the key is missing, a key goes through a value, or
            something that begins as a JSON object is none.
    """
    result = merge(data, {})
    for override, key, value in _settings(overrides):
        names = [name.strip() for name in key.split(".")]
        if not all(names):
            raise SettingError(f"--set {override!r}: write it as section.key=value")
        table = result
        for depth, name in enumerate(names[:-1], start=1):
            table = table.setdefault(name, {})
            if not isinstance(table, dict):
                raise SettingError(
                    f"--set {override!r}: {'.'.join(names[:depth])} is a value, not a section"
                )
        table[names[-1]] = value
    return result


def _settings(overrides: Iterable[str]) -> Iterator[tuple[str, str, Any]]:
    """Each override with the keys and values in it."""
    for override in overrides:
        if override.lstrip().startswith("{"):
            try:
                content: dict[str, Any] = json.loads(override)
            except json.JSONDecodeError as error:
                raise SettingError(f"--set {override!r}: is no JSON object: {error}") from error
            for key, value in content.items():
                yield override, key, value
            continue
        key, equals, text = override.partition("=")
        if not equals:
            raise SettingError(f"--set {override!r}: write it as section.key=value")
        yield override, key, _override_value(text.strip())


def _override_value(text: str) -> Any:
    try:
        parsed = tomllib.loads(f"value = {text}")
    except tomllib.TOMLDecodeError:
        return text
    value = parsed.pop("value")
    # More keys come from line breaks in the text; a bare date is more likely a name than a date.
    return value if not parsed and isinstance(value, bool | int | float | str | list) else text


def _table(config: Any, default: Any) -> dict[str, Any]:
    """`to_dict` of a section; `default` is what the section would be if it were not mentioned."""
    table: dict[str, Any] = {}
    hints = get_type_hints(type(config))
    for field in _fields(config):
        value = getattr(config, field.name)
        unmentioned = _default(field, default if type(default) is type(config) else None)
        if value is None and unmentioned is None:
            continue
        if value == NONE and types.NoneType in get_args(hints[field.name]):
            raise SettingError(f"{field.name} = {NONE!r} means no value; choose another word")
        table[field.name] = NONE if value is None else _plain(value, unmentioned)
    return table


def _plain(value: Any, default: Any) -> Any:
    if isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, tuple):
        return [_plain(item, None) for item in value]
    if isinstance(value, Mapping):
        return {key: _plain(item, None) for key, item in value.items()}
    return _table(value, default)


def _fields(config: Any) -> Iterator[dataclasses.Field[Any]]:
    return (field for field in dataclasses.fields(config) if field.init)


def _default(field: dataclasses.Field[Any], section: Any) -> Any:
    """What the field is where it is not mentioned, or `MISSING`.

    `section` is the enclosing class's default for the whole section, if there is one: it comes
    before the defaults in the section's own class.
    """
    if section is not None:
        return getattr(section, field.name)
    if field.default_factory is not dataclasses.MISSING:
        return field.default_factory()
    return field.default


def _sections_below(cls: Any, prefix: str) -> Iterator[tuple[str, Any]]:
    """Every dataclass below `cls`, with its dotted name and a dot."""
    for name, hint in get_type_hints(cls).items():
        for member in get_args(hint) if get_origin(hint) in _UNIONS else (hint,):
            if dataclasses.is_dataclass(member):
                yield f"{prefix}{name}.", member
                yield from _sections_below(member, f"{prefix}{name}.")


def _expected(hint: Any) -> str:
    """What a setting of this type looks like, in words."""
    origin, arguments = get_origin(hint), get_args(hint)
    if origin is Literal:
        return "one of " + ", ".join(map(repr, arguments))
    if origin in _UNIONS:
        return " or ".join(map(_expected, arguments))
    if origin is tuple and arguments[-1] is Ellipsis:
        return f"a list, each item {_expected(arguments[0])}"
    if origin is tuple:
        return f"a list of {len(arguments)}: {', '.join(map(_expected, arguments))}"
    if origin is Mapping:
        return f"a section, each value {_expected(arguments[1])}"
    return "a section" if dataclasses.is_dataclass(hint) else _IN_WORDS[hint]


@dataclasses.dataclass(frozen=True, slots=True)
class _Reader:
    """Reads values by their type; knows where they come from, for the messages."""

    source: str

    def section(self, cls: Any, data: Mapping[str, Any], prefix: str, default: Any) -> Any:
        hints = get_type_hints(cls)
        fields = {field.name: field for field in _fields(cls)}
        for key in data:
            if key not in fields:
                raise self._unknown(cls, key, list(fields), prefix)
        values: dict[str, Any] = {}
        for name, field in fields.items():
            unmentioned = _default(field, default if type(default) is cls else None)
            if name in data:
                values[name] = self.value(hints[name], data[name], prefix + name, unmentioned)
            elif unmentioned is dataclasses.MISSING:
                raise SettingError(
                    f"{self.source}: {prefix}{name} is missing; it must be {_expected(hints[name])}"
                )
            else:
                values[name] = unmentioned
        try:
            return cls(**values)
        except ValueError as error:
            where = f"{prefix.removesuffix('.')}: " if prefix else ""
            raise SettingError(f"{self.source}: {where}{error}") from error

    def value(self, hint: Any, value: Any, key: str, default: Any) -> Any:
        origin, arguments = get_origin(hint), get_args(hint)
        if origin in _UNIONS:
            return self._union(hint, value, key, default)
        if origin is Literal:
            # Compared with the type, because True equals 1.
            if (type(value), value) in [(type(choice), choice) for choice in arguments]:
                return value
            near = closest(value, map(str, arguments)) if isinstance(value, str) else ""
            raise self._wrong(hint, value, key, near)
        if origin is tuple and isinstance(value, list | tuple):
            hints = arguments[:1] * len(value) if arguments[-1] is Ellipsis else arguments
            if len(hints) == len(value):
                items = enumerate(zip(hints, value, strict=True))
                return tuple(self.value(h, item, f"{key}[{i}]", None) for i, (h, item) in items)
        elif origin is Mapping and isinstance(value, Mapping):
            kind = arguments[1]
            return {name: self.value(kind, v, f"{key}.{name}", None) for name, v in value.items()}
        elif dataclasses.is_dataclass(hint) and isinstance(value, Mapping):
            return self.section(hint, value, f"{key}.", default)
        elif hint is Path and isinstance(value, str | Path):
            return Path(value)
        elif hint is float and isinstance(value, int | float) and not isinstance(value, bool):
            return float(value)
        elif hint in (bool, int, str) and type(value) is hint:
            return value
        raise self._wrong(hint, value, key)

    def _union(self, hint: Any, value: Any, key: str, default: Any) -> Any:
        members = [member for member in get_args(hint) if member is not types.NoneType]
        if types.NoneType in get_args(hint) and (value is None or value == NONE):
            return None
        if len(members) == 1 and dataclasses.is_dataclass(members[0]):
            return self.value(members[0], value, key, default)  # names the key inside, if wrong
        for member in members:
            try:
                return self.value(member, value, key, default)
            except SettingError:
                continue
        raise self._wrong(hint, value, key)

    def _wrong(self, hint: Any, value: Any, key: str, near: str = "") -> SettingError:
        return SettingError(
            f"{self.source}: {key} = {value!r}, but it must be {_expected(hint)}{near}"
        )

    def _unknown(self, cls: Any, key: str, known: list[str], prefix: str) -> SettingError:
        sections = _sections_below(cls, prefix)
        below = {field.name: at + field.name for at, c in sections for field in _fields(c)}
        if key in below:  # the section was forgotten
            near = f", did you mean {below[key]!r}?"
        else:
            near = closest(key, known) or f"; there are {', '.join(known)}"
        return SettingError(f"{self.source}: there is no setting {prefix + key!r}{near}")
