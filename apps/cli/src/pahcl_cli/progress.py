"""What a person sees while a command runs: a bar on a terminal, and warnings."""

import logging
from collections.abc import Callable, Iterable
from typing import Any

from tqdm import tqdm

from pahcl_cli.speaking import speaks

_NEVER = logging.CRITICAL + 1


def progress_bar(description: str) -> Callable[[Iterable[Any], int], Iterable[Any]]:
    """A bar with time left around an iterable of that many items; nothing off a terminal."""

    def wrap(items: Iterable[Any], total: int) -> Iterable[Any]:
        return tqdm(items, total=total, desc=description, leave=False, disable=None)

    return wrap


class _AboveTheBar(logging.Handler):
    """Writes a record as one line that does not tear the bar; the traceback is for the log."""

    def emit(self, record: logging.LogRecord) -> None:
        tqdm.write(f"{record.levelname.lower()}: {record.getMessage()}", file=_stderr())


def _stderr() -> Any:  # noqa: ANN401  whatever stands for it at this moment
    import sys

    return sys.stderr


def show_warnings() -> None:
    """Let warnings of the libraries reach the terminal, those of one process."""
    handler = _AboveTheBar(logging.WARNING if speaks() else _NEVER)
    for name in ("pahcl_core", "pahcl_track"):
        logger = logging.getLogger(name)
        logger.handlers[:] = [h for h in logger.handlers if not isinstance(h, _AboveTheBar)]
        logger.addHandler(handler)
        logger.propagate = False
