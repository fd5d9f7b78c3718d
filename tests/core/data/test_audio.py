"""What is refused whatever the container says."""

import numpy as np
import pytest
from scipy.io import wavfile

from pahcl_core.data.audio import read_audio, read_header
from pahcl_core.errors import DataError


@pytest.mark.parametrize("read", [read_audio, read_header])
@pytest.mark.parametrize("rate", [1, 99, 768_001, 2**31 - 1])
def test_a_rate_that_nothing_records_at_is_damage(tmp_path, read, rate):
    """Resampled from 1 Hz, an ordinary file would take gigabytes."""
    wavfile.write(tmp_path / "a.wav", rate, np.ones(10, dtype=np.int16))

    with pytest.raises(DataError, match=rf"a\.wav: is damaged: .* sample rate is {rate} Hz, not"):
        read(tmp_path / "a.wav")


@pytest.mark.parametrize("rate", [100, 768_000])
def test_the_outermost_rates_are_read(tmp_path, rate):
    wavfile.write(tmp_path / "a.wav", rate, np.ones(10, dtype=np.int16))

    assert read_audio(tmp_path / "a.wav")[1] == rate
    assert read_header(tmp_path / "a.wav").sample_rate == rate
