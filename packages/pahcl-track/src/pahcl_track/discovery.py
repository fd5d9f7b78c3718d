"""Trackers by name: found through entry points, made from options given as text.

A distribution offers a tracker with an entry point in the group `pahcl.trackers` that loads a
callable: given the tracker's options as keyword arguments, it returns a `Tracker`. The built-in
trackers are registered the same way. Listing imports nobody's code; loading one imports that one.
"""

import contextlib
import difflib
import inspect
import types
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from pahcl_track.errors import TrackerError
from pahcl_track.protocol import Outcome, Run, Tracker

GROUP = "pahcl.trackers"

_TRUTH = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}
_IN_WORDS = {bool: "true or false", int: "an integer", float: "a number"}
_CALLS: Mapping[str, tuple[tuple[object, ...], Mapping[str, object]]] = {
    "start": ((Run(name="", directory=Path()),), {}),
    "log": (({},), {"step": 0}),
    "save": ((Path(),), {"kind": ""}),
    "finish": ((Outcome(status="completed"),), {}),
}


@dataclass(frozen=True, kw_only=True, slots=True)
class InstalledTracker:
    """A tracker that is installed here, whether or not it can be loaded."""

    name: str
    distribution: str
    version: str
    entry: str
    """Module and callable, with a colon between."""


def installed_trackers() -> list[InstalledTracker]:
    """Every tracker of every distribution, by name; a name may be claimed twice."""
    return sorted(
        map(_described, _entries()), key=lambda found: (found.name, found.distribution, found.entry)
    )


def load_tracker(name: str, options: Mapping[str, str] | None = None) -> Tracker:
    """Make the tracker of that name.

    Args:
        name: As registered.
        options: By name, as text; read by the type that the tracker declares.

    Raises:
        TrackerError: If there is no such tracker, two distributions claim the name, it cannot be
            imported or made, what it makes is no tracker, or an option does not exist or does not
            fit its type.
    """
    entry = _entry_named(name)
    where = f"the tracker {name!r} of {_described(entry).distribution}"
    try:
        factory = entry.load()
    except (Exception, SystemExit) as error:
        raise TrackerError(f"{where} cannot be imported: {_cause(error)}") from error
    if not callable(factory):
        raise TrackerError(
            f"{where} cannot be made: its entry point {entry.value!r} names a "
            f"{type(factory).__name__}, not a class or a function: write module:Class"
        )
    keywords = _read_options(name, factory, options or {})
    try:
        tracker = factory(**keywords)
    except TrackerError:
        raise
    except Exception as error:
        raise TrackerError(f"{where} cannot be made: {_cause(error)}") from error
    _require_tracker(tracker, where)
    return tracker  # type: ignore[no-any-return]


def parse_options(texts: Iterable[str], names: Sequence[str]) -> dict[str, dict[str, str]]:
    """Options given as `<tracker>.<option>=<value>`, by tracker.

    Raises:
        TrackerError: If a text is not of that form, or its tracker is not among `names`.
    """
    options: dict[str, dict[str, str]] = {}
    for text in texts:
        key, equals, value = text.partition("=")
        name, dot, option = key.strip().partition(".")
        if not (equals and dot and name and option):
            raise TrackerError(f"tracker option {text!r}: write it as tracker.option=value")
        if name not in names:
            raise TrackerError(
                f"tracker option {text!r}: no tracker {name!r} was asked for"
                f"{_closest(name, names)}; trackers of this run: {', '.join(names)}"
            )
        options.setdefault(name, {})[option] = value
    return options


