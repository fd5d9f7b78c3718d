"""Reading a recording whatever its container: WAV here, FLAC where soundfile is installed."""

from pathlib import Path

import numpy as np
from jaxtyping import Float32

from pahcl_core.data import flac, wav
from pahcl_core.data.collection import Problem
from pahcl_core.data.wav import WavHeader
from pahcl_core.errors import DataError

SUFFIXES = (".wav", ".flac")


def read_audio(path: Path) -> tuple[Float32[np.ndarray, "samples"], int]:
    """The samples of a WAV or FLAC file, told apart by the suffix, as one channel.

    Returns:
        The signal, full scale at -1 and 1, and its sample rate in hertz.

    Raises:
        DataError: As `read_wav` and `read_flac`.
    """
    return flac.read_flac(path) if _is_flac(path) else wav.read_wav(path)


def read_header(path: Path) -> WavHeader:
    """What a WAV or FLAC file says of its samples; none is read.

    Raises:
        DataError: As the readers of the two formats.
    """
    return flac.read_header(path) if _is_flac(path) else wav.read_header(path)


def usable_header(path: Path, *, file: str) -> WavHeader | Problem:
    """The header, or the problem that sets the recording aside.

    Args:
        path: Of the recording.
        file: How the problem names it; usually its path below the collection's root.
    """
    try:
        return read_header(path)
    except DataError as error:
        reason = str(error).removeprefix(f"{path}: ") + "; the recording was left out"
        return Problem(file=file, reason=reason)


def _is_flac(path: Path) -> bool:
    return path.suffix.lower() == ".flac"
