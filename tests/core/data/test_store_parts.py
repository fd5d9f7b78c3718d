"""A part is what was prepared, whole, or it is not there."""

import json
import struct
import zlib
from dataclasses import replace

import numpy as np
import pytest

from pahcl_core.data.preparation import PreparedRecording, Remark
from pahcl_core.data.store_parts import Parts

PREPARED = PreparedRecording(
    samples=np.array([0.5, -1.25, 3e-40], dtype=np.float32),
    bounds_s=np.array([[0.0, 0.1, 0.3, 0.4, 0.8], [0.8, 0.9, 1.1, 1.2, 1.7]]),
    source="annotation",
    remarks=(Remark(of="annotation", row=3, reason="état 28 was left out"),),
    quality=0.25,
    flags=("clipped", "noise"),
    cycle_quality=np.array([0.125, 0.75]),
)
NOTHING = replace(
    PREPARED,
    samples=np.zeros(0, dtype=np.float32),
    bounds_s=np.zeros((0, 5)),
    source="windows",
    remarks=(),
    quality=float("nan"),
    flags=(),
    cycle_quality=np.zeros(0),
)


def contents(part):
    """Everything in it, so that two can be compared."""
    arrays = (part.samples, part.bounds_s, part.cycle_quality, np.array(part.quality))
    told = [(one.dtype.str, one.shape, one.tobytes()) for one in arrays]
    return told, part.source, part.remarks, part.flags


@pytest.fixture
def parts(tmp_path):
    return Parts(tmp_path / "parts")


@pytest.mark.parametrize("prepared", [PREPARED, NOTHING], ids=["usable", "nothing"])
def test_what_is_written_is_read(parts, prepared):
    """To the bit, in the types that it had."""
    parts.write("one", prepared)

    part = parts.read("one")

    assert contents(part.prepared) == contents(prepared)
    assert part.checksum == zlib.crc32(prepared.samples.tobytes())
    assert "one" in parts


def test_the_file_is_what_its_description_says(parts):
    """Read with `struct` alone."""
    parts.write("one", PREPARED)

    content = (parts.directory / "one.part").read_bytes()

    checksum, length = struct.unpack("<QQ", content[:16])
    assert checksum == zlib.crc32(content[8:-12])
    assert json.loads(content[16 : 16 + length])["checksum"] == zlib.crc32(content[-12:])
    assert length % 8 == 0
    numbers = content[16 + length :]
    assert struct.unpack("<13d", numbers[:104]) == (
        0.25,
        *(0.0, 0.1, 0.3, 0.4, 0.8),
        *(0.8, 0.9, 1.1, 1.2, 1.7),
        *(0.125, 0.75),
    )
    assert struct.unpack("<2f", numbers[104:112]) == (0.5, -1.25)
    assert len(numbers) == 116


def test_no_byte_can_change_or_lack_unnoticed(parts):
    """Any of the head, and every ninth after it."""
    parts.write("one", PREPARED)
    path = parts.directory / "one.part"
    whole = path.read_bytes()

    for place in (*range(16), *range(16, len(whole), 9)):
        changed = bytearray(whole)
        changed[place] ^= 1
        path.write_bytes(changed)
        assert parts.read("one") is None, place
        path.write_bytes(whole[:place])
        assert parts.read("one") is None, place
    path.write_bytes(whole + b"\0")
    assert parts.read("one") is None


def test_what_is_not_there_is_none(parts):
    assert parts.read("one") is None
    assert "one" not in parts


def test_the_folder_is_made_again_when_it_is_taken_away(parts):
    """Whoever removes the last part removes the folder."""
    parts.write("one", PREPARED)
    parts.remove(["one"])
    assert not parts.directory.exists()

    parts.write("two", PREPARED)

    assert [one.name for one in parts.directory.iterdir()] == ["two.part"]


def test_what_is_kept_of_a_part_does_not_keep_its_samples(parts):
    """Cycles and qualities of many recordings fit into memory, their samples may not."""
    parts.write("one", replace(PREPARED, samples=np.zeros(10_000, dtype=np.float32)))

    found = parts.read("one").prepared

    for kept in (found.bounds_s, found.cycle_quality):
        owner = kept
        while isinstance(owner.base, np.ndarray):
            owner = owner.base
        assert owner.base is None
        assert owner.nbytes < 1000
