"""Workers that do not outlive the process they work for."""

import os
import threading
import time

_EVERY_S = 0.5


def end_with(parent: int) -> None:
    """In a worker, as it begins: end without a word when the process `parent` is gone.

    A process that is killed cannot tell its workers; idle ones would wait minutes for work. Where
    a child cannot see that its parent is gone (Windows), they do.
    """
    threading.Thread(target=_watch, args=(parent,), daemon=True).start()


def _watch(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(_EVERY_S)
    os._exit(1)
