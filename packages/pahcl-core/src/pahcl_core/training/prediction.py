"""Masked prediction: what an encoder is not shown, it has to expect from the rest of the beat.

Some stretches of tokens are hidden between the front-end and the blocks. From what comes out, three
linear layers tell how loud each band is

- around each token, the hidden ones and the others, from the token;
- on average in each phase of the *other* view, from the embedding of the cycle. Where that is
  another beat of the same recording, what can be told is what the beats have in common: the heart,
  and not the noise. Systole and diastole are told in thirds, as physicians speak of early, mid and
  late murmurs;
- throughout its own window, 32 ms at a time, from the embedding: the shape of this beat, and when
  the next one comes.

The embedding is what later tasks are given, so most of the weight is on what is told from it.

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

from pahcl_core.errors import SettingError
from pahcl_core.models.band_energies import BandEnergies
from pahcl_core.models.encoder import Embeddings, EncoderConfig
from pahcl_core.models.front_end import SAMPLES_PER_TOKEN
from pahcl_core.models.pooling import by_phase, equal_spans, mean_between
from pahcl_core.training.draws import Draw, Purpose, uniforms
from pahcl_core.training.windows import Windows, WindowSource

NUM_BANDS = 16
"""Four to the octave in the default pass band."""

_TOKEN_WEIGHT = 0.3  # beside 1 for each of the two that an embedding tells
_VISIBLE_WEIGHT = 0.5  # of a token that was not hidden; a hidden one counts 1
_CYCLES_FOR_SPREAD = 2048
_THIRDS = 3
_NUM_SPANS = 2 + 2 * _THIRDS
_TOKENS_TOGETHER = 2  # in what is told of a window


class Prediction(nn.Module):
    """Three linear layers on an encoder, and what they have to tell."""

    def __init__(
        self,
        source: WindowSource,
        cycles: Int64[np.ndarray, "cycles"],
        encoder: EncoderConfig,
        *,
        hidden_share: float,
        hidden_s: float,
    ) -> None:
        """Measure the bands, and make the layers.

        Args:
            source: Where the sound is.
            cycles: What is trained on: it says how loud a band usually is, and how that varies.
            encoder: What makes tokens and embeddings.
            hidden_share: Of the tokens, to be hidden; a little less where stretches overlap.
            hidden_s: Length of a stretch, in seconds.

        Raises:
            SettingError: If a window is too short to tell anything of.
        """
        super().__init__()
        self._num_tokens = source.num_samples // SAMPLES_PER_TOKEN
        if self._num_tokens < _TOKENS_TOGETHER:
            raise SettingError(
                f"a window of {source.num_samples} samples is too short to predict: "
                f"encoder.window_s must be at least "
                f"{_TOKENS_TOGETHER * SAMPLES_PER_TOKEN / source.sample_rate:g}"
            )
        self.heads = nn.ModuleDict(
            {
                "bands": nn.Linear(encoder.width, NUM_BANDS),
                "phase_bands": nn.Linear(encoder.embedding_size, _NUM_SPANS * NUM_BANDS),
                "window_bands": nn.Linear(
                    encoder.embedding_size, self._num_tokens // _TOKENS_TOGETHER * NUM_BANDS
                ),
            }
        )
        self._energies = BandEnergies(
            NUM_BANDS, band_hz=source.band_hz, sample_rate=source.sample_rate
        ).to(source.device)
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
        """How far off each cycle is, in units of a band's spread, over both views.

        Args:
            embeddings: Of the two views.
            hidden: What each was not shown.
            clean: Each view before noise, gain and masks, its bounds included.
        """
        targets = [self.targets(one) for one in clean]
        loss = torch.zeros(len(targets[0]), device=targets[0].device)
        for view, (embedded, unseen) in enumerate(zip(embeddings, hidden, strict=True)):
            own, other = targets[view], phase_means(targets[1 - view], clean[1 - view].bounds)
            error = _error(self.heads["bands"](embedded.tokens), own)
            weight = torch.where(unseen, 1.0, _VISIBLE_WEIGHT)
            loss = loss + _TOKEN_WEIGHT * (error * weight).sum(dim=1) / weight.sum(dim=1)
            loss = loss + _error(self.heads["phase_bands"](embedded.cycle), other.flatten(1))
            loss = loss + _error(self.heads["window_bands"](embedded.cycle), in_pairs(own))
        return loss / 2


def _error(told: Float[Tensor, "*rows told"], true: Float[Tensor, "*rows told"]) -> Tensor:
    """Smooth L1, averaged over the last axis."""
    return F.smooth_l1_loss(told, true, reduction="none").mean(dim=-1)


def phase_means(
    values: Float[Tensor, "batch time bands"], bounds: Int64[Tensor, "batch 5"]
) -> Float[Tensor, "batch 8 bands"]:
    """The means over S1, each third of systole, S2, and each third of diastole.

    That over the whole cycle where phases are unknown, or no token is centred in one.
    """
    systole, _ = equal_spans(bounds[:, 1], bounds[:, 2], _THIRDS)
    diastole, _ = equal_spans(bounds[:, 3], bounds[:, 4], _THIRDS)
    borders = torch.cat([bounds[:, :1], systole, bounds[:, 2:3], diastole, bounds[:, 4:]], dim=1)
    return by_phase(mean_between, values, borders).filled


def in_pairs(values: Float[Tensor, "batch time bands"]) -> Float[Tensor, "batch told"]:
    """The means of two tokens at a time, in a row; one that is left over at the end is left out."""
    pairs = values.unfold(1, _TOKENS_TOGETHER, _TOKENS_TOGETHER)  # (B, T/2, K, 2)
    return pairs.mean(dim=3).flatten(1)
