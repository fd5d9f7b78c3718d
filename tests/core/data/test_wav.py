"""Reading WAV files, against SciPy's reader and against bytes written by hand."""

import struct
import warnings
from pathlib import Path

import numpy as np
import pytest
from scipy.io import wavfile

from pahcl_core.data.wav import WavHeader, read_header, read_wav
from pahcl_core.errors import DataError


def write_chunks(path: Path, *chunks: tuple[bytes, bytes], declared: int | None = None) -> Path:
    """A RIFF file of these chunks; `declared` overrides the length of the last."""
    body = b"WAVE"
    for number, (name, content) in enumerate(chunks, start=1):
        length = len(content) if declared is None or number < len(chunks) else declared
        body += struct.pack("<4sI", name, length) + content + b"\0" * (len(content) % 2)
    path.write_bytes(struct.pack("<4sI", b"RIFF", len(body)) + body)
    return path


def format_chunk(
    *, tag: int = 1, channels: int = 1, rate: int = 4000, size: int = 2, bits: int | None = None
) -> bytes:
    bits = 8 * size if bits is None else bits
    return struct.pack(
        "<HHIIHH", tag, channels, rate, rate * channels * size, channels * size, bits
    )


@pytest.mark.parametrize("dtype", ["uint8", "int16", "int32", "float32", "float64"])
@pytest.mark.parametrize("channels", [1, 2])
def test_equals_scipys_reader(tmp_path, dtype, channels):
    """Every encoding that SciPy writes is read as SciPy reads it, channels averaged."""
    generator = np.random.default_rng(3)
    path = tmp_path / "a.wav"
    if dtype.startswith("float"):
        values = generator.uniform(-1, 1, size=(101, channels)).astype(dtype)
        scale, centre = 1.0, 0.0
    else:
        limits = np.iinfo(dtype)
        values = generator.integers(limits.min, limits.max, size=(101, channels), dtype=dtype)
        scale, centre = 2.0 ** (limits.bits - 1), 128.0 if dtype == "uint8" else 0.0
    wavfile.write(path, 2205, values[:, 0] if channels == 1 else values)

    samples, sample_rate = read_wav(path)

    reference_rate, reference = wavfile.read(path)
    expected = [(np.mean(row) - centre) / scale for row in reference.reshape(101, channels)]
    assert sample_rate == reference_rate == 2205
    assert samples.dtype == np.float32
    np.testing.assert_allclose(samples, expected, atol=1e-7)
    assert read_header(path) == WavHeader(sample_rate=2205, num_samples=101, num_channels=channels)


def test_channels_are_averaged_before_they_are_rounded(tmp_path):
    """Their mean is half a step of 32 bits, which 32 bit floats lose beside the values."""
    path = tmp_path / "a.wav"
    wavfile.write(path, 2000, np.array([[2**30 + 1, -(2**30)]], dtype=np.int32))

    samples, _ = read_wav(path)

    assert samples.tolist() == [0.5 / 2**31]


def test_reads_24_bits(tmp_path):
    """Three bytes, little end first, signed: -2^23 is -1."""
    data = b"".join(
        value.to_bytes(3, "little", signed=True) for value in (0, 1, -1, 2**22, -(2**23))
    )
    path = write_chunks(tmp_path / "a.wav", (b"fmt ", format_chunk(size=3)), (b"data", data))

    samples, _ = read_wav(path)

    np.testing.assert_array_equal(samples, np.float32([0, 2**-23, -(2**-23), 0.5, -1]))


def test_full_scale_of_16_bits(tmp_path):
    """By hand: 16384 of 32768 is a half."""
    data = struct.pack("<3h", 0, 16384, -32768)
    path = write_chunks(tmp_path / "a.wav", (b"fmt ", format_chunk()), (b"data", data))

    assert read_wav(path)[0].tolist() == [0.0, 0.5, -1.0]


def test_skips_chunks_it_does_not_know(tmp_path):
    """A chunk of odd length, padded to an even one, in front of the data and one behind."""
    path = write_chunks(
        tmp_path / "a.wav",
        (b"LIST", b"abc"),
        (b"fmt ", format_chunk()),
        (b"id3 ", b"x"),
        (b"data", struct.pack("<2h", 8192, -8192)),
        (b"junk", b"1234"),
    )

    assert read_wav(path)[0].tolist() == [0.25, -0.25]


