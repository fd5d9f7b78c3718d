"""What pretraining minimises in tests of telling cycles apart."""

from typing import Any

from pahcl_core.training.objective import ObjectiveConfig


def contrastive(**settings: Any) -> ObjectiveConfig:
    """Both levels of InfoNCE, nothing predicted, no anchor, unless the settings say otherwise."""
    usual = {"cycle_weight": 1.0, "substructure_weight": 0.5}
    none = {"prediction_weight": 0.0, "anchor_weight": 0.0}
    return ObjectiveConfig(**{**usual, **none, **settings})
