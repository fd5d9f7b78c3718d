"""What pretraining minimises, and the projections in whose spaces it does so."""

from dataclasses import dataclass
from typing import Literal

from jaxtyping import Int64
from torch import Tensor, nn

from pahcl_core.losses.hierarchical import HierarchicalLoss, hierarchical_loss
from pahcl_core.models.encoder import Embeddings
from pahcl_core.models.heads import Projection


@dataclass(frozen=True, kw_only=True, slots=True)
class ObjectiveConfig:
    """What pretraining minimises: `cycle_weight · L_cycle + substructure_weight · L_sub`."""

    cycle_weight: float = 1.0
    substructure_weight: float = 0.5
    temperature: float = 0.1
    """Of both losses; no unit."""

    projection_size: int = 64

    positives: Literal["same_recording", "same_cycle"] = "same_recording"
    """Two cycles of a recording, or two views of one cycle."""

    exclude_same_person: bool = True
    """Other cycles of the same person are no negatives."""

    def __post_init__(self) -> None:
        if self.temperature <= 0:
            raise ValueError(f"temperature must be positive, got {self.temperature}")
        if min(self.cycle_weight, self.substructure_weight) < 0:
            raise ValueError("cycle_weight and substructure_weight must be at least 0")
        if self.cycle_weight + self.substructure_weight == 0:
            raise ValueError("cycle_weight and substructure_weight must not both be 0")


class Objective(nn.Module):
    """The hierarchical loss between two views of a batch of cycles."""

    def __init__(self, config: ObjectiveConfig, *, width: int) -> None:
        """Make the projections.

        Args:
            config: What is weighed, and how.
            width: Of the encoder's embeddings.
        """
        super().__init__()
        self.config = config
        self.heads = nn.ModuleDict(
            {
                "cycle": Projection(width, config.projection_size),
                "phase": Projection(width, config.projection_size),
            }
        )

    def forward(
        self, first: Embeddings, second: Embeddings, person: Int64[Tensor, "batch"]
    ) -> HierarchicalLoss:
        """The loss between the two views.

        Args:
            first: One view of each cycle.
            second: The other, row-aligned.
            person: Who each cycle is of.
        """
        of_cycle, of_phase = self.heads["cycle"], self.heads["phase"]
        return hierarchical_loss(
            of_cycle(first.cycle),
            of_cycle(second.cycle),
            of_phase(first.phases),
            of_phase(second.phases),
            valid=first.phase_valid & second.phase_valid,
            person=person if self.config.exclude_same_person else None,
            temperature=self.config.temperature,
            cycle_weight=self.config.cycle_weight,
            substructure_weight=self.config.substructure_weight,
        )
