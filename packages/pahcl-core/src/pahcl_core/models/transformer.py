"""A layer of self-attention over tokens, and where they are.

Vaswani et al., "Attention Is All You Need", NeurIPS 2017; normalised before each part, as in Xiong
et al., "On Layer Normalization in the Transformer Architecture", ICML 2020.

Letters for shapes: B batch, T time, H heads, P channels of a head.
"""

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

NUM_HEADS = 4


class Positions(nn.Module):
    """Adds to each token sines and cosines of its place, whatever the number of tokens."""

    def forward(
        self, tokens: Float[Tensor, "batch time width"]
    ) -> Float[Tensor, "batch time width"]:
        """Tokens that know where they are."""
        _, length, width = tokens.shape
        place = torch.arange(length, dtype=tokens.dtype, device=tokens.device)
        pair = torch.arange(0, width, 2, dtype=tokens.dtype, device=tokens.device)
        angle = place[:, None] * 10_000 ** (-pair / width)  # (T, D/2)
        return tokens + torch.stack([angle.sin(), angle.cos()], dim=2).flatten(1)


class TransformerLayer(nn.Module):
    """Pre-norm residual layer: attention over all tokens, then two layers on each token."""

    def __init__(self, width: int, *, dropout: float = 0.0) -> None:
        super().__init__()
        self.attention_norm = nn.LayerNorm(width)
        self.into = nn.Linear(width, 3 * width)
        self.attended = nn.Linear(width, width)
        self.norm = nn.LayerNorm(width)
        self.hidden = nn.Linear(width, 4 * width)
        self.out = nn.Linear(4 * width, width)
        self.dropout = nn.Dropout(dropout)

    def forward(
        self, tokens: Float[Tensor, "batch time width"]
    ) -> Float[Tensor, "batch time width"]:
        """Mix tokens over the whole window."""
        parts = self.into(self.attention_norm(tokens)).unflatten(2, (3, NUM_HEADS, -1))
        query, key, value = parts.permute(2, 0, 3, 1, 4)  # each (B, H, T, P)
        heard = F.scaled_dot_product_attention(query, key, value).transpose(1, 2).flatten(2)
        tokens = tokens + self.dropout(self.attended(heard))
        update = self.out(F.gelu(self.hidden(self.norm(tokens))))
        changed: Tensor = tokens + self.dropout(update)
        return changed
