"""A convolution over time that keeps one output of so many inputs."""

from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F


class StridedConv(nn.Conv1d):
    """Kernels of two strides, an output to each stride, centred on the middle of it.

    It is computed over blocks of one stride, whose samples become channels: a kernel then takes
    two blocks and moves by one. The figures are those of `nn.Conv1d` with this stride.
    What differs is that the gradient is right: for what the front-end is given, PyTorch 2.13 on a
    CPU with AVX-512 and more than one thread computes that of a convolution of stride 8 by a
    routine (oneDNN 3.12, `brgconv_strided`) that leaves some figures wrong, and others each time.
    """

    def __init__(self, channels: int, width: int, *, stride: int) -> None:
        """Make the layer.

        Args:
            channels: Of the input.
            width: Channels of the output.
            stride: Even.
        """
        super().__init__(channels, width, 2 * stride, stride=stride, padding=stride // 2)

    def forward(
        self, x: Float[Tensor, "batch channels samples"]
    ) -> Float[Tensor, "batch width steps"]:
        """A step to each whole stride, with zeros beyond the ends; what is left over is cut off."""
        (stride,) = self.stride
        batch, channels, length = x.shape
        num_blocks = length // stride + 1
        x = F.pad(x, (stride // 2, num_blocks * stride - length - stride // 2))
        blocks = x.reshape(batch, channels, num_blocks, stride).transpose(2, 3).flatten(1, 2)
        weight = self.weight.unflatten(2, (2, stride)).transpose(2, 3).flatten(1, 2)
        return F.conv1d(blocks, weight, self.bias)
