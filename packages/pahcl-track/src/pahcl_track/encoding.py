"""Values as JSON and back, without loss.

JSON has no NaN and no infinities, so these three numbers are written as the texts `NaN`, `Infinity`
and `-Infinity`; no value is a text otherwise. Other kinds of values are objects with one key that
names the kind. A picture lies in a file of its own, named after its content.
"""

import hashlib
import json
import math
import os
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pahcl_track.numbers import as_number
from pahcl_track.values import Histogram, Image, Table, Value

Plain = float | int | bool | Histogram | Image | Table
"""A value whose numbers are Python's, and which nobody can change."""

_NAMED = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}
_MOST_BITS = 4096
_JSON, _ASCII = (
    json.JSONEncoder(ensure_ascii=ascii, allow_nan=False, separators=(",", ":"), default=str)
    for ascii in (False, True)
)


def plain(value: Value) -> Plain:
    """The value with its numbers as Python's, and nothing in it that the caller may change later.

    Raises:
        TypeError: If it is no kind of value, or a part of it is no number.
    """
    if isinstance(value, Histogram):
        return Histogram(
            counts=tuple(map(as_number, value.counts)), edges=tuple(map(as_number, value.edges))
        )
    if isinstance(value, Table):
        rows = tuple(tuple(map(_plain_cell, row)) for row in value.rows)
        return Table(columns=tuple(map(str, value.columns)), rows=rows)
    if isinstance(value, Image):
        caption = None if value.caption is None else str(value.caption)
        return Image(data=bytes(value.data), format=value.format, caption=caption)
    return as_number(value)


def encode_values(values: Mapping[str, Plain], pictures: Path) -> dict[str, Any]:
    """Values as JSON has them; pictures are written below `pictures`.

    Raises:
        OSError: If a picture cannot be written.
    """
    return {name: _encode(value, pictures) for name, value in values.items()}


def encode_config(value: Any) -> Any:  # noqa: ANN401  nested plain values
    """A configuration as JSON has it; a number that JSON does not have is text, and stays text."""
    if isinstance(value, Mapping):
        return {name: encode_config(below) for name, below in value.items()}
    if isinstance(value, list | tuple):
        return [encode_config(below) for below in value]
    if isinstance(value, int) and value.bit_length() > _MOST_BITS:
        return hex(value)  # Python refuses to write that many decimal digits
    return _number(value)


def decode_values(content: Mapping[str, Any], pictures: Path) -> dict[str, Plain]:
    """The values again, but for pictures whose files are gone and kinds of a later version."""
    decoded = {name: _decode(value, pictures) for name, value in content.items()}
    return {name: value for name, value in decoded.items() if value is not None}


def dumps(content: object) -> str:
    """One line of strict JSON that is valid UTF-8; what JSON has no form for is written as text."""
    line = _JSON.encode(content)
    try:
        line.encode()
    except UnicodeEncodeError:  # half of a pair of surrogates, which UTF-8 does not have
        return _ASCII.encode(content)
    return line


def _encode(value: Plain, pictures: Path) -> Any:  # noqa: ANN401
    if isinstance(value, Histogram):
        return {
            "histogram": {
                "counts": [_number(one) for one in value.counts],
                "edges": [_number(one) for one in value.edges],
            }
        }
    if isinstance(value, Table):
        rows = [[_cell(cell) for cell in row] for row in value.rows]
        return {"table": {"columns": list(value.columns), "rows": rows}}
    if isinstance(value, Image):
        name = f"{hashlib.sha256(value.data).hexdigest()[:16]}.{value.format}"
        if not (pictures / name).exists():
            _write_whole(pictures / name, value.data)
        return {"image": {"file": name, "format": value.format, "caption": value.caption}}
    return _number(value)


def _decode(value: Any, pictures: Path) -> Plain | None:  # noqa: ANN401
    if isinstance(value, str):
        return _NAMED.get(value)
    if not isinstance(value, Mapping):
        return value if isinstance(value, float | int) else None
    ((kind, content),) = value.items()
    if kind == "histogram":
        return Histogram(
            counts=tuple(_denumber(one) for one in content["counts"]),
            edges=tuple(_denumber(one) for one in content["edges"]),
        )
    if kind == "table":
        rows = tuple(tuple(_decell(cell) for cell in row) for row in content["rows"])
        return Table(columns=tuple(content["columns"]), rows=rows)
    if kind != "image":
        return None
    try:
        data = (pictures / content["file"]).read_bytes()
    except OSError:
        return None
    return Image(data=data, format=content["format"], caption=content["caption"])


def _write_whole(path: Path, content: bytes) -> None:
    """The whole file or none, whatever happens meanwhile."""
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(f".{path.name}.{os.getpid()}.{threading.get_ident()}")
    try:
        unfinished.write_bytes(content)
        unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)


def _number(value: Any) -> Any:  # noqa: ANN401
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN" if math.isnan(value) else ("Infinity" if value > 0 else "-Infinity")
    return value


def _denumber(value: Any) -> float:  # noqa: ANN401
    if isinstance(value, str):
        return _NAMED[value]
    if not isinstance(value, float | int):
        raise TypeError(f"{value!r} is no number")
    return value


def _cell(cell: Any) -> Any:  # noqa: ANN401  text stays text, so a number that is none is wrapped
    if cell is None or isinstance(cell, str):
        return cell
    number = _number(cell)
    return {"number": number} if isinstance(number, str) else number


def _plain_cell(cell: Any) -> Any:  # noqa: ANN401
    return cell if cell is None or isinstance(cell, str) else as_number(cell)


def _decell(cell: Any) -> Any:  # noqa: ANN401
    if cell is None or isinstance(cell, str):
        return cell
    return _denumber(cell["number"] if isinstance(cell, Mapping) else cell)
