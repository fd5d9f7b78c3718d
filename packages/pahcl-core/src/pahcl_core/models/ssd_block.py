"""A block around Mamba-2's state-space layer: short convolution, the layer, gate.

Dao and Gu, ICML 2024 (arXiv:2405.21060), section 7. Unlike there, tokens also see those after them
by default, in both the layer and the convolution, since a cycle is there as a whole; and the
weights of the norms are in those of the products that follow them, which spares what is large a
pass.

Letters for shapes: B batch, T time, H heads.
"""

import math
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.nn import functional as F

from pahcl_core.errors import SettingError
from pahcl_core.models.depthwise import DepthwiseConv
from pahcl_core.models.ssd import ssd

_EPSILON = 1e-5  # of the norms
_MOST_HEAD_DIM, _FEWEST_HEADS = 64, 4


@dataclass(frozen=True, kw_only=True, slots=True)
class SSDConfig:
    """The shape of a block."""

    width: int
    """Channels of a token."""

    state_size: int = 16
    """Numbers that each channel of a head remembers."""

    head_dim: int | None = None
    """Channels that share a decay. By default Mamba-2's 64, or as many as can be of fewer where
    there would be less than four heads, or they would not come out even."""

    expand: int = 2
    """The block works on `expand * width` channels inside."""

    conv_size: int = 3
    """Steps that the short convolution sees, centred: odd."""

    chunk: int = 32
    """Steps treated as one matrix product; changes speed, not results."""

    bidirectional: bool = True
    """Whether tokens see those after them, too, beyond the reach of the convolution."""

    dropout: float = 0.0
    """Of the block's output, before it is added to its input."""

    def __post_init__(self) -> None:
        for name in ("width", "state_size", "head_dim", "expand", "conv_size", "chunk"):
            number = getattr(self, name)
            if number is not None and number < 1:
                raise SettingError(f"{name} must be positive, got {number}")
        if self.inner % self.channels_of_head:
            raise SettingError(
                f"expand * width = {self.inner} is not a multiple of head_dim = {self.head_dim}"
            )
        if self.conv_size % 2 == 0:
            raise SettingError(f"conv_size must be odd, got {self.conv_size}")

    @property
    def inner(self) -> int:
        """Channels inside."""
        return self.expand * self.width

    @property
    def channels_of_head(self) -> int:
        """`head_dim`, or what it is by default."""
        if self.head_dim is not None:
            return self.head_dim
        most = max(1, min(_MOST_HEAD_DIM, self.inner // _FEWEST_HEADS))
        return next(size for size in range(most, 0, -1) if self.inner % size == 0)


class SSDBlock(nn.Module):
    """Pre-norm residual block: short convolution, state-space layer, gate.

    Initialised as the reference implementation of Mamba-2 does: rates of decay uniform between 1
    and 16, step sizes log-uniform between 0.001 and 0.1, so that heads forget within anything from
    one step to a thousand; the direct path from input to output starts at 1.
    """

    def __init__(self, config: SSDConfig) -> None:
        super().__init__()
        self.config = config
        inner = config.inner
        num_heads = inner // config.channels_of_head
        directions = 2 if config.bidirectional else 1
        mixed = inner + 2 * config.state_size
        self.sizes = (inner, mixed, num_heads)
        self.norm = nn.RMSNorm(config.width, eps=_EPSILON)
        self.into = nn.Linear(config.width, sum(self.sizes), bias=False)
        self.conv = DepthwiseConv(mixed, config.conv_size)
        step = torch.exp(torch.empty(num_heads).uniform_(math.log(1e-3), math.log(1e-1)))
        self.step_bias = nn.Parameter(step + torch.log(-torch.expm1(-step)))  # softplus inverse
        self.log_rate = nn.Parameter(torch.empty(directions, num_heads).uniform_(1, 16).log())
        self.skip = nn.Parameter(torch.ones(num_heads))
        self.out_norm = nn.RMSNorm(inner, eps=_EPSILON)
        self.out = nn.Linear(inner, config.width, bias=False)
        self.dropout = nn.Dropout(config.dropout)

    def forward(
        self,
        tokens: Float[Tensor, "batch time width"],
        valid: Bool[Tensor, "batch time"] | None = None,
    ) -> Float[Tensor, "batch time width"]:
        """Mix tokens over time.

        Args:
            tokens: One row per step.
            valid: Where False, a token tells the others nothing and stays as it is.
        """
        config = self.config
        inner, state = self.sizes[0], config.state_size
        gate, x, rest = self._entered(tokens * _inverse_rms(tokens))
        b_and_c, step = rest.split([2 * state, self.sizes[2]], dim=-1)
        if valid is not None:
            x, b_and_c = (part.masked_fill(~valid[..., None], 0) for part in (x, b_and_c))
        x = F.silu(self.conv(x, slice(inner)))
        b, c = F.silu(self.conv(b_and_c, slice(inner, None))).split([state, state], dim=-1)
        step = F.softplus(step + self.step_bias)  # (B, T, H)
        log_step = step.clamp_min(torch.finfo(step.dtype).tiny).log()
        if valid is not None:
            step = step.masked_fill(~valid[..., None], 0)
            log_step = log_step.masked_fill(~valid[..., None], -torch.inf)
        log_decays = [-step * rate for rate in self.log_rate.exp()]
        y = ssd(
            x.unflatten(-1, (self.sizes[2], -1)),
            log_decays[0],
            b,
            c,
            chunk=config.chunk,
            log_decay_back=log_decays[1] if config.bidirectional else None,
            log_step=log_step,
            skip=self.skip,
        )
        gated = y.flatten(2) * F.silu(gate)
        weight = self.out.weight * self.out_norm.weight
        update = self.dropout(F.linear(gated, weight))
        if valid is not None:
            update = update.masked_fill(~valid[..., None], 0)
        return torch.addcmul(tokens, update, _inverse_rms(gated))

    def _entered(self, tokens: Float[Tensor, "batch time width"]) -> list[Tensor]:
        """Gate, input, and what is left: `b`, `c` and the step.

        By three products and not one: its gradient would be put together of theirs, in a copy.
        """
        inner, mixed, num_heads = self.sizes
        weight = self.into.weight * self.norm.weight
        parts = weight.split([inner, inner, mixed - inner + num_heads])
        return [F.linear(tokens, part) for part in parts]


def _inverse_rms(rows: Float[Tensor, "batch time channels"]) -> Float[Tensor, "batch time 1"]:
    """What RMSNorm multiplies each row by, but for its weights; in float32 at least."""
    factors: Tensor = _InverseRMS.apply(rows)  # type: ignore[no-untyped-call]
    return factors


class _InverseRMS(torch.autograd.Function):
    """That factor, with its gradient in one pass: automatic differentiation would take three."""

    @staticmethod
    def forward(
        ctx: Any,  # noqa: ANN401  torch gives it no attributes of a type
        rows: Float[Tensor, "batch time channels"],
    ) -> Float[Tensor, "batch time 1"]:
        kind = torch.promote_types(rows.dtype, torch.float32)
        norm = torch.linalg.vector_norm(rows, dim=-1, keepdim=True, dtype=kind)
        factors = torch.rsqrt(norm.square() / rows.shape[-1] + _EPSILON)
        ctx.save_for_backward(rows, factors)
        return factors

    @staticmethod
    @once_differentiable
    def backward(
        ctx: Any,  # noqa: ANN401  as above
        slope: Float[Tensor, "batch time 1"],
    ) -> Float[Tensor, "batch time channels"]:
        rows, factors = ctx.saved_tensors
        of_rows: Tensor = rows * (slope * factors**3 / -rows.shape[-1]).to(rows.dtype)
        return of_rows
