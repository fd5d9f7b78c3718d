"""The anchor: what an encoder told of sound before it was trained, it goes on telling.

An encoder with random weights is a description of sound that many tasks can use, because nobody has
decided yet what matters. Training without labels decides: the variance of the embeddings moves into
the few directions that the objective asks for, and what it does not ask for fades, the rhythm of an
extrasystole for instance. So a copy of the encoder as it began stays beside it, is never trained,
and a linear layer tells from each embedding what that copy makes of the same window, before noise,
gain and masks. What is linear in the one stays linear in the other.

Source:
    Chiu et al., "Self-supervised Learning with Random-projection Quantizer for Speech Recognition",
    ICML 2022: targets from a network that is random and is not trained. Theirs are codes of
    spectra; these are the embeddings themselves.
    Li, Grandvalet and Davoine, "Explicit Inductive Bias for Transfer Learning with Convolutional
    Networks", ICML 2018: to stay near where one began, there in the weights.
"""

import copy
from collections.abc import Sequence

import numpy as np
import torch
from jaxtyping import Float, Int64
from torch import Tensor, nn
from torch.nn import functional as F

from pahcl_core.models.encoder import Embeddings, Encoder
from pahcl_core.training.windows import Windows, WindowSource, in_order

_CYCLES_FOR_SPREAD = 512
_BATCH_SIZE = 256
_LEAST_SPREAD = 1e-3  # of a number that hardly varies: what differs by less is no error


class Anchor(nn.Module):
    """A copy of an encoder as it begins, and a linear layer that tells what it says.

    The copy is no part of `state_dict`: whoever goes on with a training begins with the same seed,
    and so with the same copy.
    """

    def __init__(
        self, encoder: Encoder, source: WindowSource, cycles: Int64[np.ndarray, "cycles"]
    ) -> None:
        """Copy the encoder as it is now.

        Args:
            encoder: Stays as it is.
            source: Where the sound is.
            cycles: What is trained on: it says how much each number of an embedding varies.
        """
        super().__init__()
        size = encoder.config.embedding_size
        self.heads = nn.ModuleDict({"anchor": nn.Linear(size, size)})
        self._copy = (copy.deepcopy(encoder).eval().requires_grad_(False),)  # hidden from Module
        step = max(1, len(cycles) // _CYCLES_FOR_SPREAD)
        said = torch.cat(
            [self._said(source[batch]) for batch in in_order(cycles[::step], _BATCH_SIZE)]
        )
        self._mean = said.mean(dim=0)
        correction = min(1, len(said) - 1)  # one cycle alone varies by nothing
        self._spread = said.std(dim=0, correction=correction).clamp(min=_LEAST_SPREAD)

    def _said(self, windows: Windows) -> Float[Tensor, "batch embedding"]:
        """By the copy."""
        with torch.no_grad():
            embeddings: Embeddings = self._copy[0](*windows)
        return embeddings.cycle

    def targets(self, clean: Windows) -> Float[Tensor, "batch embedding"]:
        """What the copy says of each cycle, in spreads above what is usual."""
        return (self._said(clean) - self._mean) / self._spread

    def forward(
        self, embeddings: Sequence[Embeddings], clean: Sequence[Windows]
    ) -> Float[Tensor, "batch"]:
        """How far off each cycle is, in units of each number's spread, over both views.

        Args:
            embeddings: Of the two views.
            clean: Each view before noise, gain and masks.
        """
        loss = torch.zeros(len(embeddings[0].cycle), device=embeddings[0].cycle.device)
        for embedded, windows in zip(embeddings, clean, strict=True):
            told = self.heads["anchor"](embedded.cycle)
            error = F.smooth_l1_loss(told, self.targets(windows), reduction="none")
            loss = loss + error.mean(dim=1)
        return loss / len(clean)
