"""Reading a recording whatever its container: WAV here, FLAC where soundfile is installed."""

from pathlib import Path

import numpy as np
from jaxtyping import Float32

from pahcl_core.data import flac, wav
from pahcl_core.data.collection import Problem
from pahcl_core.data.wav import WavHeader
from pahcl_core.errors import DataError

SUFFIXES = (".wav", ".flac")

SAMPLE_RATES = (100, 768_000)
"""Hertz: below lies no heart sound, above no sound card; a header that says so is damaged."""


def read_audio(path: Path) -> tuple[Float32[np.ndarray, "samples"], int]:
    """The samples of a WAV or FLAC file, told apart by the suffix, as one channel.

    Returns:
        The signal, full scale at -1 and 1, and its sample rate in hertz.

    Raises:
        DataError: As `read_wav` and `read_flac`, and if the rate is not one of `SAMPLE_RATES`.
    """
    samples, rate = flac.read_flac(path) if _is_flac(path) else wav.read_wav(path)
    _require_plausible(rate, path)
    return samples, rate


def read_header(path: Path) -> WavHeader:
    """What a WAV or FLAC file says of its samples; none is read.

    Raises:
        DataError: As the readers of the two formats, and if the rate is not one of `SAMPLE_RATES`.
    """
    header = flac.read_header(path) if _is_flac(path) else wav.read_header(path)
    _require_plausible(header.sample_rate, path)
    return header


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


def _require_plausible(rate: int, path: Path) -> None:
    """Before anything is resampled: from a rate of 1 Hz, a small file would become gigabytes."""
    lowest, highest = SAMPLE_RATES
    if not lowest <= rate <= highest:
        raise DataError(
            f"{path}: is damaged: it says that its sample rate is {rate} Hz, not one between "
            f"{lowest} and {highest} Hz"
        )


def _is_flac(path: Path) -> bool:
    return path.suffix.lower() == ".flac"
