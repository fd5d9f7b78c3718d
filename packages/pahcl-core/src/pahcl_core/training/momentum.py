"""Momentum contrast: an encoder that follows the one being trained, and the queue of its keys.

He et al., "Momentum Contrast for Unsupervised Visual Representation Learning", CVPR 2020, sections
3.2 and 3.3; the loss is `losses.momentum_contrast`. The follower is a copy, made by copying. It is
always in evaluation mode: it normalises by statistics that follow those of the trained encoder as
its weights do, so that a key depends on its own cycle alone and cannot be known by its batch, which
is what the paper shuffles batches between devices for (Cai et al., "Exponential Moving Average
Normalization for Self-supervised and Semi-supervised Learning", CVPR 2021).
"""

import copy
from collections.abc import Callable, Iterable
from typing import NamedTuple

import torch
from jaxtyping import Bool, Float, Int64
from torch import Tensor, nn
from torch.optim.swa_utils import get_ema_multi_avg_fn

from pahcl_core.losses.hierarchical import HierarchicalLoss
from pahcl_core.losses.momentum_contrast import Queued, momentum_contrast_loss
from pahcl_core.models.encoder import Embeddings, Encoder
from pahcl_core.training.objective import Objective
from pahcl_core.training.windows import Windows


class Keys(NamedTuple):
    """Keys as they go into the queue."""

    cycle: Float[Tensor, "keys size"]
    parts: Float[Tensor, "keys parts size"]
    valid: Bool[Tensor, "keys parts"]
    """Which substructures there are."""

    person: Int64[Tensor, "keys"]


class Queue(nn.Module):
    """The latest keys, written over in turn; its tensors stay where they are."""

    cycle: Tensor
    parts: Tensor
    valid: Tensor
    person: Tensor
    filled: Tensor
    pointer: Tensor

    def __init__(self, length: int, *, num_parts: int, size: int) -> None:
        """Make an empty one.

        Args:
            length: Cycles it holds.
            num_parts: Substructures of each.
            size: Of a projection.
        """
        super().__init__()
        self.register_buffer("cycle", torch.zeros(length, size))
        self.register_buffer("parts", torch.zeros(length, num_parts, size))
        self.register_buffer("valid", torch.zeros(length, num_parts, dtype=torch.bool))
        self.register_buffer("person", torch.zeros(length, dtype=torch.int64))
        self.register_buffer("filled", torch.zeros(length, dtype=torch.bool))
        self.register_buffer("pointer", torch.zeros((), dtype=torch.int64))

    @property
    def content(self) -> Queued:
        """What it holds."""
        return Queued(self.cycle, self.parts, self.valid, self.person, self.filled)

    @torch.no_grad()
    def push(self, keys: Keys) -> None:
        """Put keys in the place of the oldest; of more than it holds, the last ones."""
        length = len(self.filled)
        keys = Keys(*(tensor[-length:] for tensor in keys))
        count = len(keys.person)
        place = (self.pointer + torch.arange(count, device=self.pointer.device)) % length
        for name, tensor in keys._asdict().items():
            held = getattr(self, name)
            held[place] = tensor.to(held.dtype)
        self.filled[place] = True
        self.pointer.copy_((self.pointer + count) % length)


class MomentumContrast(nn.Module):
    """What the views of a training are held against, apart from what is trained."""

    def __init__(self, encoder: Encoder, objective: Objective) -> None:
        """Begin as a copy of both, with an empty queue."""
        super().__init__()
        config = objective.config
        self.encoder = copy.deepcopy(encoder).requires_grad_(False).eval()
        self.objective = copy.deepcopy(objective).requires_grad_(False).eval()
        self.queue = Queue(
            config.queue_size, num_parts=config.num_substructures, size=config.projection_size
        )
        self._average = get_ema_multi_avg_fn(config.momentum)
        self._fresh: list[Keys] = []

    def loss(
        self,
        objective: Objective,
        windows: tuple[Windows, Windows],
        embeddings: tuple[Embeddings, Embeddings],
        person: Int64[Tensor, "batch"],
        *,
        done: float,
        embed: Callable[[Encoder, Windows], Embeddings],
    ) -> HierarchicalLoss:
        """The loss of two views against the keys of one another and of the queue.

        Their own keys join the queue after the step.

        Args:
            objective: That is trained.
            windows: The two views of each cycle.
            embeddings: What the trained encoder made of them.
            person: Who each cycle is of.
            done: Share of the training that is done.
            embed: How windows are passed through an encoder; of several ranks, every one's.
        """
        config = objective.config
        valid = objective.valid(*embeddings)
        with torch.no_grad():
            keys = tuple(self.objective.projected(embed(self.encoder, view)) for view in windows)
        self._fresh += [Keys(*of_view, valid, person) for of_view in keys]
        return momentum_contrast_loss(
            (objective.projected(embeddings[0]), objective.projected(embeddings[1])),
            (keys[0], keys[1]),
            self.queue.content,
            valid=valid,
            person=person if config.exclude_same_person else None,
            temperature=config.temperature,
            cycle_weight=config.cycle_weight_at(done),
            substructure_weight=config.substructure_weight,
        )

    @torch.no_grad()
    def after_step(self, encoder: nn.Module, objective: nn.Module) -> None:
        """Queue the keys of the step, and follow what it made of the encoder and the projections.

        Weights and running statistics are averaged; counts of batches are taken over.
        """
        self.queue.push(Keys(*map(torch.cat, zip(*self._fresh, strict=True))))
        self._fresh = []
        pairs = [
            *_pairs(self.encoder.parameters(), encoder.parameters()),
            *_pairs(self.encoder.buffers(), encoder.buffers()),
            *_pairs(self.objective.parameters(), objective.parameters()),
        ]
        averaged = [pair for pair in pairs if pair[0].is_floating_point()]
        self._average([mine for mine, _ in averaged], [theirs for _, theirs in averaged], 0)
        for mine, theirs in pairs:
            if not mine.is_floating_point():
                mine.copy_(theirs)


def _pairs(mine: Iterable[Tensor], theirs: Iterable[Tensor]) -> Iterable[tuple[Tensor, Tensor]]:
    return zip(mine, theirs, strict=True)
