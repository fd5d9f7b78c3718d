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
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn
from torch.nn import functional as F

from pahcl_core.errors import SettingError
from pahcl_core.models.depthwise import DepthwiseConv

_LEAST_LOG_DECAY = -30.0
_EPSILON = 1e-5  # of the norms
_MOST_HEAD_DIM, _FEWEST_HEADS = 64, 4


def ssd(
    x: Float[Tensor, "batch time heads head_dim"],
    log_decay: Float[Tensor, "batch time heads"],
    b: Float[Tensor, "batch time state"],
    c: Float[Tensor, "batch time state"],
    *,
    chunk: int = 32,
    log_decay_back: Float[Tensor, "batch time heads"] | None = None,
    log_step: Float[Tensor, "batch time heads"] | None = None,
    skip: Float[Tensor, "heads"] | None = None,
) -> Float[Tensor, "batch time heads head_dim"]:
    """The recurrence above, from a state of zero.

    Args:
        x: Input.
        log_decay: Natural logarithm of what each step keeps of the state before it; at most 0.
            Below -30 it counts as -30 (a factor of 1e-13), which bounds the rounding of sums.
        b: How the input enters the state; shared by all heads.
        c: How the output is read from the state; shared by all heads.
        chunk: Steps treated as one matrix product; changes speed and memory, not the result.
        log_decay_back: If given, the output of the same recurrence run from the last step to the
            first, with these decays, is added.
        log_step: Natural logarithm of what the input is multiplied by before it enters, 0 if not
            given; minus infinity where nothing is to enter. It is added to logarithms that are
            there anyway, which spares the product.
        skip: If given, so many times the input, as it is, is added to the output of each head; on
            the diagonal of a matrix that is there anyway.

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
        log_step = None if log_step is None else F.pad(log_step, (0, 0, 0, missing))
    x, decay, b, c = (t.unflatten(1, (-1, chunk)) for t in (x, decay, b, c))  # (B, K, Q, …)
    decay = decay.unbind(dim=3)
    step = None if log_step is None else log_step.unflatten(1, (-1, chunk))

    ways = [_Way.of(decay[0].cumsum(dim=2), step, back=False)]
    if log_decay_back is not None:
        ways.append(_Way.of(decay[1].flip(2).cumsum(dim=2).flip(2), step, back=True))
    y = _inside(x, b, c, ways, skip)
    for way in ways:
        read = _entry_states_read(x, b, c, way)
        y = torch.addcmul(y, read, way.passed.exp()[..., None])
    return y.flatten(1, 2)[:, :length]


class _Way(NamedTuple):
    """One direction, in logarithms."""

    passed: Float[Tensor, "batch chunks chunk heads"]
    """What a state has left of itself after each step of a chunk that it passes."""

    entered: Float[Tensor, "batch chunks chunk heads"]
    """What an input is multiplied by, and divided by what was left by then: a later step has the
    sum of both of it."""

    back: bool

    @classmethod
    def of(cls, passed: Tensor, step: Tensor | None, *, back: bool) -> "_Way":
        return cls(passed, -passed if step is None else step - passed, back)


def _inside(
    x: Float[Tensor, "batch chunks chunk heads head_dim"],
    b: Float[Tensor, "batch chunks chunk state"],
    c: Float[Tensor, "batch chunks chunk state"],
    ways: Sequence[_Way],
    skip: Float[Tensor, "heads"] | None,
) -> Float[Tensor, "batch chunks chunk heads head_dim"]:
    """What each step gets from its own chunk: attention, weakened by the decay in between."""
    scores = c @ b.transpose(-1, -2)  # (B, K, Q, Q): what a step (row) reads of another (column)
    itself = torch.eye(scores.shape[-1], dtype=x.dtype, device=x.device)
    if len(ways) == 2:  # a step sees itself once in each direction
        scores = scores * (1 + itself)
    decay = _decay_between(ways)
    if skip is None:
        weight = decay * scores[:, :, None]  # (B, K, H, Q, Q)
    else:
        weight = torch.addcmul(itself * skip[:, None, None], decay, scores[:, :, None])
    return (weight @ x.transpose(2, 3)).transpose(2, 3)


def _decay_between(ways: Sequence[_Way]) -> Float[Tensor, "batch chunks heads chunk chunk"]:
    """What step i (row) has left of step j's input (column), by the direction from j to i.

    Where none leads there, minus infinity enters before the exponential: masking its result would
    be too late, since the difference is positive there and may overflow, and zero times infinity
    has no gradient.
    """
    size, device = ways[0].passed.shape[2], ways[0].passed.device
    later = torch.ones(size, size, dtype=torch.bool, device=device).triu(1)
    between = [
        way.passed.transpose(2, 3)[..., :, None] + way.entered.transpose(2, 3)[..., None, :]
        for way in ways
    ]
    if len(ways) == 1:
        return between[0].masked_fill(later, -torch.inf).exp()
    return torch.where(later, between[1], between[0]).exp()


def _entry_states_read(
    x: Float[Tensor, "batch chunks chunk heads head_dim"],
    b: Float[Tensor, "batch chunks chunk state"],
    c: Float[Tensor, "batch chunks chunk state"],
    way: _Way,
) -> Float[Tensor, "batch chunks chunk heads head_dim"]:
    """What each step reads of the state that enters its chunk, as if the chunk took nothing off."""
    last = slice(None, 1) if way.back else slice(-1, None)
    through = way.passed[:, :, last]  # (B, K, 1, H): the whole chunk
    at_exit = x * (through + way.entered).exp()[..., None]
    added = (b.transpose(-1, -2) @ at_exit.flatten(3)).unflatten(3, x.shape[3:])
    entry = _entry_states(added, through.exp()[..., None], back=way.back)  # (B, K, N, H, P)
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
        gate, x, rest = self._entered(self.norm(tokens))
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
        update = self.dropout(self.out(self.out_norm(y.flatten(2) * F.silu(gate))))
        if valid is not None:
            update = update.masked_fill(~valid[..., None], 0)
        changed: Tensor = tokens + update
        return changed

    def _entered(self, tokens: Float[Tensor, "batch time width"]) -> list[Tensor]:
        """Gate, input, and what is left: `b`, `c` and the step.

        By three products and not one: its gradient would be put together of theirs, in a copy.
        """
        inner, mixed, num_heads = self.sizes
        parts = self.into.weight.split([inner, inner, mixed - inner + num_heads])
        return [F.linear(tokens, part) for part in parts]
