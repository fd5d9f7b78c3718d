"""The envelope of a phonocardiogram: where in time the energy lies.

Average Shannon energy after Liang, Lukkarinen and Hartimo, "Heart sound segmentation algorithm
based on heart sound envelogram", Computers in Cardiology 1997, equation 1.
"""

import numpy as np
from jaxtyping import Float32, Float64


def shannon_envelope(
    samples: Float32[np.ndarray, "samples"], *, sample_rate: int, frame_rate: int, width_s: float
) -> Float64[np.ndarray, "frames"]:
    """Average Shannon energy `-x² log x²` in overlapping frames.

    Between loud and faint, it weighs the middle: squaring would let the loudest knock hide the
    heart sounds, the absolute value would let the noise between them through.

    Args:
        samples: One channel, scaled in here so that the 99.5th percentile of its size is 1.
        sample_rate: In hertz.
        frame_rate: Frames per second; frame `i` is centred at `i / frame_rate` seconds.
        width_s: Length of a frame in seconds.

    Returns:
        At least 0 everywhere; all 0 for silence.
    """
    size = np.abs(samples.astype(np.float64))
    scale = np.quantile(size, 0.995)
    if scale == 0:
        return np.zeros(_num_frames(len(samples), sample_rate, frame_rate))
    power = np.square(np.minimum(size / scale, 1.0))
    energy = -power * np.log(power, out=np.zeros_like(power), where=power > 0)
    total = np.concatenate([[0.0], np.cumsum(energy)])
    centres = np.arange(_num_frames(len(samples), sample_rate, frame_rate)) / frame_rate
    first = np.clip(np.rint((centres - width_s / 2) * sample_rate), 0, len(samples)).astype(int)
    last = np.clip(np.rint((centres + width_s / 2) * sample_rate), 0, len(samples)).astype(int)
    # max: the difference of two cumulative sums may fall short of zero by a rounding error
    energy_in = np.maximum(total[last] - total[first], 0.0)
    envelope: Float64[np.ndarray, "frames"] = energy_in / np.maximum(last - first, 1)
    return envelope


def _num_frames(num_samples: int, sample_rate: int, frame_rate: int) -> int:
    return max(1, num_samples * frame_rate // sample_rate)
