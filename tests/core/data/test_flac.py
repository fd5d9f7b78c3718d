"""Reading FLAC files, against the samples they were written from and SciPy's reader of WAV."""

import sys

import numpy as np
import pytest
import soundfile
from scipy.io import wavfile

from pahcl_core.data import audio
from pahcl_core.data.collection import Problem
from pahcl_core.data.flac import read_flac, read_header
from pahcl_core.data.wav import WavHeader
from pahcl_core.errors import DataError


@pytest.fixture
def values():
    """Two channels of 16 bit integers, both ends of the range among them."""
    generator = np.random.default_rng(3)
    values = generator.integers(-(2**15), 2**15, size=(5000, 2), dtype=np.int16)
    values[:2] = [[-(2**15), -(2**15)], [2**15 - 1, 2**15 - 1]]
    return values


def test_reads_what_was_written(tmp_path, values):
    """FLAC loses nothing; channels are averaged; full scale is 32768."""
    path = tmp_path / "a.flac"
    soundfile.write(path, values, 4000, subtype="PCM_16")

    samples, sample_rate = read_flac(path)

    assert (samples.dtype, sample_rate) == (np.float32, 4000)
    expected = [(int(left) + int(right)) / 2 / 32768 for left, right in values]
    np.testing.assert_array_equal(samples, np.float32(expected))
    assert samples[0] == -1.0
    assert read_header(path) == WavHeader(sample_rate=4000, num_samples=5000, num_channels=2)


def test_the_suffix_decides(tmp_path, values):
    """The same sound from either container."""
    soundfile.write(tmp_path / "a.FLAC", values, 4000, format="FLAC", subtype="PCM_16")
    wavfile.write(tmp_path / "a.WAV", 4000, values)

    flac, wav = (audio.read_audio(tmp_path / name) for name in ("a.FLAC", "a.WAV"))

    np.testing.assert_array_equal(flac[0], wav[0])
    assert flac[1] == wav[1] == 4000
    assert audio.read_header(tmp_path / "a.FLAC") == audio.read_header(tmp_path / "a.WAV")


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "is not a FLAC file"),
        (b"<html>not found</html>", "is not a FLAC file"),
        (b"fLaC\0\0\0\x22", "is not a FLAC file"),
    ],
)
@pytest.mark.parametrize("read", [read_header, read_flac])
def test_refuses_what_is_no_flac_file(tmp_path, content, reason, read):
    (tmp_path / "bad.flac").write_bytes(content)

    with pytest.raises(DataError, match=rf"bad\.flac: {reason}"):
        read(tmp_path / "bad.flac")


def test_refuses_another_format_under_the_name(tmp_path, values):
    soundfile.write(tmp_path / "bad.flac", values, 4000, format="WAV")

    with pytest.raises(DataError, match=r"bad\.flac: is not a FLAC file but WAV"):
        read_flac(tmp_path / "bad.flac")


def test_refuses_a_missing_file(tmp_path):
    with pytest.raises(DataError, match=r"gone\.flac: cannot be read: No such file"):
        read_flac(tmp_path / "gone.flac")


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9, 0.99])
def test_refuses_a_truncated_file(tmp_path, values, share):
    path = tmp_path / "bad.flac"
    soundfile.write(path, values, 4000, subtype="PCM_16")
    content = path.read_bytes()
    path.write_bytes(content[: int(share * len(content))])

    with pytest.raises(DataError, match=r"bad\.flac: is (damaged or )?truncated"):
        read_flac(path)


def test_refuses_a_stream_that_does_not_say_how_long_it_is(tmp_path, values):
    """The number of samples, 36 bits from bit 108 of the first block on, is 0: not known."""
    path = tmp_path / "bad.flac"
    soundfile.write(path, values, 4000, subtype="PCM_16")
    content = bytearray(path.read_bytes())
    content[21] &= 0xF0
    content[22:26] = bytes(4)
    path.write_bytes(content)

    with pytest.raises(DataError, match=r"bad\.flac: holds no samples, or does not say how many"):
        read_flac(path)


@pytest.mark.parametrize("read", [read_header, read_flac])
def test_without_soundfile_it_names_the_command_that_installs_it(tmp_path, monkeypatch, read):
    monkeypatch.setitem(sys.modules, "soundfile", None)

    with pytest.raises(DataError, match=r"pip install 'pahcl-core\[flac\]'"):
        read(tmp_path / "a.flac")


def test_a_header_that_makes_no_sense_becomes_a_problem(tmp_path):
    (tmp_path / "bad.wav").write_bytes(b"RIFF")

    assert audio.usable_header(tmp_path / "bad.wav", file="set/bad.wav") == Problem(
        file="set/bad.wav",
        reason="is not a WAV file (no RIFF/WAVE header); the recording was left out",
    )
