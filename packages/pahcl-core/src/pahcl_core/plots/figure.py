"""A figure to draw into, and its file: matplotlib by its objects, without a window or any state.

matplotlib is an optional dependency, so it is imported by the functions that need it.
"""

from pathlib import Path
from typing import TYPE_CHECKING

from pahcl_core.errors import DataError, SettingError

if TYPE_CHECKING:
    import matplotlib.figure

INK = "#222222"
FAINT = "#8a8a8a"

# Okabe and Ito's colours, which people of any colour vision tell apart
# (https://jfly.uni-koeln.de/color/).
VERMILLION, BLUE, GREEN = "#D55E00", "#0072B2", "#009E73"
ORANGE, SKY, YELLOW, PURPLE, BLACK = "#E69F00", "#56B4E9", "#F0E442", "#CC79A7", "#000000"
SERIES = (BLUE, ORANGE, GREEN, PURPLE, SKY, VERMILLION, YELLOW, BLACK)
"""For values that have no order."""

_DPI = 110


def require_matplotlib() -> None:
    """Refuse to go on where no picture can be drawn.

    Raises:
        SettingError: If matplotlib is missing; names the command that installs it.
    """
    try:
        import matplotlib  # noqa: F401
    except ImportError as error:
        raise SettingError(
            f"pictures need one more package: pip install 'pahcl[plot]' ({error})"
        ) from error


def require_picture(path: Path) -> None:
    """Refuse to go on where that picture cannot be drawn, or would take the place of another file.

    Raises:
        SettingError: If matplotlib is missing, the file is not named like a picture, or its folder
            is not there.
    """
    require_matplotlib()
    if path.suffix.lower() != ".png":
        raise SettingError(f"{path}: a picture's name must end in .png")
    if not path.parent.is_dir():
        raise SettingError(f"{path}: there is no folder {path.parent}")


def new_figure(*, width_in: float, height_in: float) -> "matplotlib.figure.Figure":
    """An empty figure of that many inches, with a canvas that draws it in memory.

    Raises:
        SettingError: If matplotlib is missing.
    """
    require_matplotlib()
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width_in, height_in), dpi=_DPI, facecolor="white")
    FigureCanvasAgg(figure)
    return figure


def write_png(figure: "matplotlib.figure.Figure", path: Path) -> None:
    """Write a figure; the same figure gives the same bytes.

    Raises:
        DataError: If the file cannot be written.
    """
    try:
        figure.savefig(path, format="png", metadata={"Software": None})
    except OSError as error:
        raise DataError(f"{path}: the picture cannot be written: {error.strerror}") from error


def printable(text: str) -> str:
    """The text with `?` for what the font has no sign for, and dollars that begin no formula."""
    from matplotlib.font_manager import FontProperties, findfont, get_font

    known = get_font(findfont(FontProperties())).get_charmap()
    shown = "".join(sign if ord(sign) in known else "?" for sign in text)
    return shown.replace("$", r"\$")
