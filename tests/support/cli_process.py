"""Running the installed `pahcl` as a person would, away from anybody's own settings."""

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

PAHCL = Path(sys.prefix) / "bin" / "pahcl"

SMALL = (
    "encoder.width=16", "encoder.num_blocks=1", "encoder.state_size=4", "encoder.window_s=1.024",
    "signal.sample_rate=500", "signal.high_hz=200",
    "training.cycles_per_recording=2", "training.histogram_every=2", "training.log_every=2",
)  # fmt: skip
"""Settings of a run that takes seconds."""


def environment(home: Path) -> dict[str, str]:
    """Of a person with an empty home, whose W&B reports to nobody."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("WANDB_", "PAHCL_", "RANK"))
    }
    return kept | {
        "HOME": str(home),
        "OMP_NUM_THREADS": "1",
        "WANDB_ERROR_REPORTING": "false",
        "WANDB_X_DISABLE_STATS": "true",
        "WANDB_CONFIG_DIR": str(home / "wandb-config"),
        "WANDB_CACHE_DIR": str(home / "wandb-cache"),
        "WANDB_DATA_DIR": str(home / "wandb-data"),
    }


def start(
    folder: Path,
    *arguments: str | Path,
    env: dict[str, str] | None = None,
    program: Sequence[str] | None = None,
) -> subprocess.Popen[str]:
    """`pahcl`, or a `program` in its place, in a folder, with nobody at the keyboard."""
    return subprocess.Popen(
        [*(program or [str(PAHCL)]), *map(str, arguments)],
        cwd=folder,
        env=environment(folder) | (env or {}),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def run(
    folder: Path,
    *arguments: str | Path,
    env: dict[str, str] | None = None,
    timeout_s: float = 120.0,
    program: Sequence[str] | None = None,
) -> subprocess.CompletedProcess[str]:
    """The same, to its end."""
    process = start(folder, *arguments, env=env, program=program)
    out, err = process.communicate(timeout=timeout_s)
    return subprocess.CompletedProcess(process.args, process.returncode, out, err)


def run_in_terminal(folder: Path, arguments: Sequence[str | Path]) -> str:
    """Everything that `pahcl` shows on a terminal of its own."""
    import fcntl
    import pty
    import struct
    import termios

    command = [str(PAHCL), *map(str, arguments)]
    pid, terminal = pty.fork()
    if pid == 0:
        fcntl.ioctl(2, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 120, 0, 0))
        os.chdir(folder)
        os.execve(command[0], command, environment(folder) | {"TERM": "xterm"})
    shown = b""
    while True:
        try:
            part = os.read(terminal, 65536)
        except OSError:  # the other end is closed
            break
        if not part:
            break
        shown += part
    os.waitpid(pid, 0)
    os.close(terminal)
    return shown.decode()
