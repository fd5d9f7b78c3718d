"""A model as an ONNX file, for programs that know neither Python nor PyTorch.

Inputs, for as many cycles as one likes:

    samples        float32 (cycles, samples): windows from the onset of S1 on, prepared as `signal`
                   of the metadata says: resampled, in its band, without spikes, of spread 1
    bounds         int64 (cycles, 5): onsets of S1, systole, S2 and diastole, and the end of the
                   cycle, in samples from the start of its window; the first four equal if unknown

Outputs; an encoder that tells nothing has the first alone:

    embedding      float32 (cycles, width)
    logits         float32 (cycles, classes): of each cycle by itself
    weight         float32 (cycles): its share, if these are the cycles of one recording
    probabilities  float32 (classes): what is said of that recording

A model of several labels has one logit and one probability for each of `labels` in the metadata:
that its class is `positive`.

All that is to be known of the model is a JSON object under `pahcl` in the file's metadata.
"""

import contextlib
import json
import logging
import warnings
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from jaxtyping import Float, Int64
from torch import Tensor, nn

from pahcl_core.config import to_dict
from pahcl_core.data.tasks import Task
from pahcl_core.errors import DataError, SettingError
from pahcl_core.models.encoder import Encoder, EncoderConfig
from pahcl_core.models.instance_pooling import root
from pahcl_core.training.checkpoint import Checkpoint, encoder_from, load_checkpoint
from pahcl_core.training.evaluation import UnitClassifier, told_by
from pahcl_core.training.run_directory import write_bytes
from pahcl_core.training.trained_model import model_from

if TYPE_CHECKING:
    import onnx

TOLERANCE = 1e-4
"""How far outputs may be from PyTorch's, as a share of 1 or of the largest of them."""

_INPUTS = ("samples", "bounds")
_TELLS = ("embedding", "logits", "weight", "probabilities")
_KEY = "pahcl"
_EXAMPLE, _CHECKED = 3, (1, 5)  # cycles: what is traced, and what the file is tried with
_CPU = torch.device("cpu")


def export_onnx(model: Path, to: Path) -> float:
    """Write a model, encoder and what sits on it, as an ONNX file that was tried.

    Args:
        model: As `load_checkpoint` takes it.
        to: Ends in `.onnx`.

    Returns:
        The largest difference between the file's outputs and PyTorch's.

    Raises:
        SettingError: If a package is missing, the name is another, or it cannot be written there.
        DataError: As `trained_model`; or if the file's outputs are not the model's.
    """
    require_onnx()
    if to.suffix != ".onnx":
        raise SettingError(f"{to}: the name of an ONNX file must end in .onnx")
    checkpoint = load_checkpoint(model)
    answering = None if checkpoint.task is None else model_from(model, checkpoint, _CPU)
    module: nn.Module
    outputs: tuple[str, ...]
    if answering is None:
        encoder = encoder_from(model, checkpoint, checkpoint.encoder_config)
        module, outputs = _Embeds(encoder).eval(), _TELLS[:1]
    else:
        module, outputs = _Tells(answering.classifier, answering.task).eval(), _TELLS
    content = _traced(module, outputs, checkpoint)
    _describe(content, checkpoint, {} if answering is None else answering.as_dict())
    packed = content.SerializeToString()
    difference = _difference(packed, module, outputs, checkpoint)
    if not difference <= TOLERANCE:
        raise DataError(
            f"{model}: as an ONNX file it would say something else, by up to {difference:.2g}; "
            "nothing was written"
        )
    write_bytes(to, packed)
    return difference


def require_onnx() -> None:
    """Refuse to go on where no ONNX file can be made.

    Raises:
        SettingError: If a package is missing; names the command that installs it.
    """
    try:
        import onnx  # noqa: F401
        import onnxruntime  # noqa: F401
        import onnxscript  # noqa: F401
    except ImportError as error:
        raise SettingError(
            f"ONNX files need more packages: pip install 'pahcl[export]' ({error})"
        ) from error


class _Embeds(nn.Module):
    """An encoder, without what it says of phases."""

    def __init__(self, encoder: Encoder) -> None:
        super().__init__()
        self.encoder = encoder

    def forward(self, samples: Tensor, bounds: Tensor) -> tuple[Tensor, ...]:
        return (self.encoder(samples, bounds).cycle,)


