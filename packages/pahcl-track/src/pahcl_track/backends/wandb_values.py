"""Values as Weights & Biases takes them: numbers, and media of its own."""

import io
import logging
from typing import Any

from pahcl_track.errors import describe
from pahcl_track.values import Histogram, Image, Table, Value

log = logging.getLogger(__name__)

_PICTURES = frozenset({"png", "jpg", "jpeg", "bmp"})


def shown(name: str, value: Value) -> Any:  # noqa: ANN401  whatever wandb takes
    """The value as wandb takes it; None where it cannot show it, which costs no more than that.

    Args:
        name: Of the value, for the log.
        value: Of any kind, also of one that is new to this module.
    """
    try:
        if isinstance(value, Histogram):
            return _histogram(value)
        if isinstance(value, Table):
            return _table(value)
        if isinstance(value, Image):
            return _picture(value)
    except Exception as error:  # noqa: BLE001  wandb and Pillow raise what they like
        log.warning("wandb: %s cannot be shown and is left out: %s", name, describe(error))
        return None
    if not hasattr(type(value), "__float__"):
        return None
    return value if isinstance(value, bool | int) else float(value)


def _histogram(value: Histogram) -> Any:  # noqa: ANN401
    import wandb

    # Lists will do, whatever its annotation says: it turns arrays into lists.
    pair: Any = (list(value.counts), list(value.edges))
    return wandb.Histogram(np_histogram=pair)


def _table(value: Table) -> Any:  # noqa: ANN401
    """With a type for each column, which W&B sorts and draws by, unless one holds several."""
    import wandb

    columns: list[Any] = list(value.columns)
    rows: list[list[Any]] = [list(row) for row in value.rows]
    try:
        return wandb.Table(columns=columns, data=rows)
    except TypeError:
        return wandb.Table(columns=columns, data=rows, allow_mixed_types=True)


def _picture(image: Image) -> Any:  # noqa: ANN401
    """W&B reads pictures with Pillow; without it, or in another format, there is none."""
    import wandb

    try:
        from PIL import Image as Pillow
    except ImportError:
        return None
    if image.format.lower() not in _PICTURES:
        return None
    with Pillow.open(io.BytesIO(image.data)) as opened:
        opened.load()
        return wandb.Image(opened, caption=image.caption, file_type=image.format.lower())
