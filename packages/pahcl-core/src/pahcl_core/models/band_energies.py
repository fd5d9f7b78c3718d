"""How loud each band of a sound is, token by token: what masked prediction predicts.

A spectrogram on the grid of an encoder's tokens, in bands that are equally wide in octaves, as
loudness and pitch are judged. It has no parameters, and is made on the device, for a batch at once.

Letters for shapes: B batch, N samples, T time, K bands.
"""

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from pahcl_core.models.front_end import SAMPLES_PER_TOKEN

_TOKENS_PER_FRAME = 4
"""A frame reaches as far as its token's neighbours: 64 ms at 2000 Hz, an S1 is 100 to 160 ms."""

_FLOOR = 1e-6  # of the power of a signal of spread 1, in each bin: silence is -60 dB


class BandEnergies(nn.Module):
    """Natural logarithm of the mean power in each band, around each token."""

    frame: Tensor
    weights: Tensor

    def __init__(self, num_bands: int, *, band_hz: tuple[float, float], sample_rate: float) -> None:
        """Place the bands.

        Args:
            num_bands: How many.
            band_hz: Centre of the lowest and of the highest, in hertz.
            sample_rate: In hertz.
        """
        super().__init__()
        size = _TOKENS_PER_FRAME * SAMPLES_PER_TOKEN
        self._fft_size = 2 * size
        frame = torch.hann_window(size, periodic=False, dtype=torch.float64)
        self.register_buffer("frame", (frame / frame.square().sum().sqrt()).float())
        octaves = torch.tensor(band_hz, dtype=torch.float64).log2()
        centre = torch.linspace(float(octaves[0]), float(octaves[1]), num_bands).double().exp2()
        # Each band reaches to its neighbours' centres, and at least to the next bin.
        ratio = 2.0 ** float((octaves[1] - octaves[0]) / max(1, num_bands - 1))
        bin_hz = sample_rate / self._fft_size
        reach = (centre * (ratio - 1.0)).clamp(min=bin_hz)
        bins = torch.arange(size + 1, dtype=torch.float64) * bin_hz
        weights = (1.0 - (bins[:, None] - centre).abs() / reach).clamp(min=0.0)
        weights = (weights / weights.sum(dim=0)).float()
        heard = weights.sum(dim=1).nonzero()  # half of the bins, and the power of the rest is lost
        self._heard = slice(int(heard[0]), int(heard[-1]) + 1)
        # A row for the real part of each bin, and the same for its imaginary part.
        self.register_buffer("weights", weights[self._heard].repeat_interleave(2, dim=0))

    def forward(self, samples: Float[Tensor, "batch samples"]) -> Float[Tensor, "batch time bands"]:
        """Of each token; samples left over at the end count for the last frames alone."""
        size = len(self.frame)
        margin = (size - SAMPLES_PER_TOKEN) // 2  # a frame has its token's samples in its middle
        num_tokens = samples.shape[1] // SAMPLES_PER_TOKEN
        if not len(samples):  # a rank may have none, and there is no Fourier transform of none
            return samples.new_zeros(0, num_tokens, self.weights.shape[1])
        frames = F.pad(samples, (margin, margin)).unfold(1, size, SAMPLES_PER_TOKEN)
        spectrum = torch.fft.rfft(frames[:, :num_tokens] * self.frame, n=self._fft_size)
        parts = torch.view_as_real(spectrum[:, :, self._heard]).flatten(2)
        return torch.log(parts.square() @ self.weights + _FLOOR)
