"""The map of embeddings: every point is there, in the colour that the legend gives its label."""

import numpy as np
import pytest
from matplotlib.colors import to_hex

from pahcl_core.plots.embedding_plot import draw_embedding, embedding_figure
from pahcl_core.plots.figure import FAINT

TOLD = {"title": "maps", "axes": ("across", "up")}


def drawn(figure):
    """Points and colour by the name in the legend."""
    (panel,) = figure.axes
    return {
        one.get_label(): (one.get_offsets().tolist(), to_hex(one.get_facecolor()[0]))
        for one in panel.collections
    }


def test_points_have_the_colour_of_their_label():
    points = np.arange(10.0).reshape(5, 2)

    found = drawn(embedding_figure(points, ["a", "b", "", "b", "b"], **TOLD))

    assert found["a (1)"][0] == [[0, 1]]
    assert found["b (3)"][0] == [[2, 3], [6, 7], [8, 9]]
    assert found["not known (1)"] == ([[4, 5]], FAINT)
    assert len({colour for _, colour in found.values()}) == 3


def test_the_rarest_of_many_labels_share_grey():
    labels = [str(n) for n in range(10) for _ in range(20 - n)]

    found = drawn(embedding_figure(np.zeros((len(labels), 2)), labels, **TOLD))

    assert found["others (23)"][1] == FAINT  # 12 of "8" and 11 of "9"
    assert len(found) == 9


def test_says_what_it_shows():
    figure = embedding_figure(np.zeros((3, 2)), ["a"] * 3, **TOLD)

    (panel,) = figure.axes
    assert panel.get_title(loc="left") == "maps"
    assert (panel.get_xlabel(), panel.get_ylabel()) == ("across", "up")
    assert [text.get_text() for text in panel.get_legend().get_texts()] == ["a (3)"]


@pytest.mark.parametrize("labels", [["a", "", "b"], ["", "", ""]])
def test_the_same_map_has_the_same_bytes(tmp_path, labels):
    for name in ("one.png", "other.png"):
        draw_embedding(np.eye(3)[:, :2], labels, tmp_path / name, **TOLD)

    assert (tmp_path / "one.png").read_bytes() == (tmp_path / "other.png").read_bytes()
