"""A picture of embeddings on a plane, coloured by what is known of them."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float64

from pahcl_core.plots.figure import FAINT, INK, SERIES, new_figure, printable, write_png

if TYPE_CHECKING:
    import matplotlib.figure

_WIDTH_IN, _HEIGHT_IN = 8.0, 7.0
_UNKNOWN = "not known"
_OTHERS = "others"


def embedding_figure(
    points: Float64[np.ndarray, "rows 2"],
    labels: Sequence[str],
    *,
    title: str,
    axes: tuple[str, str],
) -> "matplotlib.figure.Figure":
    """A point for each embedding.

    Args:
        points: Where.
        labels: What each is coloured by; empty where nothing is known. The most frequent labels
            have a colour each, and what is left over is grey.
        title: Above it.
        axes: Names of the two axes.

    Raises:
        SettingError: If matplotlib is missing.
    """
    figure = new_figure(width_in=_WIDTH_IN, height_in=_HEIGHT_IN)
    figure.set_layout_engine("constrained")
    panel = figure.add_subplot()
    values = np.array(labels, dtype=np.str_)
    for name, colour, own in _groups(values):
        panel.scatter(
            points[own, 0], points[own, 1], s=14, color=colour, alpha=0.75, linewidths=0,
            label=printable(f"{name} ({own.sum()})"),
        )  # fmt: skip
    panel.set_title(printable(title), loc="left", fontsize=11, color=INK, pad=8)
    panel.set_xlabel(axes[0], fontsize=9, color=INK)
    panel.set_ylabel(axes[1], fontsize=9, color=INK)
    panel.spines[["top", "right"]].set_visible(False)
    panel.tick_params(labelsize=9, length=2, color=FAINT, labelcolor=INK)
    panel.legend(frameon=False, fontsize=9, loc="best")
    return figure


def draw_embedding(
    points: Float64[np.ndarray, "rows 2"],
    labels: Sequence[str],
    picture: Path,
    *,
    title: str,
    axes: tuple[str, str],
) -> None:
    """Write `embedding_figure` as a PNG.

    Raises:
        SettingError: If matplotlib is missing.
        DataError: If the picture cannot be written.
    """
    write_png(embedding_figure(points, labels, title=title, axes=axes), picture)


def _groups(values: np.ndarray) -> list[tuple[str, str, np.ndarray]]:
    """Name, colour and rows; those without a colour first, so that they lie below."""
    names, counts = np.unique(values[values != ""], return_counts=True)
    ordered = [str(names[n]) for n in np.argsort(-counts, kind="stable")]
    shown, left_over = ordered[: len(SERIES)], ordered[len(SERIES) :]
    groups = [(_UNKNOWN, FAINT, values == ""), (_OTHERS, FAINT, np.isin(values, left_over))]
    groups += [(name, SERIES[n], values == name) for n, name in enumerate(shown)]
    return [group for group in groups if group[2].any()]
