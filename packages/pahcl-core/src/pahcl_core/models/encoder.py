"""The encoders: from a window of sound to one embedding for the cycle and one for each phase.

Letters for shapes: B batch, N samples, T tokens, D width.

A tensor travels top to bottom: a front-end turns samples into tokens, `SAMPLES_PER_TOKEN` samples
each; blocks let tokens see one another; the tokens of each phase are pooled; the four results side
by side are the embedding. What encoders differ in is in `models.kinds`; the rest they share.

What is unusual: phases are pooled apart, because what tells a murmur from none is *where in the
cycle* the energy lies. On 190 patients of CirCor, with everything else equal, one average over
the whole cycle told them apart far worse than four (`benchmarks/pooling.py`).
"""

from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import torch
from jaxtyping import Bool, Float, Int64
from torch import Tensor, nn

from pahcl_core.models.kinds import PARTS, SIZES, EncoderName, Size
from pahcl_core.models.pooling import NUM_PHASES, by_phase, equal_spans
from pahcl_core.models.sizes import DEFAULT, DEFAULT_NAME, DEFAULT_SIZE


@dataclass(frozen=True, kw_only=True, slots=True)
class EncoderConfig:
    """The size and shape of an encoder; stored in its checkpoints.

    `encoder_config` makes one of a size, and `--set encoder.size=small` is the same for a run.
    """

    name: EncoderName = DEFAULT_NAME
    """Which one; see `models.kinds`."""

    width: int = DEFAULT.width
    """Channels of a token; an embedding has as many for each phase that is pooled apart."""

    num_blocks: int = DEFAULT.num_blocks
    """Blocks after the front-end, pairs of them in `sinc_mamba`; 0 for `resnet34_1d`, whose are
    fixed."""

    state_size: int = DEFAULT.state_size
    """Of each head of a state-space block; 0 for an encoder without such blocks."""

    window_s: float = 1.0
    """How much sound the encoder is shown from the onset of S1 on, in seconds."""

    dropout: float = 0.1
    """Inside the blocks."""

    pool: Literal["phases", "cycle"] = "phases"
    """Pool the tokens of each phase apart, or those of the whole cycle at once."""

    def __post_init__(self) -> None:
        if self.width < 16 or self.width % 16:
            raise ValueError(f"width must be a positive multiple of 16, got {self.width}")
        if self.num_blocks < 0:
            raise ValueError(f"num_blocks must be at least 0, got {self.num_blocks}")
        usual = SIZES[self.name][DEFAULT_SIZE]
        if self.num_blocks and not usual.num_blocks:
            raise ValueError(
                f"num_blocks must be 0 for {self.name}, whose blocks are fixed, "
                f"got {self.num_blocks}"
            )
        has_states = usual.state_size > 0
        if has_states and self.state_size < 1:
            raise ValueError(f"state_size must be at least 1, got {self.state_size}")
        if not has_states and self.state_size:
            raise ValueError(
                f"state_size must be 0 for {self.name}, which has no state-space blocks, "
                f"got {self.state_size}"
            )
        if not 0 <= self.dropout < 1:
            raise ValueError(f"dropout must be at least 0 and below 1, got {self.dropout}")
        if self.window_s <= 0:
            raise ValueError(f"window_s must be positive, got {self.window_s}")

    @property
    def embedding_size(self) -> int:
        """How many numbers the embedding of a cycle has."""
        return self.width * (NUM_PHASES if self.pool == "phases" else 1)


def encoder_config(
    name: EncoderName,
    size: Size,
    **settings: Any,  # noqa: ANN401  whatever the fields are
) -> EncoderConfig:
    """The settings of an encoder of that size; those given by name replace the size's."""
    return EncoderConfig(name=name, **{**SIZES[name][size]._asdict(), **settings})


class Embeddings(NamedTuple):
    """What an encoder makes of a batch of windows."""

    cycle: Float[Tensor, "batch embedding"]
    """`EncoderConfig.embedding_size` numbers: of the phases in turn, the whole cycle standing in
    for those that nothing is known of."""

    phases: Float[Tensor, "batch phases width"]
    """Of S1, systole, S2, diastole; zero where a phase is unknown or no token is centred in it."""

    phase_valid: Bool[Tensor, "batch phases"]
    """Where `phases` holds something."""

    parts: Float[Tensor, "batch parts width"]
    """Of as many equal parts of the cycle as were asked for; zero where no token is centred in one.
    They are beside the embedding, not in it."""

    part_valid: Bool[Tensor, "batch parts"]
    """Where `parts` holds something."""

    tokens: Float[Tensor, "batch time width"]
    """What all of these are pooled from."""


class Encoder(nn.Module):
    """The encoder that its settings name."""

    def __init__(self, config: EncoderConfig, *, sample_rate: float) -> None:
        """Make one with random weights.

        Args:
            config: Which, and how large.
            sample_rate: Of the windows, in hertz; `sinc_mamba` places its bands by it.

        Raises:
            SettingError: If the encoder cannot work at that rate.
        """
        super().__init__()
        self.config = config
        self.front_end, blocks, pooling = PARTS[config.name](config, sample_rate)
        self.blocks = nn.ModuleList(blocks)
        self.norm = nn.LayerNorm(config.width)
        self.pooling = pooling

    def forward(
        self,
        samples: Float[Tensor, "batch samples"],
        bounds: Int64[Tensor, "batch 5"],
        *,
        num_parts: int = 0,
        hidden: Bool[Tensor, "batch time"] | None = None,
    ) -> Embeddings:
        """Embed cycles.

        Args:
            samples: Windows that start at, or shortly before, the onset of S1.
            bounds: Onsets of the four phases and the end of the cycle, in samples from the start
                of the window; the first four equal where phases are unknown.
            num_parts: Equal parts of each cycle to pool as well, of the same tokens; they need no
                phases.
            hidden: Tokens that the blocks are not shown, zero in their place; None for none. Where
                there are no blocks, as in `resnet34_1d`, nothing could fill the gaps, and there
                are none.
        """
        # In half precision, what blocks add to keeps its digits; a norm wants them, too.
        tokens = self.front_end(samples).to(samples.dtype)
        if hidden is not None and len(self.blocks) > 0:
            tokens = tokens.masked_fill(hidden[:, :, None], 0.0)
        for block in self.blocks:
            tokens = block(tokens)
        tokens = self.norm(tokens)  # (B, T, D)

        found = by_phase(self.pooling, tokens, bounds)
        pooled = found.whole if self.config.pool == "cycle" else found.filled
        parts, part_valid = self._equal_parts(tokens, bounds, num_parts)
        return Embeddings(pooled.flatten(1), found.phases, found.valid, parts, part_valid, tokens)

    def _equal_parts(
        self,
        tokens: Float[Tensor, "batch time width"],
        bounds: Int64[Tensor, "batch 5"],
        num_parts: int,
    ) -> tuple[Float[Tensor, "batch parts width"], Bool[Tensor, "batch parts"]]:
        """The tokens of each part, pooled, and whether there are any."""
        if num_parts == 0:  # pooling attentively would score every token first
            none = tokens.new_zeros(tokens.shape[0], 0, tokens.shape[2])
            return none, none.new_zeros(none.shape[:2], dtype=torch.bool)
        pooled: tuple[Tensor, Tensor] = self.pooling(
            tokens, *equal_spans(bounds[:, 0], bounds[:, -1], num_parts)
        )
        return pooled
