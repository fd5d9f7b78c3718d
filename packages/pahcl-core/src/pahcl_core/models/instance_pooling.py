"""From cycles to recordings to the unit that a task scores: weighted means of embeddings, twice.

The cycles of a recording are weighed against one another, then the recordings of a unit. What a
cycle counts for in the end is the product of its weight and its recording's. With `statistics`, how
far the cycles of a recording are apart stands beside their mean, since some hearts are told by how
a beat differs from the next one.

Source:
    Ilse, Tomczak and Welling, "Attention-based Deep Multiple Instance Learning", ICML 2018,
    equations 7 to 9: the weighted mean, and weights by gated attention.
    Snyder et al., "X-Vectors: Robust DNN Embeddings for Speaker Recognition", ICASSP 2018,
    section 3.1: mean and standard deviation over time, side by side.

Letters for shapes: C cycles, R recordings, U units, D width. Nothing is padded: cycles of all
recordings lie one after the other, and numbers say what belongs to what.
"""

from typing import Literal, NamedTuple

import torch
from jaxtyping import Float, Int64
from torch import Tensor, nn

PoolingOfInstances = Literal["attention", "mean", "statistics"]

_LEAST_VARIANCE = 1e-12
"""Below it a deviation is 0 and has no gradient, which would grow beyond all bounds."""


class Bags(NamedTuple):
    """Which cycle is of which recording, and which recording of which unit."""

    recording: Int64[Tensor, "cycles"]
    """From 0 on; each has a cycle."""

    unit: Int64[Tensor, "recordings"]
    """From 0 on; each has a recording."""

    num_units: int


class Pooled(NamedTuple):
    """What a batch of units comes to."""

    units: Float[Tensor, "units figures"]
    recordings: Float[Tensor, "recordings figures"]
    cycle_weight: Float[Tensor, "cycles"]
    """Of each cycle in its recording; they add up to 1 in each."""

    recording_weight: Float[Tensor, "recordings"]
    """Of each recording in its unit; they add up to 1 in each."""

    def share(self, bags: Bags) -> Float[Tensor, "cycles"]:
        """What each cycle counts for in its unit; adds up to 1 in each."""
        return self.cycle_weight * self.recording_weight[bags.recording]


class InstancePooling(nn.Module):
    """Cycles to recordings, then recordings to units; by attention or all alike."""

    def __init__(self, width: int, kind: PoolingOfInstances) -> None:
        super().__init__()
        make = GatedAttention if kind == "attention" else Alike
        self.has_deviation = kind == "statistics"
        self.size = 2 * width if self.has_deviation else width
        """Figures of a recording, and of a unit."""

        self.of_cycles, self.of_recordings = make(width), make(width)

    def forward(self, embedding: Float[Tensor, "cycles width"], bags: Bags) -> Pooled:
        """Embeddings of units, and how they come about."""
        num_recordings = len(bags.unit)
        cycle_weight = softmax_by(self.of_cycles(embedding), bags.recording, num_recordings)
        recordings = _sum_by(cycle_weight[:, None] * embedding, bags.recording, num_recordings)
        if self.has_deviation:
            apart = _deviation_by(embedding, recordings, bags.recording)
            recordings = torch.cat([recordings, apart], dim=1)
        recording_weight = softmax_by(self.of_recordings(recordings), bags.unit, bags.num_units)
        units = _sum_by(recording_weight[:, None] * recordings, bags.unit, bags.num_units)
        return Pooled(units, recordings, cycle_weight, recording_weight)

    def alone(self, embedding: Float[Tensor, "cycles width"]) -> Float[Tensor, "cycles figures"]:
        """What each cycle would come to if it were the only one of its unit."""
        if not self.has_deviation:
            return embedding
        return torch.cat([embedding, torch.zeros_like(embedding)], dim=1)


class GatedAttention(nn.Module):
    """One score for each embedding, whatever else is in its bag: equation 9 before the softmax."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.content = nn.Linear(width, width // 2)
        self.gate = nn.Linear(width, width // 2)
        self.score = nn.Linear(width // 2, 1, bias=False)  # a softmax does not see a bias

    def forward(self, embedding: Float[Tensor, "rows width"]) -> Float[Tensor, "rows"]:
        """Scores."""
        hidden = self.content(embedding).tanh() * self.gate(embedding).sigmoid()
        scores: Tensor = self.score(hidden)
        return scores[:, 0]


class Alike(nn.Module):
    """The same score for every embedding, which makes a mean of the weighted mean."""

    def __init__(self, width: int) -> None:
        super().__init__()

    def forward(self, embedding: Float[Tensor, "rows width"]) -> Float[Tensor, "rows"]:
        """Scores."""
        return embedding.new_zeros(embedding.shape[0])


def softmax_by(
    scores: Float[Tensor, "rows"], group: Int64[Tensor, "rows"], num_groups: int
) -> Float[Tensor, "rows"]:
    """The softmax of each row among those of its group.

    Args:
        scores: Of any size: the highest of each group is taken off first.
        group: Number of each row's group, from 0 on, in any order.
        num_groups: How many there are; each has a row.
    """
    highest = scores.new_full((num_groups,), -torch.inf)
    highest = highest.scatter_reduce(0, group, scores.detach(), reduce="amax")
    exponential = (scores - highest[group]).exp()
    return exponential / _sum_by(exponential, group, num_groups)[group]


def _deviation_by(
    values: Float[Tensor, "rows width"],
    mean: Float[Tensor, "groups width"],
    group: Int64[Tensor, "rows"],
) -> Float[Tensor, "groups width"]:
    """Standard deviation of each group about its mean, 0 for a group of one row.

    The sum of squares is divided by one less than there are rows, so that it means the same however
    many cycles a recording shows: few in training, more in the end.
    """
    count = torch.bincount(group, minlength=len(mean))[:, None]
    squares = _sum_by((values - mean[group]).square(), group, len(mean))
    variance = squares / (count - 1).clamp_min(1)
    return root(variance)


def root(variance: Float[Tensor, "*shape"]) -> Float[Tensor, "*shape"]:
    """The deviation that a variance is of; 0, with no gradient, where it is next to none."""
    some = variance > _LEAST_VARIANCE
    return torch.where(some, variance, 1.0).sqrt() * some


def _sum_by(
    values: Float[Tensor, "rows *rest"], group: Int64[Tensor, "rows"], num_groups: int
) -> Float[Tensor, "groups *rest"]:
    return values.new_zeros((num_groups, *values.shape[1:])).index_add(0, group, values)
