"""What a classifier's mistake costs: cross-entropy or the focal loss, labels smoothed or not.

Sources:
    Lin et al., "Focal Loss for Dense Object Detection", ICCV 2017, equation 4.
    Szegedy et al., "Rethinking the Inception Architecture for Computer Vision", CVPR 2016,
    section 7: smoothed labels.
"""

from dataclasses import dataclass
from typing import Literal

import torch
from jaxtyping import Float, Int64
from torch import Tensor
from torch.nn import functional as F


@dataclass(frozen=True, kw_only=True, slots=True)
class LossConfig:
    """What a mistake costs in fine-tuning, and what is done where classes are not equally many."""

    name: Literal["cross_entropy", "focal"] = "cross_entropy"
    """`focal` is cross-entropy in which what the model is sure of, and right about, counts less."""

    gamma: float = 2.0
    """How much less, in the focal loss: what has probability p of being right weighs (1 - p) to
    the power of this."""

    label_smoothing: float = 0.0
    """Share of the truth that is spread over all classes alike."""

    class_weight_power: float = 1.0
    """Rare classes weigh more in the loss, as their frequency to the minus this; 0 for not. As they
    are drawn: with `balanced_sampling` none is rare, and all weigh the same."""

    balanced_sampling: bool = False
    """Draw each class equally often in an epoch, which has as many units as without: those of a
    rare class several times, each time with other cycles and other augmentations, and of a frequent
    class not all. With `pooling = "vote"` recordings are drawn so, otherwise whole patients."""

    def __post_init__(self) -> None:
        for name in ("gamma", "class_weight_power"):
            if getattr(self, name) < 0:
                raise ValueError(f"{name} must be at least 0, got {getattr(self, name)}")
        if not 0 <= self.label_smoothing < 1:
            raise ValueError(
                f"label_smoothing must be at least 0 and below 1, got {self.label_smoothing}"
            )


def costs(
    logits: Float[Tensor, "examples classes"],
    labels: Int64[Tensor, "examples"],
    config: LossConfig,
) -> Float[Tensor, "examples"]:
    """What each example costs, before any weight of its class.

    The sum over classes of -q (1 - p)^gamma log p, with q the truth: 1 for the class that it is, or
    a little less and a little for every class where labels are smoothed. gamma is 0 for
    cross-entropy.

    Args:
        logits: Of the model.
        labels: Index of the true class.
        config: Which loss.
    """
    if config.name == "cross_entropy":
        return F.cross_entropy(
            logits, labels, reduction="none", label_smoothing=config.label_smoothing
        )
    log_p = F.log_softmax(logits, dim=1)
    # Kept from 0, where the slope of a power below 1 is infinite.
    unsure = (-torch.expm1(log_p)).clamp_min(torch.finfo(log_p.dtype).tiny)
    truth = F.one_hot(labels, logits.shape[1]).to(log_p)
    truth = (1 - config.label_smoothing) * truth + config.label_smoothing / logits.shape[1]
    return -(truth * unsure**config.gamma * log_p).sum(dim=1)
