"""Programs that report a run to W&B through a session, in processes of their own."""

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from support.wandb_server import WandbServer

BEGINNING = """
import os, signal, sys
from pathlib import Path
from pahcl_track import Histogram, Outcome, Run, Session, load_tracker
from pahcl_track.replay import replay
DIRECTORY = Path(sys.argv[1])

def session(**options):
    return Session({"wandb": load_tracker("wandb", options)})
"""
"""What such a program begins with."""

REPLAY = """
done = replay(DIRECTORY, load_tracker("wandb"), name="wandb")
print(done.sent, done.held)
"""


def environment(server: WandbServer, folder: Path, **changes: str | None) -> dict[str, str]:
    """Of a client of that server whose files lie in the run's directory; None leaves one out."""
    merged = {**server.environment(folder / "home"), "WANDB_DIR": None, **changes}
    return {name: value for name, value in merged.items() if value is not None}


def start(
    code: str, directory: Path, env: Mapping[str, str], *arguments: object, name: str = "main.py"
) -> subprocess.Popen[str]:
    """A program that tracks into a directory, with its standard streams in pipes."""
    script = Path(env["HOME"]) / name
    script.write_text(BEGINNING + code)
    return subprocess.Popen(
        [sys.executable, str(script), str(directory), *map(str, arguments)],
        cwd=script.parent,
        env={"OMP_NUM_THREADS": "1", **env},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def run(code: str, directory: Path, env: Mapping[str, str], *arguments: object) -> str:
    """The same to its end; what it printed. An exit code other than 0 is an error."""
    process = start(code, directory, env, *arguments)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 0, err
    return out


def wandb(directory: Path, env: Mapping[str, str], *arguments: object) -> str:
    """The `wandb` command in a directory; what it said."""
    done = subprocess.run(
        [sys.executable, "-m", "wandb", *map(str, arguments)],
        cwd=directory,
        env=dict(env),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout + done.stderr


def files_with(secret: str, folder: Path) -> list[str]:
    """Files below a folder that hold a text, in whichever bytes, or have it in their path."""
    found = []
    for parent, _, names in os.walk(folder):
        for path in (Path(parent) / name for name in names):
            if secret in str(path) or secret.encode() in path.read_bytes():
                found.append(str(path.relative_to(folder)))
    return found
