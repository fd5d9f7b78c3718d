"""Samples to tokens: the convolutional front-end that all but the residual network share.

Letters for shapes: B batch, N samples, D width.
"""

from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

SAMPLES_PER_TOKEN = 32
"""16 ms at 2000 Hz."""


class FrontEnd(nn.Module):
    """Three convolutions, `SAMPLES_PER_TOKEN` samples to the token.

    Token k is centred on the middle of samples 32 k to 32 k + 31.
    """

    def __init__(
        self,
        width: int,
        *,
        first: nn.Module | None = None,
        stride: int = 4,
        attention: nn.Module | None = None,
    ) -> None:
        """Make the layers.

        Args:
            width: Channels of a token.
            first: From samples to `width // 2` channels; by default a convolution.
            stride: Of `first`: its output k is centred on the middle of as many samples.
            attention: Weighs the channels that come out of `first`.
        """
        super().__init__()
        half = width // 2
        rest = SAMPLES_PER_TOKEN // stride
        self.first = nn.Conv1d(1, half, 16, stride=4, padding=6) if first is None else first
        self.first_norm = nn.BatchNorm1d(half)
        self.attention = nn.Identity() if attention is None else attention
        self.second = nn.Conv1d(half, width, 2 * rest, stride=rest, padding=rest // 2)
        self.second_norm = nn.BatchNorm1d(width)
        self.third = nn.Conv1d(width, width, kernel_size=3, padding=1)

    def forward(self, samples: Float[Tensor, "batch samples"]) -> Float[Tensor, "batch time width"]:
        """Tokens, one per `SAMPLES_PER_TOKEN` samples; what is left over at the end is cut off."""
        x = samples[:, None]  # (B, 1, N)
        x = self.attention(F.gelu(self.first_norm(self.first(x))))  # (B, D/2, N/stride)
        x = F.gelu(self.second_norm(self.second(x)))  # (B, D, N/32)
        return F.gelu(self.third(x)).transpose(1, 2)
