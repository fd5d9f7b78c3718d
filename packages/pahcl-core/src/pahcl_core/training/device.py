"""Where a model runs, and runs the same way twice."""

import contextlib
import logging
import os
from collections.abc import Iterator

import torch
from torch.nn.attention import SDPBackend, sdpa_kernel

from pahcl_core.errors import SettingError
from pahcl_core.training.machine import MachineConfig
from pahcl_core.training.ranks import among_others, local_rank

log = logging.getLogger(__name__)

_PLAIN, _HOST = MachineConfig(), torch.device("cpu")
_WORKSPACE = "CUBLAS_WORKSPACE_CONFIG"


def resolve_device(name: str) -> torch.device:
    """The device of that name; `auto` takes the best there is.

    Of several processes on a machine, each has the GPU of its number, and `auto` is no `mps`.

    Raises:
        SettingError: If this machine has none of that kind, or not one for each process.
    """
    available = {
        "cuda": torch.cuda.is_available(),
        "mps": torch.backends.mps.is_available() and not among_others(),
        "cpu": True,
    }
    if name == "auto":
        name = next(kind for kind, there in available.items() if there)
    if not available.get(name, False):
        there = ", ".join(kind for kind, usable in available.items() if usable)
        raise SettingError(f"device {name!r} is not available here; available: {there}")
    return _own_gpu() if name == "cuda" and among_others() else torch.device(name)


def _own_gpu() -> torch.device:
    """That of this process's number on its machine."""
    number, count = local_rank(), torch.cuda.device_count()
    if number >= count:
        raise SettingError(
            f"process {number + 1} on this machine has no GPU to itself: there are {count}; "
            f"start torchrun with --nproc-per-node {count}"
        )
    return torch.device("cuda", number)


@contextlib.contextmanager
def reproducible(
    seed: int, machine: MachineConfig = _PLAIN, device: torch.device = _HOST
) -> Iterator[None]:
    """Seed torch, and have it compute as the settings ask; leave it as it was found.

    Of what has no deterministic algorithm torch warns. What cuBLAS needs to be deterministic is
    read when CUDA begins its work, and stays in the environment. Where algorithms are to be
    deterministic on a GPU, attention is made of plain products: its fused backward passes are
    deterministic only where torch is to fail rather than warn (attention_backward.cu).
    """
    before = torch.are_deterministic_algorithms_enabled()
    only_warned = torch.is_deterministic_algorithms_warn_only_enabled()
    matmul, convolution = torch.get_float32_matmul_precision(), torch.backends.cudnn.allow_tf32
    precision = machine.settled_matmul_precision()
    attention: contextlib.AbstractContextManager[object] = contextlib.nullcontext()
    if machine.deterministic and device.type == "cuda":
        _make_cublas_deterministic()
        attention = sdpa_kernel(SDPBackend.MATH)
    with attention, torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
        torch.manual_seed(seed)
        torch.use_deterministic_algorithms(machine.deterministic, warn_only=True)
        torch.set_float32_matmul_precision(precision)
        torch.backends.cudnn.allow_tf32 = precision != "highest"
        try:
            yield
        finally:
            torch.use_deterministic_algorithms(before, warn_only=only_warned)
            torch.set_float32_matmul_precision(matmul)
            torch.backends.cudnn.allow_tf32 = convolution


def _make_cublas_deterministic() -> None:
    if os.environ.get(_WORKSPACE) in (":4096:8", ":16:8"):
        return
    if torch.cuda.is_initialized():
        log.warning(
            "CUDA is at work already, so that its products may differ from run to run: set "
            "%s=:4096:8 before the program begins", _WORKSPACE,
        )  # fmt: skip
        return
    os.environ[_WORKSPACE] = ":4096:8"
