"""Ctrl-C and SIGTERM: held back where they would do harm, and told how to go on after."""

import contextlib
import signal
import threading
from collections.abc import Callable, Iterator

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


@contextlib.contextmanager
def undisturbed() -> Iterator[None]:
    """Let signals that interrupt wait until this is over, then take effect.

    PyTorch's writer answers an exception that comes in its midst with an error of its own or by
    ending the process, so that an interruption would pass for a failure.
    """
    if threading.current_thread() is not threading.main_thread():  # signals go elsewhere
        yield
        return
    waiting: list[int] = []
    before = {one: signal.getsignal(one) for one in _SIGNALS}
    for one in _SIGNALS:
        signal.signal(one, lambda number, frame: waiting.append(number))
    try:
        yield
    finally:
        for one, handler in before.items():
            signal.signal(one, signal.SIG_DFL if handler is None else handler)
        for number in waiting:
            signal.raise_signal(number)


@contextlib.contextmanager
def told_how_to_go_on(then: Callable[[], str]) -> Iterator[None]:
    """Note on an interruption what to do after it; the outermost note counts."""
    try:
        yield
    except KeyboardInterrupt as error:
        error.add_note(then())
        raise
