"""Reading tables: lines, columns, encodings."""

import pytest

from pahcl_core.data.csv_table import read_lines, read_table
from pahcl_core.errors import DataError


@pytest.fixture
def path(tmp_path):
    return tmp_path / "table.csv"


def rows(table):
    return [(number, dict(row)) for number, row in table.rows]


def test_rows_have_the_line_they_are_on(path):
    """Blank lines count but are no rows; a cell over two lines ends on the second."""
    path.write_bytes(b'a,b\r\n1, x \r\n\r\n , \r\n2,"y\r\nz"\r\n3,w\r\n')

    table = read_table(path, file="t", required=("a",))

    assert table.columns == ("a", "b")
    assert rows(table) == [
        (2, {"a": "1", "b": "x"}),
        (6, {"a": "2", "b": "y\r\nz"}),
        (7, {"a": "3", "b": "w"}),
    ]
    assert table.problems == ()


def test_a_row_of_another_length_is_a_problem(path):
    path.write_text("a,b\n1\n1,2,3\n4,5\n")

    table = read_table(path, file="set/t.csv", required=())

    assert rows(table) == [(4, {"a": "4", "b": "5"})]
    assert [str(one) for one in table.problems] == [
        "set/t.csv, row 2: has 1 fields, not 2; the row was left out",
        "set/t.csv, row 3: has 3 fields, not 2; the row was left out",
    ]


def test_the_signature_of_a_spreadsheet_is_no_part_of_a_name(path):
    path.write_bytes(b"\xef\xbb\xbfa,b\n1,2\n")

    assert read_table(path, file="t", required=("a",)).columns == ("a", "b")
    assert read_lines(path) == [(1, ["a", "b"]), (2, ["1", "2"])]


@pytest.mark.parametrize("read", [read_lines, lambda p: read_table(p, file="t", required=())])
@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("a,b\n1,é\n2,ü\n".encode("latin-1"), "row 2: 'utf-8' codec can't decode byte 0xe9"),
        ("a,b\n".encode("utf-16"), "row 1: 'utf-8' codec can't decode byte 0xff"),
        (b"a,b\n1,\0\n", "it holds zero bytes"),
        (b"a\n" + b"x" * 200_000, "field larger than field limit"),
    ],
)
def test_refuses_what_is_no_table_in_utf_8(path, read, content, reason):
    path.write_bytes(content)

    with pytest.raises(DataError, match=rf"table\.csv: is not a table in UTF-8: {reason}"):
        read(path)


def test_another_encoding_passes_where_only_ascii_matters(path):
    path.write_bytes("a,b\n1,é\n".encode("latin-1"))

    table = read_table(path, file="t", required=(), encoding_errors="replace")

    assert rows(table) == [(2, {"a": "1", "b": "\N{REPLACEMENT CHARACTER}"})]


def test_refuses_a_missing_file_and_an_empty_one(path):
    with pytest.raises(DataError, match=r"table\.csv: cannot be read: No such file"):
        read_table(path, file="t", required=())
    path.write_text("\n\n")
    with pytest.raises(DataError, match=r"table\.csv: is empty"):
        read_table(path, file="t", required=())


def test_refuses_a_required_column_that_is_missing_or_there_twice(path):
    path.write_text("a,b,b\n1,2,3\n")

    with pytest.raises(DataError, match=r"has no column 'c'; its columns: a, b, b"):
        read_table(path, file="t", required=("a", "c"))
    with pytest.raises(DataError, match=r"has 2 columns 'b'"):
        read_table(path, file="t", required=("a", "b"))


def test_a_quote_that_is_not_closed_leaves_the_message_on_one_line(path):
    """The rest of the table is then the name of a column."""
    path.write_text('a,"b\n' + "1,2\n" * 500)

    with pytest.raises(DataError, match=r"has no column 'c'; its columns: a, b 1,2 .*…$") as found:
        read_table(path, file="t", required=("c",))
    assert "\n" not in str(found.value)
    assert len(str(found.value)) < 300
