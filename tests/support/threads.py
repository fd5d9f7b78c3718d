"""Torch with a number of threads, whatever the tests run with."""

import contextlib
from collections.abc import Iterator

import torch


@contextlib.contextmanager
def num_threads(number: int) -> Iterator[None]:
    """So many within the block."""
    before = torch.get_num_threads()
    torch.set_num_threads(number)
    try:
        yield
    finally:
        torch.set_num_threads(before)
