"""What a value refuses to be when it is made."""

import pytest

from pahcl_track import Histogram, Table


@pytest.mark.parametrize(
    ("counts", "edges", "message"),
    [
        ([1, 2], [0.0, 1.0], "a histogram of 2 counts has 3 edges, got 2"),
        ([], [], "a histogram of 0 counts has 1 edges, got 0"),
        ([1], [0.0, 1.0, 2.0], "a histogram of 1 counts has 2 edges, got 3"),
    ],
)
def test_a_histogram_has_one_more_edge_than_counts(counts, edges, message):
    with pytest.raises(ValueError, match=f"^{message}$"):
        Histogram(counts=counts, edges=edges)


def test_a_histogram_that_fits_is_taken():
    assert Histogram(counts=[3], edges=[0.0, 1.0]).counts == [3]


@pytest.mark.parametrize("row", [["a"], ["a", 1, 2], []])
def test_a_table_has_as_many_cells_as_columns_in_every_row(row):
    with pytest.raises(ValueError, match=rf"^row 1 has {len(row)} cells under 2 columns$"):
        Table(columns=["name", "score"], rows=[["b", 0.5], row])


def test_a_table_may_be_empty():
    assert Table(columns=["name"], rows=[]).rows == []
