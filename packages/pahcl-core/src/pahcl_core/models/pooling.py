"""From the tokens of a span of time to one vector.

A token belongs to the span in which its centre lies.
"""

import contextlib
from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from jaxtyping import Bool, Float, Int64
from torch import Tensor, nn

from pahcl_core.models.front_end import SAMPLES_PER_TOKEN

NUM_PHASES = 4
"""S1, systole, S2, diastole."""

_LEAST_VARIANCE = 1e-6


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
    inside = _inside(tokens, start, stop)
    count = inside.sum(dim=2)
    weight = inside.to(tokens.dtype) / count.clamp(min=1)[:, :, None]
    return weight @ tokens, count > 0


def equal_spans(
    start: Int64[Tensor, "batch"], stop: Int64[Tensor, "batch"], num_parts: int
) -> tuple[Int64[Tensor, "batch parts"], Int64[Tensor, "batch parts"]]:
    """First sample, and one past the last, of each of so many equal parts of a span.

    An inner border that lies between two samples is moved to the later one: the parts stay apart,
    leave nothing out, and share the samples out as the border itself would.
    """
    share = torch.arange(num_parts + 1, device=start.device)
    length = (stop - start)[:, None]
    borders = start[:, None] - (-length * share).div(num_parts, rounding_mode="floor")
    return borders[:, :-1], borders[:, 1:]


def _inside(
    tokens: Float[Tensor, "batch time width"],
    start: Int64[Tensor, "batch spans"],
    stop: Int64[Tensor, "batch spans"],
) -> Bool[Tensor, "batch spans time"]:
    centre = (torch.arange(tokens.shape[1], device=tokens.device) + 0.5) * SAMPLES_PER_TOKEN
    return (centre >= start[:, :, None]) & (centre < stop[:, :, None])


class ByPhase(NamedTuple):
    """What a cycle comes to, phase by phase."""

    phases: Float[Tensor, "batch phases width"]
    """Zero where nothing is known of a phase or no token is centred in it."""

    valid: Bool[Tensor, "batch phases"]
    """Where `phases` holds something."""

    whole: Float[Tensor, "batch 1 width"]
    """Of the cycle from end to end."""

    @property
    def filled(self) -> Float[Tensor, "batch phases width"]:
        """The phases, the whole cycle standing in for those that nothing is known of."""
        return torch.where(self.valid[:, :, None], self.phases, self.whole)


def by_phase(
    pool: Callable[[Tensor, Tensor, Tensor], tuple[Tensor, Tensor]],
    tokens: Float[Tensor, "batch time width"],
    bounds: Int64[Tensor, "batch borders"],
) -> ByPhase:
    """Pool the phases of a cycle apart, and the whole of it.

    Args:
        pool: As `mean_between`.
        tokens: One per `SAMPLES_PER_TOKEN` samples.
        bounds: Onsets of the phases, and the end of the cycle. As an encoder takes them there are
            four, equal where they are unknown; a phase may be cut finer.
    """
    start, stop = bounds[:, :-1], bounds[:, 1:]
    known = (stop > start).all(dim=1, keepdim=True)
    phases, reached = pool(tokens, start, stop)
    valid = known & reached
    whole, _ = pool(tokens, bounds[:, :1], bounds[:, -1:])
    return ByPhase(phases * valid[:, :, None], valid, whole)


class Mean(nn.Module):
    """`mean_between`, as a part of an encoder."""

    def forward(
        self,
        tokens: Float[Tensor, "batch time width"],
        start: Int64[Tensor, "batch spans"],
        stop: Int64[Tensor, "batch spans"],
    ) -> tuple[Float[Tensor, "batch spans width"], Bool[Tensor, "batch spans"]]:
        """As `mean_between`."""
        return mean_between(tokens, start, stop)


class AttentiveStatistics(nn.Module):
    """Weighted mean and deviation of the tokens in each span, projected to the width of a token.

    Okabe, Koshinaka and Shinoda, "Attentive Statistics Pooling for Deep Speaker Embedding",
    Interspeech 2018, equations 1 to 6. A token has one score, whatever the span; the scores of the
    tokens inside a span are what its weights come from.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.hidden = nn.Linear(width, width // 2)
        self.score = nn.Linear(width // 2, 1, bias=False)  # a softmax does not see a bias
        self.merge = nn.Linear(2 * width, width)

    def forward(
        self,
        tokens: Float[Tensor, "batch time width"],
        start: Int64[Tensor, "batch spans"],
        stop: Int64[Tensor, "batch spans"],
    ) -> tuple[Float[Tensor, "batch spans width"], Bool[Tensor, "batch spans"]]:
        """The statistics, zero where no token lies in a span, and whether there is any.

        Args:
            tokens: One per `SAMPLES_PER_TOKEN` samples.
            start: First sample of each span.
            stop: One past its last sample.
        """
        inside = _inside(tokens, start, stop)  # (B, S, T)
        reached = inside.any(dim=2)
        scores = self.score(self.hidden(tokens).tanh()).transpose(1, 2)  # (B, 1, T)
        # A span without a token keeps all scores, since a softmax of nothing is not a number.
        outside = ~inside & reached[:, :, None]
        weight = scores.expand_as(inside).masked_fill(outside, -torch.inf).softmax(dim=2)
        with _float32(tokens.device.type):  # a difference of near equals
            mean = weight.to(tokens.dtype) @ tokens
            variance = weight.to(tokens.dtype) @ tokens.square() - mean.square()
        deviation = variance.clamp(min=_LEAST_VARIANCE).sqrt()
        statistics = self.merge(torch.cat([mean, deviation], dim=2))
        return statistics * reached[:, :, None], reached


def _float32(device_type: str) -> contextlib.AbstractContextManager[Any]:
    """Without autocast, on devices that know it: one that only counts operations does not."""
    if not torch.amp.is_autocast_available(device_type):
        return contextlib.nullcontext()
    return torch.autocast(device_type, enabled=False)
