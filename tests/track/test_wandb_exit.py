"""A program that reports to W&B comes to its end, whatever becomes of W&B's service."""

import os
import subprocess
import sys

import pytest

pytest.importorskip("wandb", reason="needs the wandb client")

# At its exit wandb tells the service to end and waits until it has. Here that word is lost, as it
# can be where a server hangs, and the service goes on as long as this process lives.
DEAF_SERVICE = """
import sys
from pathlib import Path
from pahcl_track import Run
from pahcl_track.backends.wandb import WandbTracker

tracker = WandbTracker(mode="offline", finish_timeout_s=0.5)
tracker.start(Run(name="deaf", directory=Path(sys.argv[1])))

from wandb.sdk.lib.service.service_client import ServiceClient

async def lose(self, request):
    pass

ServiceClient.publish = lose
print("logged")
"""


def test_a_service_that_does_not_end_is_ended(tmp_path):
    environment = {name: value for name, value in os.environ.items() if name != "WANDB_SERVICE"}
    done = subprocess.run(
        [sys.executable, "-c", DEAF_SERVICE, str(tmp_path / "run")],
        env={**environment, "HOME": str(tmp_path), "WANDB_SILENT": "true"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    assert done.stdout == "logged\n"
