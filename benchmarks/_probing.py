"""What benchmarks ask of a linear probe: encoders before and after pretraining, what they say."""

from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float64, Int64

from pahcl_core.data.tasks import Task
from pahcl_core.models.encoder import Encoder
from pahcl_core.training.checkpoint import encoder_from, load_checkpoint
from pahcl_core.training.conclusion import score_predictions
from pahcl_core.training.evaluation import Predictions
from pahcl_core.training.people import Cohort
from pahcl_core.training.probe import recording_embeddings
from pahcl_core.training.settings import PretrainConfig
from pahcl_core.training.windows import WindowSource

NAME = "seed_{}"
"""Of the run that a seed is pretrained in."""


def random_encoder(config: PretrainConfig, seed: int) -> Encoder:
    """As a pretraining of that seed begins."""
    torch.manual_seed(seed)
    return Encoder(config.encoder, sample_rate=config.signal.sample_rate)


def pretrained_encoder(config: PretrainConfig, seed: int, folder: Path) -> Encoder:
    """As that pretraining ended, in a run in this folder."""
    path = folder / NAME.format(seed) / "best_model.pt"
    return encoder_from(path, load_checkpoint(path), config.encoder)


def embedded(
    encoder: Encoder, cohort: Cohort, config: PretrainConfig
) -> tuple[Int64[np.ndarray, "recordings"], Float64[np.ndarray, "recordings figures"]]:
    """A row for each recording of a cohort, as `recording_embeddings` has it."""
    source = WindowSource.seen_by(encoder.config, cohort.cycles, config.signal, torch.device("cpu"))
    return recording_embeddings(encoder, source, cohort)


def auroc(predictions: Predictions, task: Task) -> float:
    """Macro, over classes."""
    return float(score_predictions(predictions, task).values["auroc"])
