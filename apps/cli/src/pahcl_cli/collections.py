"""Which collections a pretraining is given: `--data NAME=DIR` for each, or `--data-dir` for one."""

from collections.abc import Mapping, Sequence
from typing import Any

from pahcl_core.data.readers import collection_of
from pahcl_core.errors import SettingError

_DEFAULT = "circor"


def collections_given(options: Sequence[str]) -> dict[str, str] | None:
    """Folders by name, of `--data NAME=DIR` options; None if there are none.

    Raises:
        SettingError: If one is malformed, names no collection, or a name comes twice.
    """
    found: dict[str, str] = {}
    for option in options:
        name, _, folder = (part.strip() for part in option.partition("="))
        if not name or not folder:
            raise SettingError(f"--data {option!r}: write it as NAME=DIR, such as circor=data")
        collection_of(name)
        if name in found:
            more = ": folders need names, as in folder:clinic_a=DIR" if name == "folder" else ""
            raise SettingError(f"--data: {name} is given twice{more}")
        found[name] = folder
    return found or None


def with_collections(table: Mapping[str, Any], named: Mapping[str, Any]) -> dict[str, Any]:
    """Settings of a pretraining in which `data` says where its collections are.

    What the options say replaces what a run file does. A file of an earlier version has `data_dir`
    and `collection` instead.

    Args:
        table: The settings, named options among them.
        named: The options: `data`, `data_dir` and `collection`, None where one was not given.

    Raises:
        SettingError: If collections are given in two ways at once.
    """
    table = dict(table)
    folder, collection = table.pop("data_dir", None), table.pop("collection", None)
    short = [key for key in ("data_dir", "collection") if named.get(key) is not None]
    if named.get("data") is not None:
        if short:
            raise SettingError(f"--data and --{short[0].replace('_', '-')}: give the one or other")
        table["data"] = named["data"]
    elif folder is not None:
        if "data" in table and named.get("data_dir") is None:
            raise SettingError("data and data_dir both say where collections are; keep data")
        table["data"] = {collection or _DEFAULT: folder}
    elif collection is not None and "data" in table:
        raise SettingError(f"--collection {collection} needs --data-dir, its folder")
    return table


def moved_collections(before: Mapping[str, Any], named: Mapping[str, Any]) -> dict[str, Any]:
    """The settings of a run that goes on, with its collections where the options say they are now.

    Raises:
        SettingError: If it was begun without such a collection, or it is not clear which is meant.
    """
    before = with_collections(before, {})
    moved, folder = named.get("data") or {}, named.get("data_dir")
    data = before.get("data")
    if not isinstance(data, Mapping):
        return before  # to be refused for it where settings are read
    for name in moved:
        if name not in data:
            raise SettingError(
                f"--data: a run that is resumed keeps its collections, {', '.join(data)}; {name} "
                "is not one of them"
            )
    if folder is not None:
        if len(data) > 1:
            raise SettingError(
                f"--data-dir: the run has {', '.join(data)}; say which is meant by --data NAME=DIR"
            )
        moved = dict.fromkeys(data, folder)
    return {**before, "data": {**data, **moved}}
