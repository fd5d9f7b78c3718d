"""A fine-tuned model as it answers: built from a checkpoint, whatever machine that is of."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float64, Int64
from torch import nn

from pahcl_core.config import to_dict
from pahcl_core.data.collection import Subject
from pahcl_core.data.cycle_set import CycleSet
from pahcl_core.data.tasks import Task
from pahcl_core.errors import DataError
from pahcl_core.metrics.classification import most_probable
from pahcl_core.metrics.operating_point import said_at
from pahcl_core.models.encoder import Encoder, EncoderConfig
from pahcl_core.models.heads import Classifier
from pahcl_core.models.instance_pooling import InstancePooling
from pahcl_core.training.assessment import at_temperature
from pahcl_core.training.checkpoint import Checkpoint, encoder_from, load_checkpoint
from pahcl_core.training.evaluation import Scored, UnitClassifier, predict
from pahcl_core.training.machine import EncoderPass
from pahcl_core.training.ranks import ALONE, Ranks
from pahcl_core.training.settings import Pooling
from pahcl_core.training.windows import WindowSource


def heads_of(config: EncoderConfig, task: Task, pooling: Pooling) -> nn.ModuleDict:
    """What sits on an encoder to tell a task, with random weights."""
    size = config.embedding_size
    pooled = None if pooling == "vote" else InstancePooling(size, pooling)
    if pooled is not None:
        size = pooled.size
    heads = nn.ModuleDict(
        {"classifier": Classifier(size, len(task.outputs), dropout=config.dropout)}
    )
    if pooled is not None:
        heads["pooling"] = pooled
    return heads


def with_heads(
    encoder: Encoder, heads: nn.ModuleDict, *, passes: EncoderPass | None, ranks: Ranks = ALONE
) -> UnitClassifier:
    """An encoder and its `heads_of` put together."""
    parts = dict(heads.items())
    classifier, pooling = parts["classifier"], parts.get("pooling")
    assert isinstance(classifier, Classifier), "heads_of made it"
    assert pooling is None or isinstance(pooling, InstancePooling), "heads_of made it"
    return UnitClassifier(encoder, classifier, pooling=pooling, passes=passes, ranks=ranks)


@dataclass(frozen=True, kw_only=True, slots=True)
class TrainedModel:
    """A model that tells a task, on a device."""

    checkpoint: Checkpoint
    task: Task
    classifier: UnitClassifier
    device: torch.device

    def ask(self, cycles: CycleSet, subjects: Sequence[Subject]) -> Scored:
        """What is said of these subjects, whose labels need not be known.

        Args:
            cycles: Of recordings that were prepared as the checkpoint's `signal` says.
            subjects: Who is asked about; who has no cycle there gets no row.
        """
        config, signal = self.checkpoint.encoder_config, self.checkpoint.signal
        source = WindowSource.seen_by(config, cycles, signal, self.device)
        return predict(self.classifier, source, cycles, subjects, self.task)

    def as_dict(self) -> dict[str, Any]:
        """What it is, in plain values."""
        one = self.checkpoint
        return {
            "task": self.task.name,
            "description": self.task.description,
            **({"labels": list(self.task.labels)} if self.task.labels else {}),
            "classes": list(self.task.classes),
            "positive": self.task.positive,
            "temperature": one.temperature,
            "operating_point": dict(one.operating_point),
            "encoder": to_dict(one.encoder_config),
            "signal": to_dict(one.signal),
            "pooling": one.pooling,
            "trained_on": {"persons": len(one.persons), "provenance": one.provenance},
            "origin": dict(one.origin),
        }

    def said(
        self, label: str, probabilities: Float64[np.ndarray, "units classes"]
    ) -> Int64[np.ndarray, "units"]:
        """Index of the class said: at the operating point, or the most probable where none is.

        Args:
            label: Which of several; empty for the only one.
            probabilities: Of the classes, as `class_probabilities` has them of this label.
        """
        threshold = self.checkpoint.threshold_of(label)
        if threshold is None:
            return most_probable(probabilities)
        positive = self.task.class_index(self.task.positive)
        return said_at(probabilities, positive=positive, threshold=threshold)

    def calibrated(
        self, label: str, probabilities: Float64[np.ndarray, "units classes"]
    ) -> Float64[np.ndarray, "units classes"] | None:
        """What they come to at the validation units' temperature, or None; as `said` takes them."""
        temperature = self.checkpoint.temperature_of(label)
        return None if temperature is None else at_temperature(probabilities, temperature)


def trained_model(path: Path, device: torch.device) -> TrainedModel:
    """Read a model that answers.

    Args:
        path: As `load_checkpoint` takes it.
        device: Where it is to answer.

    Raises:
        DataError: As `load_checkpoint`; if it was pretrained only, and tells nothing; or if its
            parameters are not of the shapes that its settings ask for.
    """
    return model_from(path, load_checkpoint(path), device)


def model_from(path: Path, checkpoint: Checkpoint, device: torch.device) -> TrainedModel:
    """A model that answers, from a checkpoint that was read.

    Args:
        path: Where it was, for messages.
        checkpoint: Its content.
        device: Where it is to answer.

    Raises:
        DataError: As `trained_model`, but for what reading it may raise.
    """
    task, pooling = checkpoint.task, checkpoint.pooling
    if task is None or pooling is None:
        raise DataError(
            f"{path}: is an encoder, which was pretrained and tells nothing yet; teach it a task "
            f"first: pahcl finetune TASK --pretrained {path}"
        )
    encoder = encoder_from(path, checkpoint, checkpoint.encoder_config)
    heads = heads_of(checkpoint.encoder_config, task, pooling)
    try:
        for name, head in heads.items():
            head.load_state_dict(dict(checkpoint.heads[name]))
    except (RuntimeError, KeyError) as error:
        raise DataError(f"{path}: its parameters do not fit its own settings") from error
    classifier = with_heads(encoder, heads, passes=None).to(device).eval()
    return TrainedModel(checkpoint=checkpoint, task=task, classifier=classifier, device=device)
