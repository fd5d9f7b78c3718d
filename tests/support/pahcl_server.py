"""`pahcl` for many commands: imported once, begun often.

    python pahcl_server.py SOCKET [small]

Each command that `pahcl_client.py` asks for is a process of its own, forked from this one with the
caller's folder, environment and streams; where it is to be `small`, with `typed_small` made of what
was typed.
"""

import json
import os
import socket
import sys
from collections.abc import Callable

from support.small_commands import typed_small


def serve(path: str, adapt: Callable[[list[str]], list[str]]) -> None:
    """Until killed, or alone."""
    import sklearn.linear_model  # noqa: F401  what most commands import
    import torch  # noqa: F401

    import pahcl_core.studies.fold_study
    import pahcl_core.training.finetune
    import pahcl_core.training.pretrain  # noqa: F401
    from pahcl_cli.main import main

    parent = os.getppid()
    server = socket.socket(socket.AF_UNIX)
    server.bind(path)
    server.listen(16)
    server.settimeout(2.0)
    while os.getppid() == parent:
        try:
            connection, _ = server.accept()
        except TimeoutError:
            continue
        connection.settimeout(None)
        if os.fork() == 0:
            server.close()
            _answer(connection, main, adapt)
        connection.close()
        _reap()


def _answer(connection: socket.socket, main, adapt) -> None:
    """Begin the command in a child of its own, and say how it ended."""
    message, streams, _, _ = socket.recv_fds(connection, 1 << 20, 3)
    asked = json.loads(message)
    child = os.fork()
    if child == 0:
        connection.close()
        for number, stream in enumerate(streams):
            os.dup2(stream, number)
        os.chdir(asked["folder"])
        os.environ.clear()
        os.environ.update(asked["environment"])
        sys.argv = ["pahcl", *adapt(asked["arguments"])]
        main()  # ends the process
    _, status = os.waitpid(child, 0)
    connection.send(bytes([os.waitstatus_to_exitcode(status) & 0xFF]))
    os._exit(0)


def _reap() -> None:
    while True:
        try:
            if os.waitpid(-1, os.WNOHANG) == (0, 0):
                return
        except ChildProcessError:
            return


if __name__ == "__main__":
    serve(sys.argv[1], typed_small if sys.argv[2:] == ["small"] else list)
