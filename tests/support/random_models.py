"""Models that nobody trained, with weights that differ: what they say depends on every cycle."""

from pathlib import Path
from typing import Any

import torch

from pahcl_core.data.preparation import SignalConfig
from pahcl_core.data.tasks import Task
from pahcl_core.models.encoder import Encoder, EncoderConfig
from pahcl_core.training.checkpoint import Checkpoint, save_checkpoint
from pahcl_core.training.trained_model import heads_of, trained_model

ENCODER = EncoderConfig(width=16, num_blocks=1, state_size=4, window_s=1.024)
SIGNAL = SignalConfig(sample_rate=1000, high_hz=400.0)
CPU = torch.device("cpu")


def random_model(path: Path, task: Task, *, pooling: str = "attention", **changes: Any):
    """The model as it is read back from its file, and the encoder and heads it was made of."""
    torch.manual_seed(1)
    encoder = Encoder(ENCODER, sample_rate=SIGNAL.sample_rate)
    heads = heads_of(ENCODER, task, pooling)
    with torch.no_grad():
        for parameter in heads.parameters():
            parameter.mul_(8.0)
    checkpoint = Checkpoint(
        kind="finetune", encoder_config=ENCODER, encoder=encoder.state_dict(), signal=SIGNAL,
        heads={name: head.state_dict() for name, head in heads.items()}, epoch=1, step=1,
        task=task, pooling=pooling, **changes,
    )  # fmt: skip
    save_checkpoint(path, checkpoint)
    return trained_model(path, CPU), encoder, heads
