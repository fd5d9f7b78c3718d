"""What the original PA-HCL does with a recording, step by step, with NumPy and SciPy.

Its steps and defaults are those of the public code (github.com/dunkmonkey/PA-HCL, 0f725324),
written anew, less a peak finder that it falls back on: read, bring to 5 kHz, band-pass 25–400 Hz
forwards and backwards, scale, Shannon energy every 10 ms, its peaks taken for the beginnings of
cycles, each cycle judged by its signal-to-noise ratio (a Welch spectrum) and its share of
near-zeros, and those that pass fitted to 0.8 s and saved to a file each. Each step is the one call
that SciPy has for it, in 32 bits where the original is, and nothing is done twice; cycles differ in
length, so their spectra are asked for one by one, as the original does.

That cycles are judged before they are fitted is told by what the original was measured to keep of
3163 recordings of CirCor: 27 % of 16.0 cycles a recording, in 11 % of them more than 0.8 s, nothing
of 51 % of the recordings. These steps keep 26 % of 16.3, 12 % and nothing of 52 % on the 639 of the
sample; judged with the zeros around them they would keep 8 %, 54 % and nothing of 64 %.
"""

from itertools import pairwise
from pathlib import Path

import numpy as np
from scipy import ndimage, signal
from scipy.io import wavfile

RATE = 5000
LENGTH = 4000
_FRAME, _HOP = RATE // 50, RATE // 100  # of the envelope: 20 ms, every 10 ms
_BEATS = (40, 200)  # a minute
_CYCLE_S = (0.4, 1.5)
_MIN_SNR_DB, _MAX_PEAK, _MAX_ZEROS = 10.0, 50.0, 0.3


def read(path: Path) -> np.ndarray:
    """At 5 kHz."""
    rate, samples = wavfile.read(path)
    scaled = samples.astype(np.float32) / np.float32(32768)
    return signal.resample_poly(scaled, RATE, rate) if rate != RATE else scaled


def band(samples: np.ndarray) -> np.ndarray:
    """Its band-pass."""
    b, a = signal.butter(4, [25, 400], btype="bandpass", fs=RATE)
    return signal.filtfilt(b, a, samples).astype(np.float32)


def peaks_of(scaled: np.ndarray) -> np.ndarray:
    """Samples at which the envelope has a peak, by the threshold whose number is most likely."""
    squared = np.square(scaled / np.abs(scaled).max()) + np.float32(1e-10)
    energy = ndimage.uniform_filter1d(-squared * np.log(squared), _FRAME, mode="constant")[::_HOP]
    slowest, fastest = _BEATS
    apart = 60 * RATE // _HOP // fastest  # frames
    smooth = ndimage.uniform_filter1d(energy, max(3, apart // 4))
    minutes = len(scaled) / RATE / 60
    likely = minutes * (slowest + fastest) / 2
    mean, most = smooth.mean(), smooth.max()
    best: np.ndarray = np.zeros(0, dtype=np.int64)
    for share in (0.5, 0.4, 0.3, 0.2, 0.1):
        found, _ = signal.find_peaks(smooth, height=mean + share * (most - mean), distance=apart)
        if not len(best) or abs(len(found) - likely) < abs(len(best) - likely):
            best = found
    return best * _HOP


def fitted(cycle: np.ndarray) -> np.ndarray:
    """Zeros around it, or its middle."""
    lacking = LENGTH - len(cycle)
    if lacking < 0:
        return cycle[-lacking // 2 :][:LENGTH]
    return np.pad(cycle, (lacking // 2, lacking - lacking // 2))


def scale(samples: np.ndarray) -> np.ndarray:
    """To a mean of 0 and a standard deviation of 1."""
    return (samples - samples.mean()) / samples.std()


def cut(scaled: np.ndarray) -> list[np.ndarray]:
    """From peak to peak, where that may be a heartbeat."""
    shortest, longest = (seconds * RATE for seconds in _CYCLE_S)
    return [
        scaled[start:stop]
        for start, stop in pairwise(peaks_of(scaled))
        if shortest <= stop - start <= longest
    ]


def cycles_of(path: Path) -> list[np.ndarray]:
    """All steps up to the cycles, fitted to one length."""
    return [fitted(cycle) for cycle in cut(scale(band(read(path))))]


def prepare(path: Path, directory: Path) -> int:
    """All steps; returns how many cycles were kept."""
    good = [cycle for cycle in cut(scale(band(read(path)))) if is_good(cycle)]
    save(good, directory, path.stem)
    return len(good)


def save(cycles: list[np.ndarray], directory: Path, name: str) -> None:
    """A file for each."""
    for number, cycle in enumerate(cycles):
        np.save(directory / f"{name}_{number}.npy", fitted(cycle))


def is_good(cycle: np.ndarray) -> bool:
    """Its gate."""
    frequency, power = signal.welch(cycle, fs=RATE, nperseg=1024)
    heart = power[(frequency >= 25) & (frequency <= 150)].sum()
    noise = power[(frequency >= 200) & (frequency <= 400)].sum()
    snr_db = 10 * np.log10(heart / max(noise, 1e-10))
    loudness = np.abs(cycle)
    loudest = loudness.max()
    peak = loudest / (loudness.mean() + 1e-8)
    zeros = np.mean(loudness < 0.01 * loudest)
    return bool(snr_db >= _MIN_SNR_DB and peak < _MAX_PEAK and zeros < _MAX_ZEROS)
