"""Band-pass filters of which nothing but the two edges is learnt, and attention to the bands.

Ravanelli and Bengio, "Speaker Recognition from Raw Waveform with SincNet", SLT 2018: a filter is
the difference of two ideal low-passes, cut to length by a Hamming window. Wang et al., "ECA-Net:
Efficient Channel Attention for Deep Convolutional Neural Networks", CVPR 2020.

What is unusual: where the paper takes absolute values of edges in hertz, which may leave the range
and which a step of 0.001 hardly moves, an edge is a share of the range that is left to it, through
a logistic function. So the edges never leave the range, never cross, and always have a gradient.
"""

import math

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from pahcl_core.errors import SettingError
from pahcl_core.models.front_end import window_norm

LOW_HZ, HIGH_HZ = 20.0, 500.0
_NARROWEST_HZ = 1.0
_HALF_S = 0.032
"""Of a filter, in seconds: as short as tells a band that begins at 20 Hz from its mirror image."""


class SincConv(nn.Module):
    """Samples to frequency bands, two samples to the step.

    Two samples, because 1000 steps a second still carry 500 Hz.
    """

    stride = 2
    window: Tensor
    time: Tensor
    """Of the taps, in seconds from the centre."""

    def __init__(self, num_filters: int, *, sample_rate: float) -> None:
        """Spread the bands evenly over the mel scale; each reaches to the middle of the next two.

        Args:
            num_filters: Bands.
            sample_rate: Of the samples, in hertz.

        Raises:
            SettingError: If the samples do not carry the highest frequency.
        """
        super().__init__()
        if sample_rate <= 2 * HIGH_HZ:
            raise SettingError(
                f"sinc_mamba listens up to {HIGH_HZ:g} Hz, which takes a sample rate above "
                f"{2 * HIGH_HZ:g} Hz, got {sample_rate:g}; choose another encoder or rate"
            )
        self.sample_rate = sample_rate
        edges = _mel_spaced(num_filters + 4)[1:-1]  # the limits themselves are out of reach
        low, high = edges[:-2], edges[2:]
        self.low = nn.Parameter(_logit((low - LOW_HZ) / (HIGH_HZ - LOW_HZ - _NARROWEST_HZ)))
        room = HIGH_HZ - low - _NARROWEST_HZ
        self.high = nn.Parameter(_logit((high - low - _NARROWEST_HZ) / room))
        size = 2 * round(_HALF_S * sample_rate)  # even: the middle of two samples is its centre
        self.register_buffer("window", torch.hamming_window(size, periodic=False), persistent=False)
        self.register_buffer(
            "time", (torch.arange(size) - (size - 1) / 2) / sample_rate, persistent=False
        )

    def bands_hz(self) -> tuple[Float[Tensor, "filters"], Float[Tensor, "filters"]]:
        """The lower and upper edge of each filter."""
        low = LOW_HZ + (HIGH_HZ - LOW_HZ - _NARROWEST_HZ) * self.low.sigmoid()
        high = low + _NARROWEST_HZ + (HIGH_HZ - low - _NARROWEST_HZ) * self.high.sigmoid()
        return low, high

    def filters(self) -> Float[Tensor, "filters size"]:
        """The impulse responses; an ideal band-pass of their edges would have a gain of 1."""
        low, high = self.bands_hz()
        wide, narrow = (self._low_pass(edge) for edge in (high, low))
        return (wide - narrow) * self.window

    def _low_pass(self, edge: Float[Tensor, "filters"]) -> Float[Tensor, "filters size"]:
        # torch.sinc has the factor of pi in it, and the edge comes in once.
        return 2 * edge[:, None] / self.sample_rate * torch.sinc(2 * edge[:, None] * self.time)

    def forward(
        self, samples: Float[Tensor, "batch 1 samples"]
    ) -> Float[Tensor, "batch filters steps"]:
        """Each band of the sound."""
        filters = self.filters()[:, None]
        return F.conv1d(samples, filters, stride=self.stride, padding=filters.shape[2] // 2 - 1)


def _mel_spaced(num: int) -> Float[Tensor, "num"]:
    """Frequencies in hertz, evenly spaced in mel from `LOW_HZ` to `HIGH_HZ`."""
    low, high = (math.log10(1 + hz / 700) for hz in (LOW_HZ, HIGH_HZ))
    return 700 * (10 ** torch.linspace(low, high, num, dtype=torch.float64) - 1)


def _logit(share: Tensor) -> Tensor:
    return share.logit(eps=1e-4).float()


class ChannelAttention(nn.Module):
    """Each channel weighed by what it and its neighbours hold on average over the window (ECA).

    It follows the filters, where neighbours are neighbours in frequency.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        reach = int((math.log2(channels) + 1) / 2)  # their section 3.2.3, with gamma 2 and b 1
        size = reach + 1 - reach % 2
        self.conv = nn.Conv1d(1, 1, size, padding=size // 2, bias=False)

    def forward(
        self, x: Float[Tensor, "batch channels time"]
    ) -> Float[Tensor, "batch channels time"]:
        """The channels, each multiplied by a weight between 0 and 1."""
        weight = self.conv(x.mean(dim=2)[:, None]).sigmoid()  # (B, 1, C)
        weighed: Tensor = x * weight.transpose(1, 2)
        return weighed


class SincBands(nn.Module):
    """`SincConv`, a norm, and `ChannelAttention`: what a front-end begins with."""

    stride = SincConv.stride

    def __init__(self, num_filters: int, *, sample_rate: float) -> None:
        """As `SincConv`.

        Args:
            num_filters: Bands.
            sample_rate: Of the samples, in hertz.

        Raises:
            SettingError: If the samples do not carry the highest frequency.
        """
        super().__init__()
        self.conv = SincConv(num_filters, sample_rate=sample_rate)
        self.norm = window_norm(num_filters)
        self.attention = ChannelAttention(num_filters)

    def forward(
        self, samples: Float[Tensor, "batch 1 samples"]
    ) -> Float[Tensor, "batch filters steps"]:
        """Each band, weighed."""
        weighed: Tensor = self.attention(F.gelu(self.norm(self.conv(samples))))
        return weighed