def declared_options(factory: Callable[..., Any]) -> dict[str, inspect.Parameter]:
    """The keyword parameters of a tracker's callable: its options."""
    named = (inspect.Parameter.KEYWORD_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    parameters = inspect.signature(factory).parameters.values()
    return {one.name: one for one in parameters if one.kind in named}


def _entries() -> list[EntryPoint]:
    """Each registration once, even where a source tree and its installation are both found."""
    return list(entry_points(group=GROUP))


def _described(entry: EntryPoint) -> InstalledTracker:
    return InstalledTracker(
        name=entry.name,
        distribution=_field(entry, "Name"),
        version=_field(entry, "Version"),
        entry=entry.value,
    )


def _field(entry: EntryPoint, name: str) -> str:
    """Of the entry's distribution; one that was half removed has neither name nor version."""
    metadata = None if entry.dist is None else entry.dist.metadata
    return metadata[name] if metadata is not None and name in metadata else "unknown"


def _entry_named(name: str) -> EntryPoint:
    entries = _entries()
    named = [entry for entry in entries if entry.name == name]
    if not named:
        known = sorted({entry.name for entry in entries})
        raise TrackerError(
            f"no tracker named {name!r}{_closest(name, known)}; "
            f"installed trackers: {', '.join(known) or 'none'}"
        )
    if len(named) > 1:
        claims = " and ".join(sorted(_described(entry).distribution for entry in named))
        raise TrackerError(f"the tracker {name!r} is claimed by {claims}: uninstall one of them")
    return named[0]


def _require_tracker(tracker: object, where: str) -> None:
    """Refuse now what would fail at its first call, hours later perhaps."""
    for method, (arguments, keywords) in _CALLS.items():
        call = getattr(tracker, method, None)
        if not callable(call):
            raise TrackerError(f"{where} has no method {method!r}")
        if _does_nothing(call):
            raise TrackerError(
                f"{where}: its method {method!r} does nothing when it is called, but returns what "
                "nobody awaits: write it without async and yield"
            )
        try:
            inspect.signature(call).bind(*arguments, **keywords)
        except ValueError:  # written in C: its signature cannot be known
            continue
        except TypeError as error:
            raise TrackerError(
                f"{where}: its method {method!r} does not take what pahcl_track.Tracker "
                f"gives it: {error}"
            ) from error


def _does_nothing(call: Callable[..., Any]) -> bool:
    return (
        inspect.iscoroutinefunction(call)
        or inspect.isgeneratorfunction(call)
        or inspect.isasyncgenfunction(call)
    )


def _read_options(
    name: str, factory: Callable[..., Any], options: Mapping[str, str]
) -> dict[str, Any]:
    declared = declared_options(factory)
    values = {}
    for option, text in options.items():
        if option not in declared:
            known = ", ".join(f"{name}.{one}" for one in declared) or "none"
            raise TrackerError(
                f"the tracker {name!r} has no option {option!r}{_closest(option, declared)}; "
                f"its options: {known}"
            )
        hint = _type_of(option, factory)
        try:
            values[option] = _converted(text, hint)
        except ValueError as error:
            raise TrackerError(f"{name}.{option}={text}: it must be {error}") from error
    return values


def _type_of(option: str, factory: Callable[..., Any]) -> Any:  # noqa: ANN401
    try:
        hints = get_type_hints(factory.__init__ if inspect.isclass(factory) else factory)
    except (NameError, TypeError) as error:  # imported for type checkers alone, or no function
        raise TrackerError(
            f"the type of the option {option!r} cannot be read from the tracker: {error}"
        ) from error
    return hints.get(option, str)


def _converted(text: str, hint: Any) -> Any:  # noqa: ANN401  whatever an option declares
    """The value a text stands for; the error says what it must be instead."""
    origin, arguments = get_origin(hint), get_args(hint)
    if origin in (Union, types.UnionType):
        members = [member for member in arguments if member is not types.NoneType]
        if types.NoneType in arguments and text.lower() == "none":
            return None
        return _converted_to_any(text, members)
    if origin is Literal:
        known = {str(one): one for one in arguments}
        if text not in known:
            raise ValueError(f"one of {', '.join(known)}{_closest(text, known)}")
        return known[text]
    if hint is bool:
        if text.lower() not in _TRUTH:
            raise ValueError(_IN_WORDS[bool])
        return _TRUTH[text.lower()]
    if hint in (int, float):
        try:
            return hint(text)
        except ValueError as error:
            raise ValueError(_IN_WORDS[hint]) from error
    return Path(text) if hint is Path else text


def _converted_to_any(text: str, hints: Sequence[Any]) -> Any:  # noqa: ANN401
    """The first of them that the text fits."""
    for hint in hints[:-1]:
        with contextlib.suppress(ValueError):
            return _converted(text, hint)
    return _converted(text, hints[-1])


def _cause(error: BaseException) -> str:
    return str(error).strip() or type(error).__name__


def _closest(name: str, known: Iterable[str]) -> str:
    matches = difflib.get_close_matches(name, list(known), n=1)
    return f", did you mean {matches[0]!r}?" if matches else ""
