"""Drawing needs matplotlib, and says so where it is missing; nothing else does."""

import subprocess
import sys

import pytest

from pahcl_core.errors import DataError, SettingError
from pahcl_core.plots.figure import (
    new_figure,
    printable,
    require_matplotlib,
    require_picture,
    write_png,
)


@pytest.fixture
def no_matplotlib(monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)


@pytest.mark.usefixtures("no_matplotlib")
@pytest.mark.parametrize(
    "draw",
    [require_matplotlib, lambda: new_figure(width_in=1, height_in=1)],
    ids=["asked", "drawing"],
)
def test_a_missing_matplotlib_is_named_with_its_remedy(draw):
    with pytest.raises(SettingError, match=r"pip install 'pahcl\[plot\]'") as caught:
        draw()

    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("module", ["segmentation_plot", "collection_plot"])
def test_importing_a_picture_does_not_import_matplotlib(module):
    code = (
        f"import sys, pahcl_core.plots.{module}\n"
        "assert not any(name.startswith('matplotlib') for name in sys.modules)"
    )

    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False
    )

    assert result.returncode == 0, result.stderr


def test_drawing_touches_no_window_and_no_global_state(tmp_path):
    code = (
        "import sys\n"
        "from pathlib import Path\n"
        "from pahcl_core.plots.figure import new_figure, write_png\n"
        f"write_png(new_figure(width_in=1, height_in=1), Path({str(tmp_path / 'a.png')!r}))\n"
        "assert 'matplotlib.pyplot' not in sys.modules"
    )

    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False
    )

    assert result.returncode == 0, result.stderr
    assert (tmp_path / "a.png").read_bytes().startswith(b"\x89PNG")


def test_a_picture_that_cannot_be_written_is_named(tmp_path):
    with pytest.raises(DataError, match=r"nowhere/a\.png: the picture cannot be written: No such"):
        write_png(new_figure(width_in=1, height_in=1), tmp_path / "nowhere" / "a.png")


def test_a_picture_takes_the_place_of_no_recording(tmp_path):
    """Nor is the folder found missing only after everything was read."""
    require_picture(tmp_path / "a.PNG")

    with pytest.raises(SettingError, match=r"a\.wav: a picture's name must end in \.png"):
        require_picture(tmp_path / "a.wav")
    with pytest.raises(SettingError, match=r"a\.png: there is no folder .*nowhere"):
        require_picture(tmp_path / "nowhere" / "a.png")


@pytest.mark.parametrize(
    ("text", "shown"),
    [("Abnormal – 3 °", "Abnormal – 3 °"), ("録音", "??"), ("$a$", r"\$a\$")],
)
def test_what_the_font_lacks_becomes_a_question_mark(text, shown):
    assert printable(text) == shown
