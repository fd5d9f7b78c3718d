"""What pretraining minimises, and the projections in whose spaces it does so."""

from dataclasses import dataclass
from typing import Literal

from jaxtyping import Bool, Float, Int64
from torch import Tensor, nn

from pahcl_core.losses.hierarchical import HierarchicalLoss, hierarchical_loss
from pahcl_core.losses.momentum_contrast import Projections
from pahcl_core.models.encoder import Embeddings, EncoderConfig
from pahcl_core.models.heads import Projection


@dataclass(frozen=True, kw_only=True, slots=True)
class ObjectiveConfig:
    """What pretraining minimises.

    `cycle_weight · L_cycle + substructure_weight · L_sub + prediction_weight · L_prediction +
    anchor_weight · L_anchor`.

    By default prediction and the anchor: on 190 patients of CirCor what either contrastive loss
    adds made murmurs harder to tell for a linear probe (docs/experiments.md). 1 and 0.5 are weights
    to try.
    """

    cycle_weight: float = 0.0
    """Of cycle-level InfoNCE; 0 for none."""

    substructure_weight: float = 0.0
    """Of substructure-level InfoNCE; 0 for none."""

    prediction_weight: float = 1.0
    """Of masked prediction (`training.prediction`); 0 for none."""

    anchor_weight: float = 1.0
    """Of going on to tell what the encoder told as it began (`training.anchor`); 0 for not."""

    hidden_share: float = 0.3
    """Of the tokens, not shown to the encoder's blocks where there is something to predict."""

    hidden_s: float = 0.128
    """Length of a stretch of them, in seconds."""

    temperature: float = 0.1
    """Of both contrastive losses; no unit."""

    projection_size: int = 64

    positives: Literal["same_recording", "same_person", "same_cycle"] = "same_recording"
    """Two cycles of a recording, two cycles of a person, of whichever of their recordings, or two
    views of one cycle. Prediction tells of the one what the other has.

    Diamant et al., "Patient contrastive learning: A performant, expressive, and practical approach
    to electrocardiogram modeling", PLOS Computational Biology 2022: two recordings of a person.
    """

    exclude_same_person: bool = True
    """Other cycles of the same person are no negatives."""

    substructures: Literal["physiology", 2, 4, 8] = "physiology"
    """What is told apart within a cycle: its four phases, or so many equal parts of it."""

    negatives: Literal["batch", "queue"] = "batch"
    """What views are held against: one another, or keys of an encoder that follows the one that is
    trained, of this batch and of earlier ones (`losses.momentum_contrast`)."""

    queue_size: int = 1024
    """Keys of cycles, each with those of its substructures; a cycle leaves two, one of a view."""

    momentum: float = 0.99
    """What the following encoder keeps of itself at each step."""

    cycle_starts: float = 0.0
    """Share of the training before which cycles weigh nothing, so that substructures come first."""

    cycle_full: float = 0.0
    """Share from which on they weigh `cycle_weight`; the weight rises linearly in between."""

    def __post_init__(self) -> None:
        if self.temperature <= 0:
            raise ValueError(f"temperature must be positive, got {self.temperature}")
        learnt = (self.cycle_weight, self.substructure_weight, self.prediction_weight)
        if min(*learnt, self.anchor_weight) < 0:
            raise ValueError(
                "cycle_weight, substructure_weight, prediction_weight and anchor_weight must be at "
                "least 0"
            )
        if sum(learnt) + self.anchor_weight == 0:
            raise ValueError(
                "cycle_weight, substructure_weight, prediction_weight and anchor_weight must not "
                "all be 0"
            )
        if sum(learnt) == 0:
            raise ValueError(
                "anchor_weight alone would teach an encoder nothing but what it tells already: "
                "cycle_weight, substructure_weight or prediction_weight must be above 0"
            )
        if not 0 <= self.hidden_share < 1:
            raise ValueError(
                f"hidden_share must be at least 0 and below 1, got {self.hidden_share}"
            )
        if self.hidden_s <= 0:
            raise ValueError(f"hidden_s must be positive, got {self.hidden_s}")
        if self.queue_size < 1:
            raise ValueError(f"queue_size must be at least 1, got {self.queue_size}")
        if not 0 <= self.momentum < 1:
            raise ValueError(f"momentum must be at least 0 and below 1, got {self.momentum}")
        if not 0 <= self.cycle_starts <= self.cycle_full <= 1:
            raise ValueError(
                f"cycle_starts and cycle_full must rise from 0 to 1, got {self.cycle_starts} and "
                f"{self.cycle_full}"
            )
        if self.cycle_full > 0 and min(self.cycle_weight, self.substructure_weight) == 0:
            raise ValueError(
                "cycle_full is for two losses: cycle_weight and substructure_weight must be above 0"
            )

    @property
    def is_contrastive(self) -> bool:
        """Whether cycles or substructures are told apart at all."""
        return self.cycle_weight > 0 or self.substructure_weight > 0

    @property
    def num_equal_parts(self) -> int:
        """How many equal parts of a cycle its encoder is to pool; 0 for none."""
        return 0 if self.substructures == "physiology" else self.substructures

    @property
    def num_substructures(self) -> int:
        """Of a cycle."""
        return self.num_equal_parts or 4

    def cycle_weight_at(self, done: float) -> float:
        """The weight of the cycle-level loss when so large a share of the training is done."""
        if done >= self.cycle_full:
            return self.cycle_weight
        if done <= self.cycle_starts:
            return 0.0
        rise = (done - self.cycle_starts) / (self.cycle_full - self.cycle_starts)
        return self.cycle_weight * rise


