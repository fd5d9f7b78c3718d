"""A block of convolutions over tokens.

Liu et al., "A ConvNet for the 2020s", CVPR 2022, in one dimension and without their layer scale,
which Woo et al., "ConvNeXt V2", CVPR 2023, found needless.
"""

from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from pahcl_core.models.depthwise import DepthwiseConv


class ConvNeXtBlock(nn.Module):
    """Residual block: seven tokens of each channel, then all channels of each token."""

    def __init__(self, width: int, *, dropout: float = 0.0) -> None:
        super().__init__()
        self.conv = DepthwiseConv(width, 7)
        self.norm = nn.LayerNorm(width)
        self.hidden = nn.Linear(width, 4 * width)
        self.out = nn.Linear(4 * width, width)
        self.dropout = nn.Dropout(dropout)

    def forward(
        self, tokens: Float[Tensor, "batch time width"]
    ) -> Float[Tensor, "batch time width"]:
        """Mix tokens with those near them."""
        update = self.out(F.gelu(self.hidden(self.norm(self.conv(tokens)))))
        changed: Tensor = tokens + self.dropout(update)
        return changed
