"""What sits on an encoder: a classifier for a task, projections for a contrastive loss."""

from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F


class Classifier(nn.Module):
    """One linear layer: an embedding is good when this is all it needs."""

    def __init__(self, width: int, num_classes: int, *, dropout: float = 0.0) -> None:
        super().__init__()
        self.dropout = nn.Dropout(dropout)
        self.linear = nn.Linear(width, num_classes)

    def forward(self, embedding: Float[Tensor, "batch width"]) -> Float[Tensor, "batch classes"]:
        """Logits."""
        logits: Tensor = self.linear(self.dropout(embedding))
        return logits


class Projection(nn.Module):
    """Two layers between an embedding and the loss, thrown away after pretraining.

    Chen et al., "A Simple Framework for Contrastive Learning of Visual Representations", 2020,
    section 4.2: the layer before the projection keeps more of what the loss would discard.
    """

    def __init__(self, width: int, size: int) -> None:
        super().__init__()
        self.hidden = nn.Linear(width, width)
        self.out = nn.Linear(width, size)

    def forward(self, embedding: Float[Tensor, "*batch width"]) -> Float[Tensor, "*batch size"]:
        """The point where two views are compared."""
        projected: Tensor = self.out(F.gelu(self.hidden(embedding)))
        return projected
