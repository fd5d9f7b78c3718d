"""Mel spectrum and cepstrum of a recording, and what is left of them when time is summed up.

Letters for shapes: T frames, K bands or coefficients.

Source:
    O'Shaughnessy, "Speech Communication: Human and Machine", Addison-Wesley, 1987, page 150, and
    Young et al., "The HTK Book" (version 3.4, 2006), section 5.4: the mel scale,
    2595 log10(1 + f / 700); section 5.6: cepstral coefficients by a cosine transform of log band
    energies; section 5.9, equation 5.16: regression over two frames to each side as the change.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Float64
from scipy.fft import dct
from scipy.signal.windows import hann

from pahcl_core.data.preparation import SignalConfig

_FLOOR = 1e-6  # of the power of a signal of spread 1, in each bin: silence is -60 dB
_REACH = 2  # frames to each side that a change is taken over
_PERCENTILES = (10, 50, 90)


@dataclass(frozen=True, kw_only=True, slots=True)
class SpectrumConfig:
    """How the spectrum of a recording is taken; the band is that of the prepared signal."""

    frame_s: float = 0.064
    """Seconds of sound in a frame: S1 lasts 0.1 to 0.16."""

    hop_s: float = 0.016
    """Seconds from one frame to the next."""

    num_mels: int = 32
    """Bands of `log_mel`, and those that `mfcc` comes from."""

    num_coefficients: int = 13
    """Of `mfcc`, the level among them."""

    num_bands: int = 16
    """Of `phase_bands`."""

    def __post_init__(self) -> None:
        if not 0 < self.hop_s <= self.frame_s:
            raise ValueError(
                f"hop_s must lie between 0 and frame_s = {self.frame_s:g}, got {self.hop_s:g}"
            )
        if self.num_bands < 1:
            raise ValueError(f"num_bands must be at least 1, got {self.num_bands}")
        if not 1 <= self.num_coefficients <= self.num_mels:
            raise ValueError(
                f"num_coefficients must lie between 1 and num_mels = {self.num_mels}, got "
                f"{self.num_coefficients}"
            )

    def check_fits(self, signal: SignalConfig) -> None:
        """Refuse what makes no spectrum of such a signal.

        Raises:
            ValueError: If a hop is less than a sample, or a band is too narrow to hold a line.
        """
        if round(self.hop_s * signal.sample_rate) < 1:
            raise ValueError(
                f"hop_s = {self.hop_s:g} is less than a sample at {signal.sample_rate} Hz"
            )
        if (mel_filters(self, signal).max(axis=0) == 0).any():
            raise ValueError(
                f"num_mels = {self.num_mels} bands between {signal.low_hz:g} and "
                f"{signal.high_hz:g} Hz are too narrow for frame_s = {self.frame_s:g}"
            )


def mel_of(hertz: float) -> float:
    """Pitch on the mel scale."""
    return 2595.0 * float(np.log10(1.0 + hertz / 700.0))


def mel_filters(config: SpectrumConfig, signal: SignalConfig) -> Float64[np.ndarray, "bins bands"]:
    """The share of each line of a spectrum in each band: triangles, their sums 1.

    Their feet are the centres of their neighbours, equally far apart in mel over the pass band.
    """
    mels = np.linspace(mel_of(signal.low_hz), mel_of(signal.high_hz), config.num_mels + 2)
    edges = 700.0 * (10.0 ** (mels / 2595.0) - 1.0)
    low, centre, high = edges[:-2], edges[1:-1], edges[2:]
    size = _fft_size(config, signal)
    line = np.arange(size // 2 + 1)[:, None] * signal.sample_rate / size
    rising, falling = (line - low) / (centre - low), (high - line) / (high - centre)
    weights = np.maximum(0.0, np.minimum(rising, falling))
    total = weights.sum(axis=0)
    filters: Float64[np.ndarray, "bins bands"] = weights / np.where(total > 0, total, 1.0)
    return filters


def log_mel(
    samples: Float[np.ndarray, "samples"], config: SpectrumConfig, signal: SignalConfig
) -> Float64[np.ndarray, "T K"]:
    """Natural logarithm of the mean power in each band, frame by frame.

    A frame lies inside the recording; one shorter than a frame is lengthened by silence.

    Args:
        samples: A prepared recording, its spread 1; so white noise is near 0 in every band.
        config: How.
        signal: What it was prepared by.
    """
    size, hop = (round(s * signal.sample_rate) for s in (config.frame_s, config.hop_s))
    window = hann(size, sym=False)
    window /= np.sqrt(np.square(window).sum())
    padded = np.pad(samples.astype(np.float64), (0, max(0, size - len(samples))))
    frames = np.lib.stride_tricks.sliding_window_view(padded, size)[::hop]
    spectrum = np.fft.rfft(frames * window, n=_fft_size(config, signal), axis=1)
    power = np.square(np.abs(spectrum))
    energies: Float64[np.ndarray, "T K"] = np.log(power @ mel_filters(config, signal) + _FLOOR)
    return energies


def mfcc(
    energies: Float64[np.ndarray, "T K"], num_coefficients: int
) -> Float64[np.ndarray, "T coefficients"]:
    """Cepstral coefficients of log band energies, the level first, with no weights.

    Args:
        energies: From `log_mel`.
        num_coefficients: How many to keep; no more than bands.
    """
    cepstrum: Float64[np.ndarray, "T coefficients"] = dct(energies, type=2, norm="ortho", axis=1)
    return cepstrum[:, :num_coefficients]


def changes(values: Float64[np.ndarray, "T K"]) -> Float64[np.ndarray, "T K"]:
    """How fast values change, per frame: the slope over two frames to each side.

    Beyond the ends, values are those of the last frame.
    """
    padded = np.pad(values, ((_REACH, _REACH), (0, 0)), mode="edge")
    slope = np.zeros_like(values)
    for step in range(1, _REACH + 1):
        after = padded[_REACH + step : _REACH + step + len(values)]
        before = padded[_REACH - step : _REACH - step + len(values)]
        slope += step * (after - before)
    slopes: Float64[np.ndarray, "T K"] = slope / (2 * sum(s**2 for s in range(1, _REACH + 1)))
    return slopes


def statistics(values: Float64[np.ndarray, "T K"]) -> Float64[np.ndarray, "features"]:
    """What a recording is told by: of each band how high, how spread, how fast it changes.

    Mean, standard deviation, 10th, 50th and 90th percentile over the frames, and the standard
    deviation of `changes`; all bands of the first, then all of the next.
    """
    return np.concatenate(
        [
            values.mean(axis=0),
            values.std(axis=0),
            *np.percentile(values, _PERCENTILES, axis=0),
            changes(values).std(axis=0),
        ]
    )


def _fft_size(config: SpectrumConfig, signal: SignalConfig) -> int:
    """Four times a frame or more: lines that are close enough for narrow bands."""
    size = max(1, round(config.frame_s * signal.sample_rate))
    return 4 << (size - 1).bit_length()
