"""How a machine is used: in which precision, compiled or not, deterministic or not.

What is in half precision is the encoder, by autocast: matrix products and convolutions. Parameters,
projections, losses and the optimiser stay in float32. So do, inside the encoder, the tokens that
its blocks add to, the normalisations, and the decays of the state-space layers and their sums.

What is compiled is the encoder, too, and in place, so that a checkpoint is that of one that is not.
Compiled and plain results differ by rounding, and draw other numbers for dropout.
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import nn

from pahcl_core.models.encoder import Embeddings, Encoder
from pahcl_core.training.windows import Windows

log = logging.getLogger(__name__)

Precision = Literal["auto", "float32", "bfloat16", "float16"]

_FIRST_SCALE = 2.0**10  # of a loss in float16; torch's 2**16 overflows in the first few steps
_GAINS_FROM = (8, 0)  # compute capability: tensor cores that take bfloat16
_HALF = {"bfloat16": torch.bfloat16, "float16": torch.float16}


@dataclass(frozen=True, kw_only=True, slots=True)
class MachineConfig:
    """How the machine is used. The results differ by rounding, and are as good."""

    precision: Precision = "auto"
    """Of the encoder's products. `auto`: bfloat16 on a GPU that gains from it (compute capability
    8.0 on), float32 elsewhere. With float16 the loss is scaled, as its range is small."""

    compile: bool = False
    """Compile the encoder: the first steps take minutes, the others less. Without a compiler it
    runs as it is."""

    deterministic: bool = True
    """Ask for algorithms that give the same bits each time. A CPU needs no other; on a GPU they
    cost time, and attention memory."""

    matmul_precision: Literal["auto", "highest", "high", "medium"] = "auto"
    """Of what is in float32 on a GPU, convolutions included: `highest` is float32 throughout, below
    it products are TF32. `auto`: `highest` if deterministic, else `high`. Without effect on a
    CPU."""

    def settled_matmul_precision(self) -> str:
        """What `auto` stands for."""
        if self.matmul_precision != "auto":
            return self.matmul_precision
        return "highest" if self.deterministic else "high"


class EncoderPass:
    """Passes windows through an encoder in the precision that is asked for."""

    def __init__(self, config: MachineConfig, device: torch.device) -> None:
        self._device = device.type
        self._dtype = autocast_dtype(config.precision, device)
        self._compiled = config.compile

    def __call__(
        self,
        encoder: Encoder,
        windows: Windows,
        **options: Any,  # noqa: ANN401
    ) -> Embeddings:
        """Embeddings in float32; `options` are the encoder's."""
        if self._compiled and len(windows.samples) > 1:
            for tensor in windows:  # one graph for all sizes of batch, not one for each
                torch._dynamo.maybe_mark_dynamic(tensor, 0)
        if self._dtype is None:
            made: Embeddings = encoder(*windows, **options)
            return made
        with torch.autocast(self._device, dtype=self._dtype):
            half = encoder(*windows, **options)
        return Embeddings(*(one.float() if one.is_floating_point() else one for one in half))

    def gradient_scaler(self) -> torch.amp.GradScaler | None:
        """What keeps gradients within the range of float16; None where nothing is in it."""
        if self._dtype != torch.float16:
            return None
        return torch.amp.GradScaler(self._device, init_scale=_FIRST_SCALE)


def autocast_dtype(precision: Precision, device: torch.device) -> torch.dtype | None:
    """What products are in on that device; None for float32."""
    if precision == "auto":
        gains = device.type == "cuda" and torch.cuda.get_device_capability(device) >= _GAINS_FROM
        return torch.bfloat16 if gains else None
    return _HALF.get(precision)


def compile_in_place(
    encoder: nn.Module, device: torch.device, *, backend: str | Callable[..., Any] = "inductor"
) -> None:
    """Compile an encoder, whose parameters keep their names; a copy of it is not compiled.

    Something small is compiled first: if that cannot be done, a warning says why, and the encoder
    stays as it is.

    Args:
        encoder: To be compiled when it is first called.
        device: Where it runs.
        backend: Of `torch.compile`.
    """
    trial = torch.compile(lambda x: x * 2 + 1, backend=backend)
    try:
        trial(torch.ones(8, device=device))
    except RuntimeError as error:
        reason = str(error).strip().splitlines()[0]
        log.warning("cannot compile here: %s; the encoder runs as it is", reason)
        return
    encoder.compile(backend=backend)
