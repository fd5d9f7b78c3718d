"""Waiting for another thread, so that Ctrl-C is heard meanwhile."""

import threading
import time

_PIECE_S = 0.2


def wait_for(event: threading.Event, timeout_s: float) -> bool:
    """Whether the event was set within that time.

    In pieces: Windows interrupts no wait for Ctrl-C, and elsewhere one that begins at the wrong
    moment is not interrupted either.
    """
    deadline = time.monotonic() + timeout_s
    while not event.wait(min(_PIECE_S, deadline - time.monotonic())):
        if not time.monotonic() < deadline:  # also where the time is no number
            return False
    return True
