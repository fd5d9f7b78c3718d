"""A convolution over time of each channel by itself."""

from jaxtyping import Float
from torch import Tensor, nn


class DepthwiseConv(nn.Conv2d):
    """One kernel to a channel, centred: a token hears as far back as ahead; zeros beyond the ends.

    The tokens are seen as an image of height 1 with channels last, as they lie in memory: so the
    convolution needs no other layout.
    """

    def __init__(self, channels: int, size: int) -> None:
        super().__init__(channels, channels, (1, size), padding=(0, size // 2), groups=channels)

    def forward(
        self, tokens: Float[Tensor, "batch time channels"]
    ) -> Float[Tensor, "batch time channels"]:
        """Each channel convolved with its kernel."""
        image = tokens.transpose(1, 2)[:, :, None]  # (B, C, 1, T)
        return super().forward(image)[:, :, 0].transpose(1, 2)
