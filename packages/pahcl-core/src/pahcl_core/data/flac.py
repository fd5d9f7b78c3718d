"""Reading FLAC files with the optional package soundfile, to the same shapes as WAV files."""

import importlib
from pathlib import Path
from types import ModuleType

import numpy as np
from jaxtyping import Float32

from pahcl_core.data.wav import WavHeader
from pahcl_core.errors import DataError

_MOST_SAMPLES = 2**36  # what the format can say; soundfile gives more for a stream that does not


def soundfile() -> ModuleType:
    """The package that decodes FLAC.

    Raises:
        DataError: If it is not installed; names the command that installs it.
    """
    try:
        return importlib.import_module("soundfile")
    except (ImportError, OSError) as error:  # the latter where its own library is missing
        raise DataError(
            f"FLAC files need one more package: pip install 'pahcl-core[flac]' ({error})"
        ) from error


def read_header(path: Path) -> WavHeader:
    """What a FLAC file says of its samples; none is decoded.

    Raises:
        DataError: If soundfile is missing, or the file cannot be opened, is no FLAC file or
            holds no sample.
    """
    library = soundfile()
    _check_readable(path)
    try:
        info = library.info(str(path))
    except library.LibsndfileError as error:
        raise DataError(f"{path}: is not a FLAC file: {error.error_string}") from error
    if info.format != "FLAC":
        raise DataError(f"{path}: is not a FLAC file but {info.format}")
    if not 0 < info.frames <= _MOST_SAMPLES:
        raise DataError(f"{path}: holds no samples, or does not say how many")
    return WavHeader(
        sample_rate=info.samplerate, num_samples=info.frames, num_channels=info.channels
    )


def read_flac(path: Path) -> tuple[Float32[np.ndarray, "samples"], int]:
    """The samples of a FLAC file as one channel, full scale at -1 and 1, and its rate in hertz.

    Raises:
        DataError: As `read_header`, and if the file ends before the samples it declares.
    """
    header = read_header(path)
    library = soundfile()
    try:
        samples, _ = library.read(str(path), dtype="float64", always_2d=True)
    except library.LibsndfileError as error:
        raise DataError(f"{path}: is damaged or truncated: {error.error_string}") from error
    if len(samples) != header.num_samples:
        raise DataError(
            f"{path}: is truncated: {len(samples)} of {header.num_samples} samples are there"
        )
    return samples.mean(axis=1).astype(np.float32), header.sample_rate


def _check_readable(path: Path) -> None:
    """Soundfile says only `System error`; the operating system says which."""
    try:
        with path.open("rb"):
            pass
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror}") from error
