"""Asks `pahcl_server.py` for a command: `python -S -E pahcl_client.py SOCKET ARGUMENT…`."""

import json
import os
import socket
import sys
from pathlib import Path

with socket.socket(socket.AF_UNIX) as connection:
    connection.connect(sys.argv[1])
    asked = {"arguments": sys.argv[2:], "folder": str(Path.cwd()), "environment": dict(os.environ)}
    socket.send_fds(connection, [json.dumps(asked).encode()], [0, 1, 2])
    answer = connection.recv(1)
    sys.exit(answer[0] if answer else 255)
