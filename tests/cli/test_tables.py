"""A table as text."""

from pahcl_cli.tables import format_table


def test_words_are_to_the_left_and_numbers_to_the_right():
    rows = [["circor", "a", "0.5", ""], ["x", "longer", "-0.25", "1"]]

    assert format_table(["task", "name", "area", "p"], rows, num_left=2) == (
        "task    name     area  p\n"
        "circor  a         0.5\n"
        "x       longer  -0.25  1"
    )  # fmt: skip
