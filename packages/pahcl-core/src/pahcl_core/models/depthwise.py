"""A convolution over time of each channel by itself."""

from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

_ALL = slice(None)


class DepthwiseConv(nn.Conv2d):
    """One kernel to a channel, centred: a token hears as far back as ahead; zeros beyond the ends.

    The tokens are seen as an image of height 1 with channels last, as they lie in memory: so the
    convolution needs no other layout.
    """

    def __init__(self, channels: int, size: int) -> None:
        super().__init__(channels, channels, (1, size), padding=(0, size // 2), groups=channels)

    def forward(
        self, tokens: Float[Tensor, "batch time channels"], which: slice = _ALL
    ) -> Float[Tensor, "batch time channels"]:
        """Each channel convolved with its kernel.

        Args:
            tokens: Of the channels that are meant.
            which: Channels the tokens have, if not all.
        """
        assert self.bias is not None, "it is made with one"
        weight, bias = self.weight[which], self.bias[which]
        image = tokens.transpose(1, 2).unsqueeze(2)  # (B, C, 1, T)
        size = self.kernel_size[1]
        found = F.conv2d(image, weight, bias, padding=(0, size // 2), groups=len(weight))
        return found.squeeze(2).transpose(1, 2)  # taking row 0 would have a gradient of zeros
