"""Samples to tokens: the convolutional front-end that all but the residual network share.

Letters for shapes: B batch, N samples, D width.
"""

from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from pahcl_core.models.strided import StridedConv

SAMPLES_PER_TOKEN = 32
"""16 ms at 2000 Hz."""

_TAPS = 64
_FLOOR = 1e-4  # of energy, where a recording's spread is 1: what is 40 dB below says no less


class FrontEnd(nn.Module):
    """Bands, then two convolutions, `SAMPLES_PER_TOKEN` samples to the token.

    Token k is centred on the middle of samples 32 k to 32 k + 31.
    """

    def __init__(self, width: int, *, bands: nn.Module, stride: int) -> None:
        """Make the layers.

        Args:
            width: Channels of a token.
            bands: From samples to `width // 2` channels.
            stride: Of `bands`: its output k is centred on the middle of as many samples.
        """
        super().__init__()
        self.bands = bands
        self.second = StridedConv(width // 2, width, stride=SAMPLES_PER_TOKEN // stride)
        self.second_norm = window_norm(width)
        self.third = nn.Conv1d(width, width, kernel_size=3, padding=1)

    def forward(self, samples: Float[Tensor, "batch samples"]) -> Float[Tensor, "batch time width"]:
        """Tokens, one per `SAMPLES_PER_TOKEN` samples; what is left over at the end is cut off."""
        x = self.bands(samples[:, None])  # (B, D/2, N/stride)
        x = F.gelu(self.second_norm(self.second(x)))  # (B, D, N/32)
        return F.gelu(self.third(x)).transpose(1, 2)


class LogEnergies(nn.Module):
    """How loud the sound is through each of so many learnt filters, on a logarithmic scale.

    A filter is a pair of impulse responses, as the two parts of a complex one, and its energy the
    sum of their squares: smooth in time where one square alone would beat. The logarithm, because a
    murmur may be a hundredth as loud as the sounds it lies between, and is one all the same; behind
    a convolution and a rectifier alone it would hardly count.

    Source:
        Zeghidour et al., "LEAF: A Learnable Frontend for Audio Classification", ICLR 2021,
        section 3: squared modulus of learnt filters, compressed. Their filters are Gabor's; here
        every tap is learnt, and a norm of the window follows in place of one of each channel.
    """

    stride = 4

    def __init__(self, num_filters: int) -> None:
        super().__init__()
        self.filters = nn.Conv1d(
            1,
            2 * num_filters,
            _TAPS,
            stride=self.stride,
            padding=(_TAPS - self.stride) // 2,
            bias=False,
        )
        self.norm = window_norm(num_filters)

    def forward(
        self, samples: Float[Tensor, "batch 1 samples"]
    ) -> Float[Tensor, "batch filters steps"]:
        """Logarithms of energy, normalised over the window."""
        # Squares of what is quiet are below what half precision tells from nothing.
        one, other = self.filters(samples).to(samples.dtype).chunk(2, dim=1)
        normed: Tensor = self.norm((one.square() + other.square() + _FLOOR).log())
        return normed


def window_norm(channels: int) -> nn.GroupNorm:
    """By the mean and the spread of each window, over its channels and times; a scale for each.

    The windows beside it change nothing, and training and use are alike; but through it a token
    hears a little of the whole window. Wu and He, "Group Normalization", ECCV 2018, one group.
    """
    return nn.GroupNorm(1, channels)
