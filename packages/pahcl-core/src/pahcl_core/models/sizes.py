"""What the sizes of encoders stand for.

A size is a word for numbers, not a setting of its own: it is looked up once, and what a run is
given, writes into its `config.toml` and stores in its checkpoints are the numbers. A laptop with
two cores pretrains a `tiny` encoder on CirCor overnight; `small` wants a workstation, `base` a GPU.
`pahcl tasks --models` prints what each costs.
"""

from collections.abc import Mapping
from typing import Any, get_args

from pahcl_core.errors import SettingError, closest
from pahcl_core.models.kinds import SIZES, EncoderName, Numbers, Size

DEFAULT_NAME: EncoderName = "cnn_mamba"
DEFAULT_SIZE: Size = "tiny"
DEFAULT = SIZES[DEFAULT_NAME][DEFAULT_SIZE]


def sized(table: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """Encoder settings of two layers as one table without `size`, with the numbers it stands for.

    Where the upper layer names another encoder, or a size, the numbers of the lower one were meant
    for something else: only those that the upper layer itself gives are kept. No size means `tiny`.

    Args:
        table: The lower layer, such as the `[encoder]` of a run file.
        over: The upper one, such as what `--set` said; where both give a setting, this one counts.

    Raises:
        SettingError: If there is no such size.
    """
    before = table.get("name", DEFAULT_NAME)
    name = over.get("name", before)
    lower = dict(table)
    if name != before or "size" in over:
        lower = {key: value for key, value in table.items() if key not in Numbers._fields}
    merged = {**lower, **over}
    size = merged.pop("size", DEFAULT_SIZE)
    if size not in get_args(Size):
        near = closest(size, get_args(Size)) if isinstance(size, str) else ""
        raise SettingError(
            f"encoder.size = {size!r}, but it must be one of {', '.join(SIZES[DEFAULT_NAME])}{near}"
        )
    if name not in get_args(EncoderName):
        return merged  # it is refused where its type is known
    return {**SIZES[name][size]._asdict(), **merged}