def test_reads_the_extensible_format(tmp_path):
    """The encoding is in the first two bytes of the sub-format."""
    extension = struct.pack("<HHIH", 22, 32, 4, 3) + b"\0" * 14
    content = format_chunk(tag=0xFFFE, size=4) + extension
    data = struct.pack("<2f", 0.5, -0.25)
    path = write_chunks(tmp_path / "a.wav", (b"fmt ", content), (b"data", data))

    assert read_wav(path)[0].tolist() == [0.5, -0.25]


def test_twelve_bits_in_two_bytes_are_the_upper_twelve(tmp_path):
    content = format_chunk(bits=12)
    data = np.array([0x4000, -0x4000], dtype="<i2").tobytes()
    path = write_chunks(tmp_path / "a.wav", (b"fmt ", content), (b"data", data))

    assert read_wav(path)[0].tolist() == [0.5, -0.5]


def test_floats_beyond_full_scale_are_divided_by_their_peak(tmp_path):
    """Floats in the units of 16 bit integers come out between -1 and 1."""
    wavfile.write(tmp_path / "a.wav", 4000, np.float32([100.0, -400.0]))

    assert read_wav(tmp_path / "a.wav")[0].tolist() == [0.25, -1.0]


GOOD = (b"fmt ", format_chunk())


@pytest.mark.parametrize(
    ("chunks", "reason"),
    [
        ([GOOD, (b"data", b"")], "holds no samples"),
        ([GOOD], "ends before its data"),
        ([(b"data", b"1234"), GOOD], "its data comes before its format"),
        ([(b"fmt ", b"short!"), (b"data", b"12")], "ends inside its header"),
        ([(b"fmt ", format_chunk(rate=0)), (b"data", b"12")], "is damaged: 1 channels at 0 Hz"),
        ([(b"fmt ", format_chunk(tag=6, size=1)), (b"data", b"12")], "not supported .tag 6, 8 bit"),
        ([(b"fmt ", format_chunk(bits=3)), (b"data", b"12")], "samples of 3 bits in 2 bytes each"),
        ([(b"fmt ", format_chunk(tag=2, bits=4)), (b"data", b"12")], "not supported .tag 2"),
    ],
)
@pytest.mark.parametrize("read", [read_header, read_wav])
def test_refuses_damaged_files(tmp_path, chunks, reason, read):
    """The message names the file and what is wrong with it."""
    path = write_chunks(tmp_path / "bad.wav", *chunks)

    with pytest.raises(DataError, match=rf"bad\.wav: .*{reason}"):
        read(path)


@pytest.mark.parametrize("read", [read_header, read_wav])
def test_refuses_less_data_than_declared(tmp_path, read):
    path = write_chunks(tmp_path / "bad.wav", GOOD, (b"data", b"12345678"), declared=400)

    with pytest.raises(DataError, match="is truncated: 8 of 400 bytes of data are there"):
        read(path)


@pytest.mark.parametrize("content", [b"", b"RIFF", b"<!DOCTYPE html><html>not found</html>"])
def test_refuses_what_is_no_wav_file(tmp_path, content):
    (tmp_path / "bad.wav").write_bytes(content)

    with pytest.raises(DataError, match="is not a WAV file"):
        read_header(tmp_path / "bad.wav")


def test_refuses_a_missing_file(tmp_path):
    with pytest.raises(DataError, match=r"gone\.wav: cannot be read: No such file"):
        read_wav(tmp_path / "gone.wav")


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_refuses_floats_that_are_not_finite(tmp_path, value):
    wavfile.write(tmp_path / "bad.wav", 4000, np.float32([0.0, value]))

    with pytest.raises(DataError, match=r"bad\.wav: holds samples that are not finite"):
        read_wav(tmp_path / "bad.wav")


def test_the_header_is_read_without_the_samples(tmp_path):
    """A file whose samples are a hole of a gigabyte answers as fast as any."""
    path = write_chunks(tmp_path / "a.wav", GOOD, (b"data", b""), declared=2**30)
    with path.open("r+b") as file:
        file.truncate(44 + 2**30)

    assert read_header(path).num_samples == 2**29


def test_gives_no_warnings(tmp_path):
    """SciPy warns of chunks it does not know; here nothing does."""
    path = write_chunks(tmp_path / "a.wav", GOOD, (b"odd ", b"1"), (b"data", b"1234"))

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        read_wav(path)

    assert caught == []
