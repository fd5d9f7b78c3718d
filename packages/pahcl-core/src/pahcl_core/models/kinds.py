"""Which encoders there are: for each its sizes, and what it is made of.

To add one, write its layers, and give its name, its sizes and its parts here.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Literal, NamedTuple, Protocol, runtime_checkable

from torch import nn

from pahcl_core.models.convnext import ConvNeXtBlock
from pahcl_core.models.front_end import FrontEnd, LogEnergies
from pahcl_core.models.pooling import AttentiveStatistics, Mean
from pahcl_core.models.resnet import ResNet34
from pahcl_core.models.sinc import SincBands
from pahcl_core.models.ssd_block import SSDBlock, SSDConfig
from pahcl_core.models.transformer import Positions, TransformerLayer

EncoderName = Literal["cnn_mamba", "sinc_mamba", "cnn_transformer", "resnet34_1d", "cnn"]
"""`cnn_mamba`: convolutional front-end, then Mamba-2 blocks. `sinc_mamba`: learnt frequency bands
weighed by attention, convolutional and Mamba-2 blocks in turn, attentive pooling.
`cnn_transformer`: the front-end of `cnn_mamba`, then self-attention. `resnet34_1d`: a residual
network. `cnn`: the front-end again, then convolutional blocks."""

Size = Literal["tiny", "small", "base"]


class Numbers(NamedTuple):
    """What a size sets; 0 where an encoder has no such number."""

    width: int
    num_blocks: int
    state_size: int


SIZES: Mapping[EncoderName, Mapping[Size, Numbers]] = {
    "cnn_mamba": {
        "tiny": Numbers(64, 2, 16),
        "small": Numbers(128, 4, 16),
        "base": Numbers(256, 8, 32),
    },
    "sinc_mamba": {
        "tiny": Numbers(64, 2, 16),
        "small": Numbers(128, 4, 16),
        "base": Numbers(256, 8, 32),
    },
    "cnn_transformer": {
        "tiny": Numbers(64, 2, 0),
        "small": Numbers(128, 4, 0),
        "base": Numbers(256, 8, 0),
    },
    "resnet34_1d": {
        "tiny": Numbers(64, 0, 0),
        "small": Numbers(128, 0, 0),
        "base": Numbers(512, 0, 0),  # the widths of the paper
    },
    "cnn": {
        "tiny": Numbers(64, 4, 0),
        "small": Numbers(128, 6, 0),
        "base": Numbers(256, 9, 0),
    },
}


@runtime_checkable
class Shape(Protocol):
    """What the parts are made by; an `EncoderConfig` is one."""

    @property
    def width(self) -> int: ...  # noqa: D102
    @property
    def num_blocks(self) -> int: ...  # noqa: D102
    @property
    def state_size(self) -> int: ...  # noqa: D102
    @property
    def dropout(self) -> float: ...  # noqa: D102


class Parts(NamedTuple):
    """What encoders differ in."""

    front_end: nn.Module
    """Samples to tokens."""

    blocks: Sequence[nn.Module]
    """Tokens to tokens."""

    pooling: nn.Module
    """The tokens of spans to one vector each, as `mean_between`."""


def _cnn_mamba(config: Shape, sample_rate: float) -> Parts:
    blocks = [_ssd_block(config) for _ in range(config.num_blocks)]
    return Parts(_front_end(config), blocks, Mean())


def _sinc_mamba(config: Shape, sample_rate: float) -> Parts:
    bands = SincBands(config.width // 2, sample_rate=sample_rate)
    front_end = FrontEnd(config.width, bands=bands, stride=SincBands.stride)
    blocks: list[nn.Module] = []
    for _ in range(config.num_blocks):
        blocks += [ConvNeXtBlock(config.width, dropout=config.dropout), _ssd_block(config)]
    return Parts(front_end, blocks, AttentiveStatistics(config.width))


def _cnn_transformer(config: Shape, sample_rate: float) -> Parts:
    layers = [
        TransformerLayer(config.width, dropout=config.dropout) for _ in range(config.num_blocks)
    ]
    return Parts(_front_end(config), [Positions(), *layers], Mean())


def _resnet34_1d(config: Shape, sample_rate: float) -> Parts:
    return Parts(ResNet34(config.width, dropout=config.dropout), [], Mean())


def _cnn(config: Shape, sample_rate: float) -> Parts:
    blocks = [ConvNeXtBlock(config.width, dropout=config.dropout) for _ in range(config.num_blocks)]
    return Parts(_front_end(config), blocks, Mean())


def _front_end(config: Shape) -> FrontEnd:
    bands = LogEnergies(config.width // 2)
    return FrontEnd(config.width, bands=bands, stride=LogEnergies.stride)


def _ssd_block(config: Shape) -> SSDBlock:
    return SSDBlock(
        SSDConfig(width=config.width, state_size=config.state_size, dropout=config.dropout)
    )


PARTS: Mapping[EncoderName, Callable[[Shape, float], Parts]] = {
    "cnn_mamba": _cnn_mamba,
    "sinc_mamba": _sinc_mamba,
    "cnn_transformer": _cnn_transformer,
    "resnet34_1d": _resnet34_1d,
    "cnn": _cnn,
}
