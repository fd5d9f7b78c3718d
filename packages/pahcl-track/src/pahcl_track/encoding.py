"""Values as JSON and back, without loss.

JSON has no NaN and no infinities, so these three numbers are written as the texts `NaN`, `Infinity`
and `-Infinity`; no value is a text otherwise. Other kinds of values are objects with one key that
names the kind. A picture lies in a file of its own, named after its content.
"""

import hashlib
import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pahcl_track.numbers import as_number
from pahcl_track.values import Histogram, Image, Table, Value

Plain = float | int | bool | Histogram | Image | Table
"""A value whose number, if it is one, is Python's."""

_NAMED = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}


def plain(value: Value) -> Plain:
    """The value with its number, if it is one, as Python's.

    Raises:
        TypeError: If it is no kind of value.
    """
    return value if isinstance(value, Histogram | Image | Table) else as_number(value)


def encode_values(values: Mapping[str, Plain], pictures: Path) -> dict[str, Any]:
    """Values as JSON has them; pictures are written below `pictures`.

    Raises:
        OSError: If a picture cannot be written.
    """
    return {name: _encode(value, pictures) for name, value in values.items()}


def decode_values(content: Mapping[str, Any], pictures: Path) -> dict[str, Plain]:
    """The values again; a picture whose file is gone is left out."""
    decoded = {name: _decode(value, pictures) for name, value in content.items()}
    return {name: value for name, value in decoded.items() if value is not None}


def dumps(content: object) -> str:
    """One line of strict JSON."""
    return json.dumps(content, ensure_ascii=False, allow_nan=False, separators=(",", ":"))


def _encode(value: Plain, pictures: Path) -> Any:  # noqa: ANN401
    if isinstance(value, Histogram):
        return {
            "histogram": {
                "counts": [_number(as_number(one)) for one in value.counts],
                "edges": [_number(as_number(one)) for one in value.edges],
            }
        }
    if isinstance(value, Table):
        rows = [[_cell(cell) for cell in row] for row in value.rows]
        return {"table": {"columns": list(value.columns), "rows": rows}}
    if isinstance(value, Image):
        name = f"{hashlib.sha256(value.data).hexdigest()[:16]}.{value.format}"
        pictures.mkdir(parents=True, exist_ok=True)
        if not (pictures / name).exists():
            (pictures / name).write_bytes(value.data)
        return {"image": {"file": name, "format": value.format, "caption": value.caption}}
    return _number(value)


def _decode(value: Any, pictures: Path) -> Plain | None:  # noqa: ANN401
    if isinstance(value, str):
        return _NAMED[value]
    if not isinstance(value, Mapping):
        number: float | int | bool = value
        return number
    ((kind, content),) = value.items()
    if kind == "histogram":
        return Histogram(
            counts=[_denumber(one) for one in content["counts"]],
            edges=[_denumber(one) for one in content["edges"]],
        )
    if kind == "table":
        rows = [[_decell(cell) for cell in row] for row in content["rows"]]
        return Table(columns=content["columns"], rows=rows)
    try:
        data = (pictures / content["file"]).read_bytes()
    except OSError:
        return None
    return Image(data=data, format=content["format"], caption=content["caption"])


def _number(value: float | int | bool) -> float | int | bool | str:
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN" if math.isnan(value) else ("Infinity" if value > 0 else "-Infinity")
    return value


def _denumber(value: Any) -> float:  # noqa: ANN401
    return _NAMED[value] if isinstance(value, str) else value


def _cell(cell: Any) -> Any:  # noqa: ANN401  text stays text, so a number that is none is wrapped
    if cell is None or isinstance(cell, str):
        return cell
    number = _number(as_number(cell))
    return {"number": number} if isinstance(number, str) else number


def _decell(cell: Any) -> Any:  # noqa: ANN401
    return _NAMED[cell["number"]] if isinstance(cell, Mapping) else cell
