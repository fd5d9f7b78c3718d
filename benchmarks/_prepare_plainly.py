"""What the original PA-HCL does with a recording, step by step, with NumPy and SciPy.

Written from the description of its steps and defaults: read, bring to 5 kHz, band-pass 25–400 Hz
forwards and backwards, envelope, its peaks taken for the beginnings of cycles, each cycle judged by
its signal-to-noise ratio (a Welch spectrum) and its share of zeros, scaled, fitted to 0.8 s and
saved to a file of its own.
"""

from itertools import pairwise
from pathlib import Path

import numpy as np
from scipy import signal
from scipy.io import wavfile

RATE = 5000
LENGTH = 4000


def read(path: Path) -> np.ndarray:
    """At 5 kHz."""
    rate, samples = wavfile.read(path)
    scaled = samples.astype(np.float64) / 32768
    return signal.resample_poly(scaled, RATE, rate) if rate != RATE else scaled


def band(samples: np.ndarray) -> np.ndarray:
    """Its band-pass."""
    b, a = signal.butter(4, [25, 400], btype="bandpass", fs=RATE)
    return signal.filtfilt(b, a, samples)


def prepare(path: Path, directory: Path) -> int:
    """All steps; returns how many cycles were kept."""
    filtered = band(read(path))
    b, a = signal.butter(2, 20, fs=RATE)
    envelope = signal.filtfilt(b, a, np.abs(filtered))
    best: np.ndarray = np.zeros(0, dtype=np.int64)
    for threshold in (0.1, 0.2, 0.3, 0.4, 0.5):  # the one whose rate is nearest to 120 a minute
        peaks, _ = signal.find_peaks(
            envelope, height=threshold * envelope.max(), distance=int(0.3 * RATE)
        )
        minutes = len(filtered) / RATE / 60
        if not len(best) or abs(len(peaks) / minutes - 120) < abs(len(best) / minutes - 120):
            best = peaks
    kept = 0
    for start, stop in pairwise(best):
        cycle = filtered[start:stop]
        if not 0.4 * RATE <= len(cycle) <= 1.5 * RATE:
            continue
        frequency, power = signal.welch(cycle, fs=RATE, nperseg=min(256, len(cycle)))
        inside = (frequency >= 25) & (frequency <= 400)
        ratio_db = 10 * np.log10(power[inside].sum() / (power[~inside].sum() + 1e-10) + 1e-10)
        zeros = np.mean(np.abs(cycle) < 1e-3 * np.abs(cycle).max())
        if ratio_db < 10 or zeros > 0.3:
            continue
        scaled = (cycle - cycle.mean()) / (cycle.std() + 1e-8)
        fitted = np.zeros(LENGTH, dtype=np.float32)
        fitted[: min(LENGTH, len(scaled))] = scaled[:LENGTH]
        np.save(directory / f"{path.stem}_{kept}.npy", fitted)
        kept += 1
    return kept
