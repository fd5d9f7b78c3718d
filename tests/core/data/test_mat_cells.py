"""Reading MATLAB 5 files, against SciPy's reader and against bytes put together by hand."""

import io
import struct
import zlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.io import loadmat, savemat

from pahcl_core.data.mat_cells import Cells, read_variables


def as_scipy_reads(value):
    """SciPy's arrays as our values: cells column after column, numbers and texts bare."""
    if value.dtype == object:
        inner = tuple(as_scipy_reads(np.asarray(one)) for one in value.ravel(order="F"))
        return Cells(shape=value.shape, values=inner)
    return str(value.item()) if value.dtype.kind == "U" else float(value.item())


def cell(*values, shape=None):
    array = np.empty(len(values), dtype=object)
    array[:] = values
    return array.reshape(shape or (1, -1), order="F")


NUMBERS = st.one_of(
    st.integers(-(2**31), 2**31 - 1).map(np.int32),
    st.integers(0, 255).map(np.uint8),
    st.integers(0, 2**16 - 1).map(np.uint16),
    st.integers(-(2**15), 2**15 - 1).map(np.int16),
    st.floats(allow_nan=False).map(np.float64),
    st.floats(allow_nan=False, width=32).map(np.float32),
)
TEXTS = st.text(st.characters(codec="ascii", exclude_categories=["C"]), min_size=1, max_size=9)
VALUES = st.recursive(
    NUMBERS | TEXTS,
    lambda inner: st.lists(inner, min_size=1, max_size=4).map(lambda values: cell(*values)),
    max_leaves=8,
)


@given(VALUES, st.booleans())
def test_equals_scipys_reader(value, compressed):
    """Numbers of every width, texts, and cells of cells, compressed or not."""
    file = io.BytesIO()
    savemat(file, {"x": value}, do_compression=compressed)

    assert read_variables(file.getvalue()) == {"x": as_scipy_reads(loadmat(file)["x"])}


def test_compressed_variables_follow_on_each_other_without_padding():
    """Of lengths that are no multiples of eight."""
    names = [letter * length for letter in "ab" for length in (1, 2, 3, 7)]
    file = io.BytesIO()
    savemat(file, dict(zip(names, range(8), strict=True)), do_compression=True)

    assert read_variables(file.getvalue()) == {name: float(n) for n, name in enumerate(names)}


def test_cells_come_column_after_column():
    file = io.BytesIO()
    savemat(file, {"x": cell(1, 2, 3, "a", "b", "c", shape=(3, 2))})

    assert read_variables(file.getvalue())["x"] == Cells(
        shape=(3, 2), values=(1.0, 2.0, 3.0, "a", "b", "c")
    )


def element(order: str, kind: int, data: bytes) -> bytes:
    return struct.pack(order + "II", kind, len(data)) + data + b"\0" * (-len(data) % 8)


def array(order: str, array_class: int, data: bytes, shape=(1, 1), name: bytes = b"") -> bytes:
    flags = element(order, 6, struct.pack(order + "II", array_class, 0))
    dimensions = element(order, 5, struct.pack(f"{order}{len(shape)}i", *shape))
    return element(order, 14, flags + dimensions + element(order, 1, name) + data)


def mat_file(order: str, *arrays: bytes) -> bytes:
    version = struct.pack(order + "H", 0x0100) + (b"IM" if order == "<" else b"MI")
    return b"MATLAB 5.0 MAT-file".ljust(124) + version + b"".join(arrays)


@pytest.mark.parametrize("order", ["<", ">"])
def test_reads_either_byte_order(order):
    """By hand: a double, an integer of eight bytes, a text in UTF-16, cells of one."""
    number = array(order, 6, element(order, 9, struct.pack(order + "d", 0.1)), name=b"number")
    long = array(order, 14, element(order, 12, struct.pack(order + "q", 2**40)), name=b"long")
    encoding = "utf-16-le" if order == "<" else "utf-16-be"
    text = array(order, 4, element(order, 17, "Sé".encode(encoding)), shape=(1, 2), name=b"text")
    one = array(order, 10, element(order, 4, struct.pack(order + "H", 513)))
    cells = array(order, 1, one, name=b"cells")

    assert read_variables(mat_file(order, number, long, text, cells)) == {
        "number": 0.1,
        "long": 2.0**40,
        "text": "Sé",
        "cells": Cells(shape=(1, 1), values=(513.0,)),
    }


def nested(levels: int) -> bytes:
    inner = array("<", 6, element("<", 9, struct.pack("<d", 1.0)))
    for _ in range(levels):
        inner = array("<", 1, inner)
    return inner


ONE = element("<", 9, struct.pack("<d", 1.0))


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "is not a MATLAB 5 file"),
        (b"<!DOCTYPE html>" * 20, "is not a MATLAB 5 file"),
        (b"MATLAB 7.3 MAT-file".ljust(126) + b"\0\2", "is not a MATLAB 5 file"),
        (mat_file("<", b"\1\2\3"), "is truncated inside a tag"),
        (mat_file("<", struct.pack("<II", 14, 12) + b"x" * 8), "8 of 12 bytes are there"),
        (mat_file("<", struct.pack("<HHI", 14, 5, 0)), "a short element is too long"),
        (mat_file("<", element("<", 9, b"12345678")), "type 9 where an array should be"),
        (mat_file("<", element("<", 14, b"")), "without flags, dimensions or name"),
        (mat_file("<", array("<", 6, ONE, shape=())), "without flags or dimensions"),
        (mat_file("<", array("<", 6, ONE, shape=(1, 1, 1))), r"the shape \(1, 1, 1\)"),
        (mat_file("<", array("<", 1, b"", shape=(-1, 1))), r"the shape \(-1, 1\)"),
        (mat_file("<", array("<", 1, b"", shape=(2**30, 2))), "0 of 2147483648 cells are there"),
        (mat_file("<", array("<", 6, ONE + ONE)), "of class 6, neither cells nor text nor"),
        (mat_file("<", array("<", 2, ONE)), "of class 2, neither cells nor text nor"),
        (mat_file("<", array("<", 6, element("<", 9, b"x" * 16))), "2 numbers where one should"),
        (mat_file("<", array("<", 6, element("<", 9, b"x" * 7))), "a number is cut off"),
        (mat_file("<", array("<", 6, element("<", 8, b"x" * 8))), "numbers of the unknown type 8"),
        (mat_file("<", nested(40)), "cells lie too deep within cells"),
        (mat_file("<", element("<", 15, b"no zlib!")), "is damaged: Error -3"),
        (
            mat_file("<", element("<", 15, zlib.compress(array("<", 6, ONE))[:-4])),
            "compressed data has no end",
        ),
    ],
)
def test_refuses_what_is_damaged(content, reason):
    with pytest.raises(ValueError, match=reason):
        read_variables(content)


def test_does_not_unpack_without_end():
    """A hundred kilobytes that would become a hundred megabytes."""
    bomb = mat_file("<", element("<", 15, zlib.compress(bytes(100_000_000))))

    with pytest.raises(ValueError, match="compressed data has no end"):
        read_variables(bomb)
