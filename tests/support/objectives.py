"""What pretraining minimises in tests of telling cycles apart."""

from typing import Any

from pahcl_core.training.objective import ObjectiveConfig


def contrastive(**settings: Any) -> ObjectiveConfig:
    """Both levels of InfoNCE, and nothing predicted, unless the settings say otherwise."""
    usual = {"cycle_weight": 1.0, "substructure_weight": 0.5, "prediction_weight": 0.0}
    return ObjectiveConfig(**{**usual, **settings})
