"""Mamba-2's state-space layer in chunked matrix-product form, in plain PyTorch.

Dao and Gu, "Transformers are SSMs: Generalized Models and Efficient Algorithms Through Structured
State Space Duality", ICML 2024 (arXiv:2405.21060). The recurrence (their equation 2, with one decay
per head)

    h_t = exp(log_decay_t) h_{t-1} + b_t x_t^T,    y_t = c_t^T h_t

is computed as in their section 6: quadratic attention inside chunks, where matrix products are
cheap, and the recurrence from one chunk's state to the next.

What is unusual:

- A second recurrence may run from the end to the start. The two differ in nothing but their decays
  and share every matrix product, so that both together cost far less than twice one.
- `b` and `c` serve all heads, so what is not attention is a few large products over all heads.
- The short convolution is centred, since a cycle is there as a whole: nothing has to be causal.

Letters for shapes: B batch, T time, K chunks, Q positions in a chunk, D directions, H heads,
P channels of a head, N state.
"""

import math
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn
from torch.nn import functional as F

from pahcl_core.errors import SettingError
from pahcl_core.models.depthwise import DepthwiseConv

_LEAST_LOG_DECAY = -30.0
_EPSILON = 1e-5  # of the norms


def ssd(
    x: Float[Tensor, "batch time heads head_dim"],
    log_decay: Float[Tensor, "batch time heads"],
    b: Float[Tensor, "batch time state"],
    c: Float[Tensor, "batch time state"],
    *,
    chunk: int = 32,
    log_decay_back: Float[Tensor, "batch time heads"] | None = None,
) -> Float[Tensor, "batch time heads head_dim"]:
    """The recurrence above, from a state of zero.

    Args:
        x: Input, already multiplied by its step size.
        log_decay: Natural logarithm of what each step keeps of the state before it; at most 0.
            Below -30 it counts as -30 (a factor of 1e-13), which bounds the rounding of sums.
        b: How the input enters the state; shared by all heads.
        c: How the output is read from the state; shared by all heads.
        chunk: Steps treated as one matrix product; changes speed and memory, not the result.
        log_decay_back: If given, the output of the same recurrence run from the last step to the
            first, with these decays, is added.

    Raises:
        SettingError: If `chunk` is not positive.
    """
    if chunk < 1:
        raise SettingError(f"chunk must be positive, got {chunk}")
    decays = [log_decay] if log_decay_back is None else [log_decay, log_decay_back]
    decay = torch.stack(decays, dim=2).clamp(min=_LEAST_LOG_DECAY)  # (B, T, D, H)
    length = x.shape[1]
    missing = -length % chunk
    if missing:  # nothing enters after the end, so nothing comes back from there
        x = F.pad(x, (0, 0, 0, 0, 0, missing))
        decay = F.pad(decay, (0, 0, 0, 0, 0, missing))
        b, c = F.pad(b, (0, 0, 0, missing)), F.pad(c, (0, 0, 0, missing))
    x, decay, b, c = (t.unflatten(1, (-1, chunk)) for t in (x, decay, b, c))  # (B, K, Q, …)
    decay = decay.unbind(dim=3)

    # Logarithm of what a state has left of itself after each step of a chunk that it passes.
    passed = decay[0].cumsum(dim=2)  # (B, K, Q, H)
    passed_back = None if log_decay_back is None else decay[1].flip(2).cumsum(dim=2).flip(2)
    y = _inside(x, b, c, passed, passed_back)
    for left, back in ((passed, False), (passed_back, True)):
        if left is not None:
            read = _entry_states_read(x, b, c, left, back=back)
            y = torch.addcmul(y, read, left.exp()[..., None])
    return y.flatten(1, 2)[:, :length]


def _inside(
    x: Float[Tensor, "batch chunks chunk heads head_dim"],
    b: Float[Tensor, "batch chunks chunk state"],
    c: Float[Tensor, "batch chunks chunk state"],
    passed: Float[Tensor, "batch chunks chunk heads"],
    passed_back: Float[Tensor, "batch chunks chunk heads"] | None,
) -> Float[Tensor, "batch chunks chunk heads head_dim"]:
    """What each step gets from its own chunk: attention, weakened by the decay in between."""
    scores = c @ b.transpose(-1, -2)  # (B, K, Q, Q): what a step (row) reads of another (column)
    if passed_back is not None:  # a step sees itself once in each direction
        scores = scores * (1 + torch.eye(len(scores[0, 0]), dtype=x.dtype, device=x.device))
    weight = _decay_between(passed, passed_back) * scores[:, :, None]  # (B, K, H, Q, Q)
    return (weight @ x.transpose(2, 3)).transpose(2, 3)


