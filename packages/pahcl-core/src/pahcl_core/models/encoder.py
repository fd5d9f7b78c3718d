"""The encoder: from a window of sound to one embedding for the cycle and one for each phase.

Letters for shapes: B batch, N samples, T tokens, C channels, D width.

A tensor travels top to bottom: a convolutional front-end turns samples into tokens, 16 ms
each; state-space blocks let every token see the whole window in both directions; the
tokens of each phase are averaged; the four averages side by side become the embedding.

What is unusual: phases are pooled apart, because what tells a murmur from none is *where in the
cycle* the energy lies. On 190 patients of CirCor, with everything else equal, one average over
the whole cycle told them apart far worse than four (`benchmarks/pooling.py`).
"""

from dataclasses import dataclass
from typing import Literal, NamedTuple

import torch
from jaxtyping import Bool, Float, Int64
from torch import Tensor, nn
from torch.nn import functional as F

from pahcl_core.models.ssd import SSDBlock, SSDConfig

SAMPLES_PER_TOKEN = 32


@dataclass(frozen=True, kw_only=True, slots=True)
class EncoderConfig:
    """The size and shape of an encoder; stored in its checkpoints."""

    name: Literal["cnn_mamba"] = "cnn_mamba"
    """Convolutional front-end, then Mamba-2 blocks."""

    width: int = 64
    """Channels of a token, and the size of an embedding."""

    num_blocks: int = 2
    """State-space blocks."""

    state_size: int = 16
    """Of each head of a block."""

    window_s: float = 1.0
    """How much sound the encoder is shown from the onset of S1 on, in seconds."""

    dropout: float = 0.1
    """Inside the blocks."""

    pool: Literal["phases", "cycle"] = "phases"
    """Average the tokens of each phase, or those of the whole cycle at once."""

    def __post_init__(self) -> None:
        if self.width < 16 or self.width % 16:
            raise ValueError(f"width must be a positive multiple of 16, got {self.width}")
        if self.num_blocks < 0:
            raise ValueError(f"num_blocks must be at least 0, got {self.num_blocks}")
        if self.state_size < 1:
            raise ValueError(f"state_size must be at least 1, got {self.state_size}")
        if not 0 <= self.dropout < 1:
            raise ValueError(f"dropout must be at least 0 and below 1, got {self.dropout}")
        if self.window_s <= 0:
            raise ValueError(f"window_s must be positive, got {self.window_s}")


class Embeddings(NamedTuple):
    """What an encoder makes of a batch of windows."""

    cycle: Float[Tensor, "batch width"]
    phases: Float[Tensor, "batch phases width"]
    """Of S1, systole, S2, diastole; zero where a phase is unknown or no token is centred in it."""

    phase_valid: Bool[Tensor, "batch phases"]
    """Where `phases` holds something."""


class FrontEnd(nn.Module):
    """Samples to tokens: three convolutions, `SAMPLES_PER_TOKEN` samples to the token."""

    def __init__(self, width: int) -> None:
        super().__init__()
        half = width // 2
        self.first = nn.Conv1d(1, half, kernel_size=16, stride=4, padding=6)
        self.first_norm = nn.BatchNorm1d(half)
        self.second = nn.Conv1d(half, width, kernel_size=16, stride=8, padding=4)
        self.second_norm = nn.BatchNorm1d(width)
        self.third = nn.Conv1d(width, width, kernel_size=3, padding=1)

    def forward(self, samples: Float[Tensor, "batch samples"]) -> Float[Tensor, "batch time width"]:
        """Tokens, one per `SAMPLES_PER_TOKEN` samples; what is left over at the end is cut off."""
        x = samples[:, None]  # (B, 1, N)
        x = F.gelu(self.first_norm(self.first(x)))  # (B, D/2, N/4)
        x = F.gelu(self.second_norm(self.second(x)))  # (B, D, N/32)
        return F.gelu(self.third(x)).transpose(1, 2)


class Encoder(nn.Module):
    """`cnn_mamba`."""

    def __init__(self, config: EncoderConfig) -> None:
        super().__init__()
        self.config = config
        self.front_end = FrontEnd(config.width)
        block = SSDConfig(width=config.width, state_size=config.state_size, dropout=config.dropout)
        self.blocks = nn.ModuleList(SSDBlock(block) for _ in range(config.num_blocks))
        self.norm = nn.LayerNorm(config.width)
        parts = 4 if config.pool == "phases" else 1
        self.merge = nn.Linear(parts * config.width, config.width)

    def forward(
        self,
        samples: Float[Tensor, "batch samples"],
        bounds: Int64[Tensor, "batch 5"],
    ) -> Embeddings:
        """Embed cycles.

        Args:
            samples: Windows that start at, or shortly before, the onset of S1.
            bounds: Onsets of the four phases and the end of the cycle, in samples from the start
                of the window; the first four equal where phases are unknown.
        """
        tokens = self.front_end(samples)
        for block in self.blocks:
            tokens = block(tokens)
        tokens = self.norm(tokens)  # (B, T, D)

        start, stop = bounds[:, :-1], bounds[:, 1:]  # (B, 4)
        known = (stop > start).all(dim=1, keepdim=True)
        phases, reached = mean_between(tokens, start, stop)
        phase_valid = known & reached
        phases = phases * phase_valid[:, :, None]
        whole, _ = mean_between(tokens, bounds[:, :1], bounds[:, -1:])  # (B, 1, D)
        if self.config.pool == "cycle":
            pooled = whole.flatten(1)
        else:  # the whole cycle stands in for a phase that nothing is known of
            pooled = torch.where(phase_valid[:, :, None], phases, whole).flatten(1)
        return Embeddings(F.gelu(self.merge(pooled)), phases, phase_valid)


def mean_between(
    tokens: Float[Tensor, "batch time width"],
    start: Int64[Tensor, "batch spans"],
    stop: Int64[Tensor, "batch spans"],
) -> tuple[Float[Tensor, "batch spans width"], Bool[Tensor, "batch spans"]]:
    """The mean of the tokens whose centre lies in each span, and whether there is any.

    Args:
        tokens: One per `SAMPLES_PER_TOKEN` samples.
        start: First sample of each span.
        stop: One past its last sample.
    """
    centre = (torch.arange(tokens.shape[1], device=tokens.device) + 0.5) * SAMPLES_PER_TOKEN
    inside = (centre >= start[:, :, None]) & (centre < stop[:, :, None])  # (B, spans, T)
    count = inside.sum(dim=2)
    weight = inside.to(tokens.dtype) / count.clamp(min=1)[:, :, None]
    return weight @ tokens, count > 0
