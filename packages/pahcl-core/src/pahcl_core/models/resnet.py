"""A residual network of 34 layers in one dimension, from samples to tokens.

He et al., "Deep Residual Learning for Image Recognition", CVPR 2016, table 1: a convolution, a
maximum, and stages of 3, 4, 6 and 3 blocks, each stage at half the rate and twice the width of the
one before. Together that is 32 samples to the token. Dropout lies between the two convolutions of a
block (Zagoruyko and Komodakis, "Wide Residual Networks", BMVC 2016).
"""

from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from pahcl_core.models.front_end import SAMPLES_PER_TOKEN

BLOCKS = (3, 4, 6, 3)


class BasicBlock(nn.Module):
    """Two convolutions of three steps, and a way around them."""

    def __init__(self, before: int, width: int, *, stride: int, dropout: float) -> None:
        super().__init__()
        self.first = nn.Conv1d(before, width, 3, stride=stride, padding=1, bias=False)
        self.first_norm = nn.BatchNorm1d(width)
        self.dropout = nn.Dropout(dropout)
        self.second = nn.Conv1d(width, width, 3, padding=1, bias=False)
        self.second_norm = nn.BatchNorm1d(width)
        self.around = (
            nn.Identity()
            if stride == 1 and before == width
            else nn.Sequential(
                nn.Conv1d(before, width, 1, stride=stride, bias=False), nn.BatchNorm1d(width)
            )
        )

    def forward(self, x: Float[Tensor, "batch before time"]) -> Float[Tensor, "batch width steps"]:
        """Features at the rate of the block."""
        update = self.dropout(F.relu(self.first_norm(self.first(x))))
        update = self.second_norm(self.second(update))
        return F.relu(update + self.around(x))


class ResNet34(nn.Module):
    """Samples to tokens of `width` channels, those of the last stage."""

    def __init__(self, width: int, *, dropout: float = 0.0) -> None:
        super().__init__()
        widths = [width // 8, width // 4, width // 2, width]
        self.first = nn.Conv1d(1, widths[0], 7, stride=2, padding=3, bias=False)
        self.first_norm = nn.BatchNorm1d(widths[0])
        blocks = []
        before = widths[0]
        for stage, (num, wide) in enumerate(zip(BLOCKS, widths, strict=True)):
            for place in range(num):
                stride = 2 if stage and not place else 1
                blocks.append(BasicBlock(before, wide, stride=stride, dropout=dropout))
                before = wide
        self.stages = nn.Sequential(*blocks)

    def forward(self, samples: Float[Tensor, "batch samples"]) -> Float[Tensor, "batch time width"]:
        """Tokens, one per `SAMPLES_PER_TOKEN` samples; what is left over at the end is cut off."""
        # Odd kernels are centred on samples 0, 32, … of what they are given. With half a token of
        # silence in front, and without the token centred on its beginning, that is 16, 48, …
        x = F.pad(samples, (SAMPLES_PER_TOKEN // 2, 0))[:, None]
        x = F.relu(self.first_norm(self.first(x)))
        x = self.stages(F.max_pool1d(x, 3, stride=2, padding=1))
        tokens: Tensor = x[:, :, 1 : 1 + samples.shape[1] // SAMPLES_PER_TOKEN].transpose(1, 2)
        return tokens
