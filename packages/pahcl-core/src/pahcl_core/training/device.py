"""Where a model runs, and runs the same way twice."""

import contextlib
from collections.abc import Iterator

import torch

from pahcl_core.errors import SettingError


def resolve_device(name: str) -> torch.device:
    """The device of that name; `auto` takes the best there is.

    Raises:
        SettingError: If this machine has none of that kind.
    """
    available = {
        "cuda": torch.cuda.is_available(),
        "mps": torch.backends.mps.is_available(),
        "cpu": True,
    }
    if name == "auto":
        return torch.device(next(kind for kind, there in available.items() if there))
    if not available.get(name, False):
        there = ", ".join(kind for kind, usable in available.items() if usable)
        raise SettingError(f"device {name!r} is not available here; available: {there}")
    return torch.device(name)


@contextlib.contextmanager
def reproducible(seed: int) -> Iterator[None]:
    """Seed torch and ask it for deterministic algorithms; leave it as it was found."""
    before = torch.are_deterministic_algorithms_enabled()
    only_warned = torch.is_deterministic_algorithms_warn_only_enabled()
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        torch.use_deterministic_algorithms(True, warn_only=True)
        try:
            yield
        finally:
            torch.use_deterministic_algorithms(before, warn_only=only_warned)
