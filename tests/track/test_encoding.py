"""Values as JSON and back: nothing lost, nothing shared, nothing that other readers trip over."""

import json
import math
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pahcl_track import Histogram, Image, Table
from pahcl_track.encoding import decode_values, dumps, encode_config, encode_values, plain

NOWHERE = Path("/nowhere")
PICTURE = b"\x89PNG and the rest"

names = st.text(st.characters(codec=None), max_size=8)  # surrogates, too
numbers = st.floats() | st.integers(-(2**900), 2**900) | st.booleans()
cells = names | numbers | st.none()
counts = st.lists(st.floats() | st.integers(0, 2**70), max_size=5)
histograms = counts.map(lambda made: Histogram(counts=tuple(made), edges=(*made, math.inf)))
tables = st.integers(0, 3).flatmap(
    lambda width: st.builds(
        Table,
        columns=st.tuples(*[names] * width),
        rows=st.lists(st.tuples(*[cells] * width), max_size=3).map(tuple),
    )
)


@given(st.dictionaries(names, numbers | histograms | tables, max_size=5))
def test_what_was_written_is_read_again(values):
    """Compared as text, because NaN is not even equal to itself."""
    line = dumps(encode_values(values, NOWHERE))

    assert repr(decode_values(json.loads(line), NOWHERE)) == repr(values)


@given(st.dictionaries(names, numbers | tables, max_size=5))
def test_a_line_is_strict_json_in_valid_utf8(values):
    line = dumps(encode_values(values, NOWHERE))

    def refuse(word):
        raise AssertionError(word)

    json.loads(line.encode("utf-8").decode("utf-8"), parse_constant=refuse)
    assert "\n" not in line


def test_numbers_that_json_does_not_have_are_three_texts():
    values = {"a": math.nan, "b": math.inf, "c": -math.inf, "d": 1.5}

    assert dumps(encode_values(values, NOWHERE)) == (
        '{"a":"NaN","b":"Infinity","c":"-Infinity","d":1.5}'
    )


def test_letters_are_written_as_they_are_unless_utf8_lacks_one():
    assert dumps({"Ton/häufig": 1}) == '{"Ton/häufig":1}'
    assert dumps({"half \ud83d": 1}) == '{"half \\ud83d":1}'


def test_the_text_nan_in_a_table_is_no_number():
    """While the number is wrapped."""
    table = Table(columns=("a", "b"), rows=(("NaN", math.nan),))
    content = encode_values({"t": table}, NOWHERE)

    assert content["t"]["table"]["rows"] == [["NaN", {"number": "NaN"}]]
    read = decode_values(content, NOWHERE)["t"]
    assert read.rows[0][0] == "NaN"
    assert math.isnan(read.rows[0][1])


def test_a_plain_value_shares_nothing_with_the_caller():
    counts, edges, row = np.array([1, 2]), [0.0, 1.0, 2.0], ["a", np.float32(0.5)]
    data = bytearray(PICTURE)
    columns = ["name", "score"]
    kept = (
        plain(Histogram(counts=counts, edges=edges)),
        plain(Table(columns=columns, rows=[row])),
        plain(Image(data=data)),
    )
    counts[:] = 0
    edges[0] = -7.0
    row[1] = columns[0] = data[0] = 0

    assert kept == (
        Histogram(counts=(1, 2), edges=(0.0, 1.0, 2.0)),
        Table(columns=("name", "score"), rows=(("a", 0.5),)),
        Image(data=PICTURE),
    )
    assert {type(one) for one in kept[0].counts} == {int}
    assert type(kept[1].rows[0][1]) is float


@pytest.mark.parametrize(
    "value",
    [
        Histogram(counts=["many"], edges=[0.0, 1.0]),
        Histogram(counts=[1], edges=[0.0, None]),
        Table(columns=["a"], rows=[[object()]]),
        "0.5",
    ],
    ids=["counts", "edges", "cell", "text"],
)
def test_a_value_with_a_part_that_is_no_number_is_refused(value):
    with pytest.raises(TypeError, match="is not a number"):
        plain(value)


def test_cells_become_pythons_numbers_and_stay_text():
    table = plain(Table(columns=["a", "b", "c"], rows=[[np.int64(3), None, np.str_("x")]]))
    again = decode_values(json.loads(dumps(encode_values({"t": table}, NOWHERE))), NOWHERE)["t"]

    assert again == Table(columns=("a", "b", "c"), rows=((3, None, "x"),))


def test_a_picture_lies_in_a_file_named_after_its_content(tmp_path):
    """SHA-256 begins so, says `sha256sum`; the same picture twice is one file."""
    picture = Image(data=b"abc", format="jpg", caption="ßignal")
    content = encode_values({"a": picture, "b": replace(picture, caption=None)}, tmp_path / "p")

    assert content["a"] == {
        "image": {"file": "ba7816bf8f01cfea.jpg", "format": "jpg", "caption": "ßignal"}
    }
    assert [one.name for one in (tmp_path / "p").iterdir()] == ["ba7816bf8f01cfea.jpg"]
    assert (tmp_path / "p" / "ba7816bf8f01cfea.jpg").read_bytes() == b"abc"
    assert decode_values(content, tmp_path / "p")["a"] == picture


def test_a_picture_that_did_not_fit_on_the_disk_leaves_no_piece_behind(tmp_path, monkeypatch):
    """A piece would pass for the whole the next time."""

    def half(self, content):
        with self.open("wb") as file:
            file.write(content[:3])
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as full:
        full.setattr(Path, "write_bytes", half)
        with pytest.raises(OSError, match="No space"):
            encode_values({"a": Image(data=PICTURE)}, tmp_path)
    assert list(tmp_path.iterdir()) == []

    content = encode_values({"a": Image(data=PICTURE)}, tmp_path)
    assert decode_values(content, tmp_path)["a"].data == PICTURE


def test_a_picture_gets_its_name_when_it_is_whole(tmp_path, monkeypatch):
    """A program that is killed before leaves nothing under that name."""
    written = []
    write = Path.write_bytes
    monkeypatch.setattr(
        Path, "write_bytes", lambda self, content: (written.append(self), write(self, content))
    )
    encode_values({"a": Image(data=b"abc")}, tmp_path)

    (picture,) = tmp_path.iterdir()
    assert picture.read_bytes() == b"abc"
    assert len(written) == 1
    assert picture not in written


def test_a_picture_whose_file_is_gone_is_left_out(tmp_path):
    content = encode_values({"a": Image(data=PICTURE), "b": 1}, tmp_path)
    for file in tmp_path.iterdir():
        file.unlink()

    assert decode_values(content, tmp_path) == {"b": 1}


def test_kinds_of_a_later_version_are_left_out():
    assert decode_values({"a": {"sound": {"rate": 4000}}, "b": "aleph", "c": 2}, NOWHERE) == {
        "c": 2
    }


def test_a_configuration_is_written_whatever_numbers_it_holds():
    config = {"clip": math.inf, "rates": [1e-3, math.nan], "deep": {"n": 2}, "key": 1 << 20_000}
    content = json.loads(dumps(encode_config(config)))

    assert content["clip"] == "Infinity"
    assert content["rates"] == [1e-3, "NaN"]
    assert content["deep"] == {"n": 2}
    assert int(content["key"], 16) == 1 << 20_000


def test_what_json_has_no_form_for_is_text():
    assert dumps({"a": Path("x"), "b": Decimal("0.5")}) == '{"a":"x","b":"0.5"}'
