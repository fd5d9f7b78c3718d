"""Reading WAV files: the header alone, or the samples as one mono signal between -1 and 1.

A file is read chunk by chunk here rather than by `scipy.io.wavfile`, which reports damage through
process-wide warnings (recordings are read from several threads) and cannot read only the header.

The format is Microsoft and IBM's "Multimedia Programming Interface and Data Specifications 1.0"
(1991), chunks `fmt ` and `data`, with the later `WAVE_FORMAT_EXTENSIBLE`.
"""

import os
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Literal

import numpy as np
from jaxtyping import Float, Float32

from pahcl_core.errors import DataError

_PCM, _FLOAT, _EXTENSIBLE = 0x0001, 0x0003, 0xFFFE
_MIN_FORMAT_BYTES = 16
_EXTENSIBLE_FORMAT_BYTES = 26  # up to and with the first two bytes of the sub-format


@dataclass(frozen=True, kw_only=True, slots=True)
class WavHeader:
    """What a WAV file says of its samples."""

    sample_rate: int
    """In hertz."""

    num_samples: int
    """Per channel."""

    num_channels: int


@dataclass(frozen=True, kw_only=True, slots=True)
class _Format:
    kind: Literal["integer", "float"]
    sample_rate: int
    num_channels: int
    sample_bytes: int

    @property
    def frame_bytes(self) -> int:
        return self.sample_bytes * self.num_channels


def read_header(path: Path) -> WavHeader:
    """What a WAV file says of its samples, checked against its size; no sample is read.

    Raises:
        DataError: If the file cannot be opened, is not a WAV file of integer or float samples,
            holds no sample, or ends before the data it declares.
    """
    try:
        with path.open("rb") as file:
            wav_format, data_bytes = _seek_data(file, path)
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror}") from error
    return WavHeader(
        sample_rate=wav_format.sample_rate,
        num_samples=data_bytes // wav_format.frame_bytes,
        num_channels=wav_format.num_channels,
    )


def read_wav(path: Path) -> tuple[Float32[np.ndarray, "samples"], int]:
    """The samples of a WAV file as one channel.

    Args:
        path: 8, 16, 24 or 32 bit integers, or 32 or 64 bit floats; several channels are averaged.

    Returns:
        The signal, full scale at -1 and 1, and its sample rate in hertz. Float samples that
        exceed full scale are divided by their peak.

    Raises:
        DataError: As `read_header`, and if a float sample is not a finite number.
    """
    try:
        with path.open("rb") as file:
            wav_format, data_bytes = _seek_data(file, path)
            num_frames = data_bytes // wav_format.frame_bytes
            raw = file.read(num_frames * wav_format.frame_bytes)
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror}") from error
    if wav_format.kind == "integer":
        # One channel needs no mean, and 32 bits hold what is left when it is rounded once.
        wanted = np.dtype(np.float32 if wav_format.num_channels == 1 else np.float64)
        values = _decode_integers(raw, wav_format, wanted)
    else:
        values = np.frombuffer(raw, dtype=f"<f{wav_format.sample_bytes}").astype(np.float64)
        if not np.isfinite(values).all():
            raise DataError(f"{path}: holds samples that are not finite numbers")
        values /= max(1.0, float(np.abs(values).max()))
    if wav_format.num_channels > 1:
        values = values.reshape(num_frames, wav_format.num_channels).mean(axis=1)
    return values.astype(np.float32, copy=False), wav_format.sample_rate


def _decode_integers(
    raw: bytes, wav_format: _Format, wanted: np.dtype[Any]
) -> Float[np.ndarray, "values"]:
    """Full scale becomes 1. One byte is unsigned, more are signed, as the format has it."""
    size = wav_format.sample_bytes
    if size == 1:
        return (np.frombuffer(raw, dtype=np.uint8).astype(wanted) - 128) / 128
    if size == 3:
        padded = np.zeros((len(raw) // size, 4), dtype=np.uint8)
        padded[:, 1:] = np.frombuffer(raw, dtype=np.uint8).reshape(-1, size)
        size, values = 4, padded.view("<i4")[:, 0]
    else:
        values = np.frombuffer(raw, dtype=f"<i{size}")
    scaled: Float[np.ndarray, "values"] = np.multiply(
        values, wanted.type(0.5 ** (8 * size - 1)), dtype=wanted
    )
    return scaled


def _seek_data(file: BinaryIO, path: Path) -> tuple[_Format, int]:
    """Go to the first sample; return the format and the length of the data in bytes."""
    riff = file.read(12)
    if len(riff) < 12 or riff[:4] != b"RIFF" or riff[8:] != b"WAVE":
        raise DataError(f"{path}: is not a WAV file (no RIFF/WAVE header)")
    size = os.fstat(file.fileno()).st_size
    wav_format: _Format | None = None
    while len(chunk := file.read(8)) == 8:
        name, num_bytes = struct.unpack("<4sI", chunk)
        if name == b"data":
            if wav_format is None:
                raise DataError(f"{path}: is damaged: its data comes before its format")
            return wav_format, _checked_length(num_bytes, size - file.tell(), wav_format, path)
        start = file.tell()
        if name == b"fmt ":
            wav_format = _parse_format(file.read(min(num_bytes, _EXTENSIBLE_FORMAT_BYTES)), path)
        file.seek(start + num_bytes + num_bytes % 2)  # chunks are padded to an even length
    raise DataError(f"{path}: is truncated: it ends before its data")


def _checked_length(declared: int, present: int, wav_format: _Format, path: Path) -> int:
    if declared < wav_format.frame_bytes:
        raise DataError(f"{path}: holds no samples")
    if declared > present:
        raise DataError(f"{path}: is truncated: {present} of {declared} bytes of data are there")
    return declared


def _parse_format(content: bytes, path: Path) -> _Format:
    if len(content) < _MIN_FORMAT_BYTES:
        raise DataError(f"{path}: is truncated: it ends inside its header")
    tag, num_channels, sample_rate, _, frame_bytes, bits = struct.unpack("<HHIIHH", content[:16])
    if tag == _EXTENSIBLE and len(content) == _EXTENSIBLE_FORMAT_BYTES:
        (tag,) = struct.unpack("<H", content[24:26])
    if sample_rate == 0 or num_channels == 0 or frame_bytes % num_channels:
        raise DataError(
            f"{path}: is damaged: {num_channels} channels at {sample_rate} Hz "
            f"in {frame_bytes} bytes"
        )
    sample_bytes = frame_bytes // num_channels
    if (
        tag in (_PCM, _FLOAT) and -(-bits // 8) != sample_bytes
    ):  # which of them to believe would be a guess
        raise DataError(f"{path}: is damaged: samples of {bits} bits in {sample_bytes} bytes each")
    kind: Literal["integer", "float"] = "float" if tag == _FLOAT else "integer"
    if (tag == _PCM and sample_bytes in (1, 2, 3, 4)) or (tag == _FLOAT and sample_bytes in (4, 8)):
        return _Format(
            kind=kind,
            sample_rate=sample_rate,
            num_channels=num_channels,
            sample_bytes=sample_bytes,
        )
    raise DataError(
        f"{path}: has an encoding that is not supported (tag {tag}, {8 * sample_bytes} bits); "
        "convert it to 16 bit PCM"
    )
