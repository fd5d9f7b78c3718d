"""A few seconds of sound as an address that holds them."""

import base64
import io
import wave

import numpy as np
from jaxtyping import Float32

from pahcl_core.signal.filtering import resample

RATE = 4000
"""Hertz: all that is heard of a heart is below 2000, and no browser plays fewer than 3000."""

MOST_S = 6.0
"""Longest sound."""

_PEAK = 0.9 * 32767


def sound_address(samples: Float32[np.ndarray, "samples"], *, sample_rate: int) -> str:
    """A `data:` address of a WAV file: 16 bit, 4 kHz, its loudest sample nearly at full scale.

    At most 64 kB: what is longer than `MOST_S` seconds is cut.

    Args:
        samples: One channel.
        sample_rate: In hertz.
    """
    part = samples[: round(MOST_S * sample_rate)]
    part = part - np.mean(part, dtype=np.float64).astype(np.float32)
    sound = resample(part, from_rate=sample_rate, to_rate=RATE)[: round(MOST_S * RATE)]
    loudest = float(np.abs(sound).max()) if len(sound) else 0.0
    scaled = np.rint(sound * (_PEAK / loudest if loudest > 0 else 0.0)).astype("<i2")
    stream = io.BytesIO()
    with wave.open(stream, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes(scaled.tobytes())
    return f"data:audio/wav;base64,{base64.b64encode(stream.getvalue()).decode('ascii')}"
