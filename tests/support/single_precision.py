"""A device without double precision, as those of Apple machines are, played by the host."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode


class SinglePrecision(TorchFunctionMode):
    """Inside, what was not brought to the host by `cpu` cannot become double precision."""

    def __init__(self) -> None:
        super().__init__()
        self.on_host: list[Tensor] = []
        """Kept, so that no other tensor takes their place."""

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        """The result, or what PyTorch says on MPS."""
        result = func(*args, **(kwargs or {}))
        if func is torch.Tensor.cpu:
            result = result.clone()  # the host's `cpu` is the tensor itself
            self.on_host.append(result)
        elif is_double(result) and args and self.is_on_device(args[0]):
            raise TypeError("Cannot convert a MPS Tensor to float64 dtype")
        return result

    def is_on_device(self, one: object) -> bool:
        """Whether it is what a device of this kind can hold, and has not left it."""
        is_held = isinstance(one, Tensor) and not is_double(one)
        return is_held and all(one is not other for other in self.on_host)


def is_double(one: object) -> bool:
    return isinstance(one, Tensor) and one.dtype == torch.float64
