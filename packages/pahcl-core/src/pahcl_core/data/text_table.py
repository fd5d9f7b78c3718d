"""Tables of text for a terminal."""

from collections.abc import Sequence


def table_lines(rows: Sequence[Sequence[str]], *, num_left: int = 1) -> list[str]:
    """Rows with their columns aligned, two spaces apart.

    Args:
        rows: Of equal length; the heading is one of them.
        num_left: So many columns are aligned to the left, the others to the right.
    """
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join(
            cell.ljust(width) if index < num_left else cell.rjust(width)
            for index, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]
