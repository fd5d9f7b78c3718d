"""What a tracker can be given: a closed union, so that a backend can be complete.

A number is recognised by what it can do (`float(x)`), never by its library: NumPy scalars and
zero-dimensional tensors are numbers here without an import of either.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import SupportsFloat, TypeAlias


@dataclass(frozen=True, kw_only=True, slots=True)
class Histogram:
    """Counts over adjoining bins, computed by the caller, who alone knows how to do it cheaply."""

    counts: Sequence[float]
    """One per bin."""

    edges: Sequence[float]
    """Ascending; one more than there are counts."""

    def __post_init__(self) -> None:
        if len(self.edges) != len(self.counts) + 1:
            raise ValueError(
                f"a histogram of {len(self.counts)} counts has {len(self.counts) + 1} edges, "
                f"got {len(self.edges)}"
            )


@dataclass(frozen=True, kw_only=True, slots=True)
class Image:
    """A picture, encoded: no backend needs an image library to store it."""

    data: bytes
    """The content of a file of that format."""

    format: str = "png"
    """File extension without the dot."""

    caption: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Table:
    """Rows under named columns, such as predictions or a confusion matrix."""

    columns: Sequence[str]
    rows: Sequence[Sequence[str | float | int | bool | None]]

    def __post_init__(self) -> None:
        for number, row in enumerate(self.rows):
            if len(row) != len(self.columns):
                raise ValueError(
                    f"row {number} has {len(row)} cells under {len(self.columns)} columns"
                )


Value: TypeAlias = SupportsFloat | Histogram | Image | Table
"""What `Tracker.log` takes under a name. A backend shows what it can and skips the rest."""
