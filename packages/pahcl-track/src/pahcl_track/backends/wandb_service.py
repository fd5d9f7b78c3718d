"""wandb's service, the process that writes and sends what wandb was told: its end, and its death.

wandb has one for all its runs, starts it with the first of them and asks it to end when the program
does. It has no way back from a service that was killed, nor a limit to the wait for one that hangs.
"""

import contextlib
import subprocess
import threading
import time
from typing import Any


def bound_its_end(patience_s: float) -> None:
    """See that a program ends: at its exit wandb waits for its service, however long that takes.

    It can take for ever: where a server does not answer, the service may miss that it is to end.
    What it had to send is on disk all the same.
    """
    threading.Thread(
        target=_end_late, args=(patience_s,), name="pahcl-track-wandb-exit", daemon=True
    ).start()


def forget_if_dead(patience_s: float = 0.0) -> None:
    """Let go of a service that was killed.

    The next run starts another one, and wandb does not ask the dead one to end at the program's
    exit, which would print a traceback.

    Args:
        patience_s: For one that may be dying: its connections are closed before it is gone.
    """
    process = _process()
    if process is None:
        return
    try:
        process.wait(patience_s)
    except subprocess.TimeoutExpired:  # it lives
        return
    import wandb

    with contextlib.suppress(Exception):  # the dead one does not answer; all else is done then
        wandb.teardown()


def _end_late(patience_s: float) -> None:
    threading.main_thread().join()
    time.sleep(patience_s)
    process = _process()
    if process is not None:
        process.kill()


def _process() -> "subprocess.Popen[bytes] | None":
    """That of wandb's service; None where there is none, or it is not ours."""
    from wandb.sdk import wandb_setup

    service: Any = wandb_setup._singleton
    for name in ("_connection", "_proc", "_process"):
        service = getattr(service, name, None)
    process: subprocess.Popen[bytes] | None = service
    return process
