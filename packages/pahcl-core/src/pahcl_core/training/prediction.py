"""Masked prediction: what an encoder is not shown, it has to expect from the rest of the beat.

Some stretches of tokens are hidden between the front-end and the blocks. From the tokens that come
out, two linear layers tell

- how loud each band is around each token, the hidden ones and the others;
- how loud each band is on average in each phase of the *other* view, from the embedding of the
  cycle. Where that is another beat of the same recording, what can be told is what the beats have
  in common: the heart, and not the noise.

Both are compared with the sound as it was before noise, gain and masks, in units of the spread of
each band over the cycles that are trained on, by the smooth L1 loss.

Source:
    He et al., "Masked Autoencoders Are Scalable Vision Learners", CVPR 2022: to hide and predict.
    Niizumi et al., "Masked Modeling Duo", IEEE/ACM TASLP 2024, doi:10.1109/TASLP.2024.3389636, and
    its use on heart sounds, arXiv:2404.17107.
    Girshick, "Fast R-CNN", ICCV 2015, equation 3: the smooth L1 loss.
"""

import math
from collections.abc import Sequence

import numpy as np
import torch
from jaxtyping import Bool, Float, Int64
from torch import Tensor, nn
from torch.nn import functional as F

from pahcl_core.models.band_energies import BandEnergies
from pahcl_core.models.encoder import Embeddings
from pahcl_core.models.front_end import SAMPLES_PER_TOKEN
from pahcl_core.models.pooling import by_phase, mean_between
from pahcl_core.training.draws import Draw, Purpose, uniforms
from pahcl_core.training.windows import Windows, WindowSource

NUM_BANDS = 16
"""Four to the octave in the default pass band."""

_VISIBLE_WEIGHT = 0.5  # of a token that was not hidden; a hidden one counts 1
_CYCLES_FOR_SPREAD = 2048


class Prediction(nn.Module):
    """Two linear layers on an encoder, and what they have to tell."""

    def __init__(
        self,
        source: WindowSource,
        cycles: Int64[np.ndarray, "cycles"],
        *,
        width: int,
        hidden_share: float,
        hidden_s: float,
    ) -> None:
        """Measure the bands, and make the layers.

        Args:
            source: Where the sound is.
            cycles: What is trained on: it says how loud a band usually is, and how that varies.
            width: Of the encoder's tokens and embeddings.
            hidden_share: Of the tokens, to be hidden; a little less where stretches overlap.
            hidden_s: Length of a stretch, in seconds.
        """
        super().__init__()
        self.heads = nn.ModuleDict(
            {"bands": nn.Linear(width, NUM_BANDS), "phase_bands": nn.Linear(width, 4 * NUM_BANDS)}
        )
        self._energies = BandEnergies(
            NUM_BANDS, band_hz=source.band_hz, sample_rate=source.sample_rate
        ).to(source.device)
        self._num_tokens = source.num_samples // SAMPLES_PER_TOKEN
        longest = max(1, self._num_tokens - 1)  # something is always left to tell it from
        self._stretch = min(
            longest, max(1, round(hidden_s * source.sample_rate / SAMPLES_PER_TOKEN))
        )
        self._num_stretches = math.ceil(hidden_share * self._num_tokens / self._stretch)
        self._mean, self._spread = self._usual(source, cycles)

    def _usual(
        self, source: WindowSource, cycles: Int64[np.ndarray, "cycles"]
    ) -> tuple[Float[Tensor, "bands"], Float[Tensor, "bands"]]:
        """Mean and spread of each band."""
        step = max(1, len(cycles) // _CYCLES_FOR_SPREAD)
        energies = self._energies(source[cycles[::step]].samples).flatten(0, 1)
        return energies.mean(dim=0), energies.std(dim=0).clamp(min=1e-3)

    def hidden(self, cycle: Int64[Tensor, "batch"], draw: Draw) -> Bool[Tensor, "batch time"]:
        """Which tokens of these cycles are not shown; a function of the draw and the cycle."""
        place = torch.arange(self._num_tokens, device=cycle.device)
        hidden = torch.zeros(len(cycle), self._num_tokens, dtype=torch.bool, device=cycle.device)
        starts = uniforms(draw.streams(cycle)[:, Purpose.HIDDEN], self._num_stretches)
        starts = (starts * (self._num_tokens - self._stretch + 1)).long()
        for start in starts.unbind(dim=1):
            since = place - start[:, None]
            hidden |= (since >= 0) & (since < self._stretch)
        return hidden

    def targets(self, clean: Windows) -> Float[Tensor, "batch time bands"]:
        """How loud each band is around each token, in spreads above what is usual."""
        energies: Tensor = self._energies(clean.samples)
        return (energies - self._mean) / self._spread

    def forward(
        self,
        embeddings: Sequence[Embeddings],
        hidden: Sequence[Bool[Tensor, "batch time"]],
        clean: Sequence[Windows],
    ) -> Float[Tensor, "batch"]:
        """How far off each cycle is, in units of a band's spread, over both views and both kinds.

        Args:
            embeddings: Of the two views.
            hidden: What each was not shown.
            clean: Each view before noise, gain and masks, its bounds included.
        """
        targets = [self.targets(one) for one in clean]
        loss = torch.zeros(len(targets[0]), device=targets[0].device)
        for view, (embedded, unseen) in enumerate(zip(embeddings, hidden, strict=True)):
            told = self.heads["bands"](embedded.tokens)
            error = F.smooth_l1_loss(told, targets[view], reduction="none").mean(dim=2)
            weight = torch.where(unseen, 1.0, _VISIBLE_WEIGHT)
            loss = loss + (error * weight).sum(dim=1) / weight.sum(dim=1)

            expected = self.heads["phase_bands"](embedded.cycle)
            other = phase_means(targets[1 - view], clean[1 - view].bounds).flatten(1)
            loss = loss + F.smooth_l1_loss(expected, other, reduction="none").mean(dim=1)
        return loss / 2


def phase_means(
    values: Float[Tensor, "batch time bands"], bounds: Int64[Tensor, "batch 5"]
) -> Float[Tensor, "batch 4 bands"]:
    """The mean over each phase; that over the whole cycle where a phase is unknown or empty."""
    return by_phase(mean_between, values, bounds).filled