class _Tells(nn.Module):
    """A classifier, which takes its batch for the cycles of one recording."""

    def __init__(self, classifier: UnitClassifier, task: Task) -> None:
        super().__init__()
        self.classifier = classifier
        self.task = task

    def forward(self, samples: Tensor, bounds: Tensor) -> tuple[Tensor, ...]:
        embedding = self.classifier.encoder(samples, bounds).cycle
        logits = self.classifier.classifier(self.classifier.alone(embedding))
        pooling = self.classifier.pooling
        if pooling is None:
            weight = torch.softmax(torch.zeros_like(logits[:, 0]), dim=0)
            return embedding, logits, weight, told_by(logits, self.task).mean(dim=0)
        weight = torch.softmax(pooling.of_cycles(embedding), dim=0)
        pooled = (weight[:, None] * embedding).sum(dim=0, keepdim=True)
        if pooling.has_deviation:
            squares = (embedding - pooled).square().sum(dim=0, keepdim=True)
            others = (torch.ones_like(weight).sum() - 1).clamp_min(1)
            pooled = torch.cat([pooled, root(squares / others)], dim=1)
        said = told_by(self.classifier.classifier(pooled), self.task)[0]
        return embedding, logits, weight, said


def _traced(
    module: nn.Module, outputs: tuple[str, ...], checkpoint: Checkpoint
) -> "onnx.ModelProto":
    any_number = {0: torch.export.Dim("cycles")}
    with _quietly():
        program = torch.onnx.export(
            module,
            _windows(_EXAMPLE, checkpoint),
            dynamo=True,
            verbose=False,
            input_names=list(_INPUTS),
            output_names=list(outputs),
            dynamic_shapes=dict.fromkeys(_INPUTS, any_number),
        )
    assert program is not None, "it was not told to write a file itself"
    content = program.model_proto
    for node in content.graph.node:  # which would say where the code lies on this machine
        del node.metadata_props[:]
    return content


@contextlib.contextmanager
def _quietly() -> Iterator[None]:
    """Without what the exporter says of itself."""
    exporter = logging.getLogger("torch.onnx")
    level = exporter.level
    exporter.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        exporter.setLevel(level)


def _windows(
    number: int, checkpoint: Checkpoint
) -> tuple[Float[Tensor, "cycles samples"], Int64[Tensor, "cycles 5"]]:
    """Noise in cycles of all kinds; every third one has no phases."""
    length = num_samples(checkpoint.encoder_config, checkpoint.signal.sample_rate)
    generator = torch.Generator().manual_seed(number)
    samples = torch.randn(number, length, generator=generator)
    shares = torch.tensor([[0.0, 0.1, 0.3, 0.4, 0.8], [0.01, 0.2, 0.4, 0.5, 1.2], [0, 0, 0, 0, 1]])
    bounds = (shares[torch.arange(number) % len(shares)] * length).long()
    return samples, bounds


def num_samples(encoder: EncoderConfig, sample_rate: int) -> int:
    """Of a window."""
    return round(encoder.window_s * sample_rate)


def _describe(
    content: "onnx.ModelProto", checkpoint: Checkpoint, answering: Mapping[str, Any]
) -> None:
    """Put all that is to be known of it into its metadata."""
    told: dict[str, Any] = {
        "encoder": to_dict(checkpoint.encoder_config),
        "signal": to_dict(checkpoint.signal),
        "window_samples": num_samples(checkpoint.encoder_config, checkpoint.signal.sample_rate),
        "origin": dict(checkpoint.origin),
        "provenance": checkpoint.provenance,
    }
    told |= answering
    entry = content.metadata_props.add()
    entry.key, entry.value = _KEY, json.dumps(told, ensure_ascii=False)
    content.producer_name = "pahcl"


def _difference(
    packed: bytes, module: nn.Module, outputs: tuple[str, ...], checkpoint: Checkpoint
) -> float:
    """The largest, over all outputs, of batches of other sizes than the one traced."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3  # errors
    session = onnxruntime.InferenceSession(packed, options, providers=["CPUExecutionProvider"])
    largest = 0.0
    for number in _CHECKED:
        windows = _windows(number, checkpoint)
        with torch.no_grad():
            expected = [one.numpy() for one in module(*windows)]
        given = {name: one.numpy() for name, one in zip(_INPUTS, windows, strict=True)}
        for one, other in zip(session.run(list(outputs), given), expected, strict=True):
            scale = max(1.0, float(np.abs(other).max()))
            largest = max(largest, float(np.abs(one - other).max()) / scale)
    return largest
