"""Counts the operations for which the host of a GPU waits, on whatever they are computed."""

from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

_READS = (torch.ops.aten.nonzero.default, torch.ops.aten._local_scalar_dense.default)
"""The size of a result that depends on the values, and a value itself."""


class HostWaits(TorchDispatchMode):
    """Inside, `names` grows with each of them."""

    def __init__(self) -> None:
        super().__init__()
        self.names: list[str] = []

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """The result as it is."""
        if func in _READS:
            self.names.append(str(func))
        if func is torch.ops.aten.index.Tensor and any(map(_is_mask, args[1])):
            self.names.append("index by truth values")
        return func(*args, **(kwargs or {}))


def _is_mask(one: object) -> bool:
    return isinstance(one, Tensor) and one.dtype == torch.bool
