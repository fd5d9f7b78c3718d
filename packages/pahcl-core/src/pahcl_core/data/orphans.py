"""Workers that do not outlive the process they work for."""

import os
import sys
import threading
import time

_EVERY_S = 0.5


def end_with(parent: int) -> None:
    """In a worker, as it begins: end without a word when the process `parent` is gone.

    A process that is killed cannot tell its workers; idle ones would wait minutes for work. Where
    a child cannot see that its parent is gone (Windows), they do.
    """
    if sys.platform != "win32":
        threading.Thread(target=_watch, args=(parent,), daemon=True).start()


def _watch(parent: int) -> None:
    # A child is told at once, by its parent's number. Others are those that a server has forked on
    # behalf of the parent, and those whose parent was gone before they began.
    is_child = os.getppid() == parent
    while os.getppid() == parent if is_child else _exists(parent):
        time.sleep(_EVERY_S)
    os._exit(1)


def _exists(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:  # it is another's
        pass
    return True
