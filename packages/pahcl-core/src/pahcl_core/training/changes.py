"""What an augmentation does to a batch of windows, each window with its own parameters.

A row of the result is the same to the bit in any batch, on one machine; where there is a Fourier
transform, for windows below 8000 samples: for longer ones a processor's library goes about a single
transform in another way than about many.
"""

import math

import torch
from jaxtyping import Float
from torch import Tensor

_EDGE_OCTAVES = 0.25  # steeper ones would ring on for longer than a heart sound lasts
_NO_POWER = 1e-6


def breathing(
    samples: Float[Tensor, "batch samples"],
    *,
    depth: Float[Tensor, "batch"],
    rate_hz: Float[Tensor, "batch"],
    phase: Float[Tensor, "batch"],
    sample_rate: int,
) -> Float[Tensor, "batch samples"]:
    """Louder and softer with the breath: times `1 + depth * sin(2 pi (rate_hz * t + phase))`.

    Args:
        samples: The windows.
        depth: From 0 to 1.
        rate_hz: Breaths per second.
        phase: Where in the breath the window begins, from 0 to 1.
        sample_rate: In hertz.

    Source:
        Amit et al., 2009, doi:10.1152/ajpheart.00806.2008: heart sounds change with the breath,
        and hardly at all while it is held. There S1 and S2 change oppositely; here both alike.
    """
    time = torch.arange(samples.shape[1], device=samples.device) / sample_rate
    turns = rate_hz[:, None] * time + phase[:, None]
    return samples * (1.0 + depth[:, None] * torch.sin(2.0 * math.pi * turns))


def silenced(
    samples: Float[Tensor, "batch samples"],
    *,
    start: Float[Tensor, "batch"],
    length: Float[Tensor, "batch"],
) -> Float[Tensor, "batch samples"]:
    """Zero from `start` to below `start + length`, in samples of the window."""
    position = torch.arange(samples.shape[1], device=samples.device)
    outside = (position < start[:, None]) | (position >= (start + length)[:, None])
    return samples * outside


def in_band(
    samples: Float[Tensor, "batch samples"],
    *,
    low: Float[Tensor, "batch"],
    high: Float[Tensor, "batch"],
    sample_rate: int,
) -> Float[Tensor, "batch samples"]:
    """What of the windows lies in a band, in place in time; see `band_response`.

    Zeros are put after each window first: what rings on past its end does not come back in at its
    start.
    """
    num_samples = samples.shape[1]
    padded = num_samples + num_samples // 4
    frequency = _frequencies(padded, sample_rate, samples.device)
    spectrum = torch.fft.rfft(samples, n=padded) * band_response(frequency, low, high)
    inside: Float[Tensor, "batch samples"] = torch.fft.irfft(spectrum, n=padded)[:, :num_samples]
    return inside


def noise_in_band(
    white: Float[Tensor, "batch numbers"],
    *,
    low: Float[Tensor, "batch"],
    high: Float[Tensor, "batch"],
    sample_rate: int,
) -> Float[Tensor, "batch samples"]:
    """Gaussian noise of a band, its standard deviation 1 on average over what may be drawn.

    The spectrum of white noise is white noise, so that is where it begins, and one transform is
    saved.

    Args:
        white: Standard normal numbers, `N + 2` of them; N must be even.
        low: Lower edge of each band; see `band_response`.
        high: Upper edge.
        sample_rate: In hertz.
    """
    num_samples = white.shape[1] - 2
    frequency = _frequencies(num_samples, sample_rate, white.device)
    response = band_response(frequency, low, high)
    # Each frequency adds a wave with the variance (2 response / N)^2; there may be none in a band.
    power = response.square().sum(dim=1).clamp(min=_NO_POWER)
    gain = num_samples / (2.0 * torch.sqrt(power))
    spectrum = torch.view_as_complex(white.reshape(len(white), -1, 2)) * response
    noise: Float[Tensor, "batch samples"] = torch.fft.irfft(spectrum, n=num_samples)
    return noise * gain[:, None]


def band_response(
    frequency_hz: Float[Tensor, "frequencies"],
    low: Float[Tensor, "batch"],
    high: Float[Tensor, "batch"],
) -> Float[Tensor, "batch frequencies"]:
    """How much of each frequency is in a band: 1 inside, 0 outside, a half at its edges.

    An edge is a quarter of an octave wide, with no corner at its ends. Nothing is at 0 Hz.

    Args:
        frequency_hz: From 0 on.
        low: Lower edge of each band, in octaves above 1 Hz.
        high: Upper edge. Neither is in hertz, as to compute 2^x may depend on the batch's size.
    """
    octave = torch.log2(frequency_hz)
    above = 0.5 + (octave - low[:, None]) / _EDGE_OCTAVES
    below = 0.5 + (high[:, None] - octave) / _EDGE_OCTAVES
    return _smooth_step(above) * _smooth_step(below)


def _smooth_step(x: Float[Tensor, "batch frequencies"]) -> Float[Tensor, "batch frequencies"]:
    """From 0 up to x = 0 to 1 from x = 1 on, flat at both."""
    x = x.clamp(0.0, 1.0)
    step: Float[Tensor, "batch frequencies"] = x * x * (3.0 - 2.0 * x)
    return step


def _frequencies(
    num_samples: int, sample_rate: int, device: torch.device
) -> Float[Tensor, "frequencies"]:
    frequency: Float[Tensor, "frequencies"] = torch.fft.rfftfreq(
        num_samples, 1.0 / sample_rate, device=device
    )
    return frequency