def _decay_between(
    passed: Float[Tensor, "batch chunks chunk heads"],
    passed_back: Float[Tensor, "batch chunks chunk heads"] | None,
) -> Float[Tensor, "batch chunks heads chunk chunk"]:
    """What step i (row) has left of step j's input (column), by the direction from j to i.

    Where none leads there, minus infinity enters before the exponential: masking its result would
    be too late, since the difference is positive there and may overflow, and zero times infinity
    has no gradient.
    """
    size = passed.shape[2]
    later = torch.ones(size, size, dtype=torch.bool, device=passed.device).triu(1)
    between = _pairwise_difference(passed)
    if passed_back is None:
        return between.masked_fill(later, -torch.inf).exp()
    return torch.where(later, _pairwise_difference(passed_back), between).exp()


def _pairwise_difference(
    passed: Float[Tensor, "batch chunks chunk heads"],
) -> Float[Tensor, "batch chunks heads chunk chunk"]:
    by_head = passed.transpose(2, 3)
    return by_head[..., :, None] - by_head[..., None, :]


def _entry_states_read(
    x: Float[Tensor, "batch chunks chunk heads head_dim"],
    b: Float[Tensor, "batch chunks chunk state"],
    c: Float[Tensor, "batch chunks chunk state"],
    passed: Float[Tensor, "batch chunks chunk heads"],
    *,
    back: bool,
) -> Float[Tensor, "batch chunks chunk heads head_dim"]:
    """What each step reads of the state that enters its chunk, as if the chunk took nothing off."""
    through = passed[:, :, :1] if back else passed[:, :, -1:]  # (B, K, 1, H): the whole chunk
    at_exit = x * (through - passed).exp()[..., None]
    added = (b.transpose(-1, -2) @ at_exit.flatten(3)).unflatten(3, x.shape[3:])
    entry = _entry_states(added, through.exp()[..., None], back=back)  # (B, K, N, H, P)
    read: Tensor = (c @ entry.flatten(3)).unflatten(3, x.shape[3:])
    return read


def _entry_states(
    added: Float[Tensor, "batch chunks state heads head_dim"],
    kept: Float[Tensor, "batch chunks 1 heads 1"],
    *,
    back: bool,
) -> Float[Tensor, "batch chunks state heads head_dim"]:
    """The state that enters each chunk: what the chunks passed before it added and kept."""
    steps = list(zip(added.unbind(1), kept.unbind(1), strict=True))
    state = torch.zeros_like(added[:, 0])
    entry = []
    for added_here, kept_here in reversed(steps) if back else steps:
        entry.append(state)
        state = torch.addcmul(added_here, kept_here, state)
    return torch.stack(entry[::-1] if back else entry, dim=1)


@dataclass(frozen=True, kw_only=True, slots=True)
class SSDConfig:
    """The shape of a block."""

    width: int
    """Channels of a token."""

    state_size: int = 16
    """Numbers that each channel of a head remembers."""

    head_dim: int = 32
    """Channels that share a decay."""

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
            if getattr(self, name) < 1:
                raise SettingError(f"{name} must be positive, got {getattr(self, name)}")
        if self.width * self.expand % self.head_dim:
            raise SettingError(
                f"expand * width = {self.width * self.expand} is not a multiple of "
                f"head_dim = {self.head_dim}"
            )
        if self.conv_size % 2 == 0:
            raise SettingError(f"conv_size must be odd, got {self.conv_size}")


class SSDBlock(nn.Module):
    """Pre-norm residual block: short convolution, state-space layer, gate.

    Initialised as the reference implementation of Mamba-2 does: rates of decay uniform between 1
    and 16, step sizes log-uniform between 0.001 and 0.1, so that heads forget within anything from
    one step to a thousand; the direct path from input to output starts at 1.
    """

    def __init__(self, config: SSDConfig) -> None:
        super().__init__()
        self.config = config
        inner = config.width * config.expand
        num_heads = inner // config.head_dim
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
        gate, mixed, step = self.into(self.norm(tokens)).split(self.sizes, dim=-1)
        if valid is not None:
            mixed = mixed.masked_fill(~valid[..., None], 0)
        x, b, c = F.silu(self.conv(mixed)).split([inner, state, state], dim=-1)
        step = F.softplus(step + self.step_bias)  # (B, T, H)
        if valid is not None:
            step = step.masked_fill(~valid[..., None], 0)
        heads = x.unflatten(-1, (-1, config.head_dim))  # (B, T, H, P)
        log_decays = [-step * rate for rate in self.log_rate.exp()]
        y = ssd(
            heads * step[..., None],
            log_decays[0],
            b,
            c,
            chunk=config.chunk,
            log_decay_back=log_decays[1] if config.bidirectional else None,
        )
        y = torch.addcmul(y, heads, self.skip[:, None]).flatten(2)
        update = self.dropout(self.out(self.out_norm(y * F.silu(gate))))
        if valid is not None:
            update = update.masked_fill(~valid[..., None], 0)
        changed: Tensor = tokens + update
        return changed
