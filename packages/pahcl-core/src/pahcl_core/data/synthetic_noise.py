"""What is heard in a synthetic recording besides the heart: room, sensor, knocks, voices."""

from functools import cache

import numpy as np
from jaxtyping import Float64
from scipy import signal

SAMPLE_RATE = 4000
"""At which everything is synthesised, in hertz."""


def background(num_samples: int, rng: np.random.Generator) -> Float64[np.ndarray, "samples"]:
    """Room and sensor: mostly below 200 Hz, and a little of every frequency. Unit power."""
    low = band_noise((20.0, 200.0), num_samples, rng)
    return np.asarray(np.sqrt(0.85) * low + np.sqrt(0.15) * rng.normal(size=num_samples))


def band_noise(
    band_hz: tuple[float, float], num_samples: int, rng: np.random.Generator
) -> Float64[np.ndarray, "samples"]:
    """Gaussian noise of unit power between two frequencies."""
    noise = signal.sosfilt(_band_filter(band_hz), rng.normal(size=num_samples))
    return np.asarray(noise / noise.std())


@cache
def _band_filter(band_hz: tuple[float, float]) -> Float64[np.ndarray, "sections 6"]:
    return np.asarray(signal.butter(2, band_hz, "bandpass", fs=SAMPLE_RATE, output="sos"))


def add_artefact(mix: Float64[np.ndarray, "samples"], rng: np.random.Generator) -> None:
    """A click, a rub or a voice, somewhere, added in place."""
    kind = rng.choice(["click", "rub", "voice"])
    length_s = {"click": 0.02, "rub": rng.uniform(0.2, 0.7), "voice": rng.uniform(0.4, 1.2)}[kind]
    length = min(round(length_s * SAMPLE_RATE), len(mix))
    elapsed_s = np.arange(length) / SAMPLE_RATE
    if kind == "click":
        wave = np.exp(-elapsed_s / 0.003) * np.sin(2 * np.pi * rng.uniform(150, 500) * elapsed_s)
    elif kind == "rub":
        wave = 0.4 * np.hanning(length) * band_noise((50.0, 1000.0), length, rng)
    else:
        pitch_hz = rng.uniform(120.0, 280.0)
        harmonics = sum(np.sin(2 * np.pi * k * pitch_hz * elapsed_s) / k for k in range(1, 5))
        wave = 0.3 * harmonics * np.sin(2 * np.pi * 2.0 * elapsed_s) ** 2  # four syllables a second
    start = rng.integers(0, len(mix) - length + 1)
    mix[start : start + length] += rng.uniform(0.5, 1.5) * wave
