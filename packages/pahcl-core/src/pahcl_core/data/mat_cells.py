"""Reading numbers, texts and cell arrays of them from a MATLAB 5 file.

`scipy.io.loadmat` is not used: a few changed bytes can make it end the whole process (a
segmentation fault with SciPy 1.17), and a damaged annotation must cost no more than itself.

Source of the format: MathWorks, "MAT-File Format", chapter on level 5.
"""

import math
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple, TypeAlias

_HEADER_BYTES, _TAG_BYTES = 128, 8
_MOST_BYTES = 2**26  # after decompression; an annotation takes some ten thousand
_DEEPEST = 8  # cells within cells; an annotation has three levels

_INT32, _UINT32, _MATRIX, _COMPRESSED = 5, 6, 14, 15
_NUMBERS = {1: "b", 2: "B", 3: "h", 4: "H", 5: "i", 6: "I", 7: "f", 9: "d", 12: "q", 13: "Q"}
_TEXTS = {16: "utf-8", 17: "utf-16", 18: "utf-32"}
_CELL_CLASS, _CHAR_CLASS, _NUMERIC_CLASSES = 1, 4, range(6, 16)

MatValue: TypeAlias = "float | str | Cells"


@dataclass(frozen=True, kw_only=True, slots=True)
class Cells:
    """A cell array of two dimensions."""

    shape: tuple[int, int]
    values: tuple[MatValue, ...]
    """Column after column, as MATLAB stores them."""


class _Element(NamedTuple):
    kind: int
    data: bytes


def read_variables(content: bytes) -> dict[str, MatValue]:
    """The variables of a MATLAB 5 file that are a single number, a text, or cells of such.

    Raises:
        ValueError: If the content is no MATLAB 5 file, is truncated or damaged, or holds
            anything else.
    """
    if len(content) < _HEADER_BYTES or content[126:128] not in (b"IM", b"MI"):
        raise ValueError("is not a MATLAB 5 file")
    order = "<" if content[126:128] == b"IM" else ">"
    variables: dict[str, MatValue] = {}
    for element in _elements(content[_HEADER_BYTES:], order):
        if element.kind == _COMPRESSED:
            inner = list(_elements(_decompressed(element.data), order))
        else:
            inner = [element]
        for array in inner:
            name, value = _parse_array(array, order, depth=0)
            variables[name] = value
    return variables


def _elements(data: bytes, order: str) -> Iterator[_Element]:
    """Tag, data and padding, one after the other."""
    position = 0
    read_tag = struct.Struct(order + "II").unpack_from
    while position < len(data):
        if len(data) - position < _TAG_BYTES:
            raise ValueError("is truncated inside a tag")
        kind, size = read_tag(data, position)
        position += _TAG_BYTES
        if kind >> 16:  # up to four bytes of data lie in the tag itself
            kind, size = kind & 0xFFFF, kind >> 16
            if size > 4:
                raise ValueError("is damaged: a short element is too long")
            yield _Element(kind, data[position - 4 : position - 4 + size])
            continue
        if size > len(data) - position:
            raise ValueError(f"is truncated: {len(data) - position} of {size} bytes are there")
        yield _Element(kind, data[position : position + size])
        # Compressed elements are not padded to a multiple of eight bytes.
        position += size if kind == _COMPRESSED else size + -size % 8


def _decompressed(data: bytes) -> bytes:
    inflate = zlib.decompressobj()
    try:
        content = inflate.decompress(data, _MOST_BYTES)
    except zlib.error as error:
        raise ValueError(f"is damaged: {error}") from error
    if not inflate.eof:  # with the end goes the checksum
        raise ValueError("is damaged: its compressed data has no end")
    return content


def _parse_array(element: _Element, order: str, *, depth: int) -> tuple[str, MatValue]:
    """Name and value of an array: its flags, dimensions and name come first."""
    if element.kind != _MATRIX:
        raise ValueError(f"is damaged: element of type {element.kind} where an array should be")
    if depth > _DEEPEST:
        raise ValueError("is damaged: cells lie too deep within cells")
    parts = list(_elements(element.data, order))
    if len(parts) < 3 or parts[0].kind != _UINT32 or parts[1].kind != _INT32:
        raise ValueError("is damaged: an array without flags, dimensions or name")
    array_class = _integers(parts[0], order)[0] & 0xFF
    shape = _integers(parts[1], order)
    if len(shape) != 2 or min(shape) < 0:
        raise ValueError(f"holds an array of the shape {shape}")
    name, data = parts[2].data.decode("latin-1"), parts[3:]
    if array_class == _CELL_CLASS:
        if len(data) != math.prod(shape):
            raise ValueError(f"is damaged: {len(data)} of {math.prod(shape)} cells are there")
        inner = tuple(_parse_array(one, order, depth=depth + 1)[1] for one in data)
        return name, Cells(shape=(shape[0], shape[1]), values=inner)
    if array_class == _CHAR_CLASS and len(data) == 1:
        return name, _text(data[0], order)
    if array_class in _NUMERIC_CLASSES and len(data) == 1:
        return name, _number(data[0], order)
    raise ValueError(f"holds an array of class {array_class}, neither cells nor text nor a number")


def _integers(element: _Element, order: str) -> tuple[int, ...]:
    count = len(element.data) // 4
    if count == 0:
        raise ValueError("is damaged: an array without flags or dimensions")
    return struct.unpack(f"{order}{count}i", element.data[: 4 * count])


def _text(element: _Element, order: str) -> str:
    if element.kind in _TEXTS:
        encoding = _TEXTS[element.kind]
        # Without the byte order in the name, Python would look for one in the text.
        suffix = "" if encoding == "utf-8" else ("-le" if order == "<" else "-be")
        return element.data.decode(encoding + suffix, errors="replace")
    return "".join(chr(int(code)) for code in _values(element, order) if 0 <= code < 0x110000)


def _number(element: _Element, order: str) -> float:
    values = _values(element, order)
    if len(values) != 1:
        raise ValueError(f"holds an array of {len(values)} numbers where one should be")
    return float(values[0])


def _values(element: _Element, order: str) -> tuple[int | float, ...]:
    if element.kind not in _NUMBERS:
        raise ValueError(f"is damaged: numbers of the unknown type {element.kind}")
    code = _NUMBERS[element.kind]
    count, rest = divmod(len(element.data), struct.calcsize(order + code))
    if rest:
        raise ValueError("is damaged: a number is cut off")
    return struct.unpack(f"{order}{count}{code}", element.data)
