"""The samples of a recording, for whoever goes on to the next where one cannot be read."""

from pathlib import Path

import numpy as np
from jaxtyping import Float32

from pahcl_core.data.audio import read_audio
from pahcl_core.errors import DataError


def read_samples(path: Path) -> tuple[Float32[np.ndarray, "samples"], int]:
    """`read_audio`, with what memory cannot hold refused like any other damage.

    The header of a FLAC file says how many samples there are, up to 2^36, and as many are made
    room for before the first is decoded: one wrong byte asks for terabytes.

    Returns:
        The signal, full scale at -1 and 1, and its sample rate in hertz.

    Raises:
        DataError: As `read_audio`, and if there is not enough memory for the samples declared.
    """
    try:
        return read_audio(path)
    except MemoryError as error:
        raise DataError(
            f"{path}: is damaged, or too long: memory cannot hold the samples that it says it has"
        ) from error