class Objective(nn.Module):
    """The hierarchical loss between two views of a batch of cycles."""

    def __init__(self, config: ObjectiveConfig, encoder: EncoderConfig) -> None:
        """Make the projections.

        Args:
            config: What is weighed, and how.
            encoder: What makes the embeddings.
        """
        super().__init__()
        self.config = config
        self._substructure = "part" if config.num_equal_parts else "phase"
        self.heads = nn.ModuleDict(
            {
                "cycle": Projection(encoder.embedding_size, config.projection_size),
                self._substructure: Projection(encoder.width, config.projection_size),
            }
        )

    def forward(
        self,
        first: Embeddings,
        second: Embeddings,
        person: Int64[Tensor, "batch"],
        *,
        done: float = 1.0,
    ) -> HierarchicalLoss:
        """The loss between the two views, each the other's negatives.

        Args:
            first: One view of each cycle.
            second: The other, row-aligned.
            person: Who each cycle is of.
            done: Share of the training that is done; 1 for the weights it ends with.
        """
        one, other = self.projected(first), self.projected(second)
        return hierarchical_loss(
            one.cycle,
            other.cycle,
            one.parts,
            other.parts,
            valid=self.valid(first, second),
            person=person if self.config.exclude_same_person else None,
            temperature=self.config.temperature,
            cycle_weight=self.config.cycle_weight_at(done),
            substructure_weight=self.config.substructure_weight,
        )

    def projected(self, embeddings: Embeddings) -> Projections:
        """Where cycles, and those of their substructures that are told apart, are compared."""
        return Projections(
            self.heads["cycle"](embeddings.cycle),
            self.heads[self._substructure](self._substructures(embeddings)),
        )

    def compared(self, embeddings: Embeddings) -> Projections:
        """Where to look at them: the projections that are trained, or what comes before those."""
        cycle, parts = embeddings.cycle, self._substructures(embeddings)
        return Projections(
            self.heads["cycle"](cycle) if self.config.cycle_weight > 0 else cycle,
            self.heads[self._substructure](parts) if self.config.substructure_weight > 0 else parts,
        )

    def _substructures(self, embeddings: Embeddings) -> Float[Tensor, "batch parts width"]:
        return embeddings.parts if self.config.num_equal_parts else embeddings.phases

    def valid(self, first: Embeddings, second: Embeddings) -> Bool[Tensor, "batch substructures"]:
        """Which of those substructures are there in both views."""
        if self.config.num_equal_parts:
            return first.part_valid & second.part_valid
        return first.phase_valid & second.phase_valid
