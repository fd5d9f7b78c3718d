"""`wandb sweep` and `wandb agent` of the real client drive `pahcl finetune`, as told."""

import json
import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

pytest.importorskip("wandb", reason="needs the wandb client")

from typer.testing import CliRunner

from pahcl_cli.main import app
from support.cli_process import PAHCL, SMALL
from support.wandb_server import WandbServer

TRIALS = (
    {"optimiser.lr": 0.00125, "training.batch_size": 8},
    {"optimiser.lr": 0.0025, "training.batch_size": 4},
)
# The command itself, but that it looks for news at once and not after five seconds.
WANDB = """
import sys
from wandb import wandb_agent
from wandb.cli.cli import cli
wandb_agent.Agent.POLL_INTERVAL = 0.2
cli(prog_name="wandb")
"""

pytestmark = pytest.mark.slow


def sweep_file(folder: Path) -> str:
    """What `pahcl sweep --wandb-sweep` prints of a sweep in that folder."""
    settings = "\n".join(['data_dir = "data/circor"', "training.epochs = 1", *SMALL])
    space = "optimiser.lr = {low = 3e-4, high = 3e-3}\ntraining.batch_size = [4, 8]"
    (folder / "murmur.toml").write_text(
        f'task = "circor_murmur"\n[settings]\n{settings}\n[space]\n{space}\n'
    )
    done = CliRunner().invoke(app, ["sweep", str(folder / "murmur.toml"), "--wandb-sweep"])
    assert done.exit_code == 0, done.stderr
    sweep = json.loads(done.stdout)
    assert "${args_json}" in sweep["command"]
    assert sweep["parameters"].keys() == TRIALS[0].keys()
    return done.stdout


def wandb(server: WandbServer, folder: Path, *arguments: str) -> None:
    """The command, in a folder."""
    environment = server.environment(folder / "home")
    del environment["WANDB_DIR"]  # it would be that of all trials together
    path = os.pathsep.join([str(PAHCL.parent), environment["PATH"]])
    done = subprocess.run(
        [sys.executable, "-c", WANDB, *arguments],
        cwd=folder,
        env={**environment, "PATH": path, "OMP_NUM_THREADS": "1"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr


@pytest.fixture(scope="module")
def swept(circor, tmp_path_factory):
    """The server after an agent worked through a sweep of two trials, and the agent's folder."""
    folder = tmp_path_factory.mktemp("swept")
    (folder / "data").mkdir()
    (folder / "data/circor").symlink_to(circor)
    (folder / "sweep.yaml").write_text(sweep_file(folder))
    with WandbServer() as server:
        server.sweeps.trials = TRIALS
        wandb(server, folder, "sweep", "--project", "hearts", "sweep.yaml")
        (sweep,) = server.sweeps.recorded
        wandb(server, folder, "agent", "--project", "hearts", sweep)
        unknown = [request for request in server.requests if request.status != 200]
        assert unknown == []
    return server, folder


def test_the_agent_was_given_every_trial(swept):
    server, _ = swept
    (sweep,) = server.sweeps.recorded.values()

    assert tuple(sweep.given.values()) == TRIALS
    assert list(server.runs) == list(sweep.given)


def test_each_trial_ran_with_its_parameters(swept):
    """They stand in the settings that it wrote down, each in a folder of its own."""
    _, folder = swept
    outputs = folder / "outputs" / "murmur"
    names = ("circor_murmur_finetune.1", "circor_murmur_finetune")  # the first was set aside
    for name, given in zip(names, TRIALS, strict=True):
        settings = tomllib.loads((outputs / name / "config.toml").read_text())
        assert settings["optimiser"]["lr"] == given["optimiser.lr"]
        assert settings["training"]["batch_size"] == given["training.batch_size"]
        assert settings["training"]["epochs"] == 1


def test_the_server_has_each_run_as_a_trial_of_the_sweep(swept):
    server, _ = swept
    (sweep,) = server.sweeps.recorded.values()
    for run_id, given in sweep.given.items():
        sent = server.runs[run_id]
        assert (sent.sweep, sent.project, sent.exit_code) == (sweep.id, "hearts", 0)
        assert sent.config["optimiser"]["lr"] == given["optimiser.lr"]
        assert sent.config["training"]["batch_size"] == given["training.batch_size"]
        assert sent.group == "murmur"
        assert "best/val/auroc" in sent.summary  # what the sweep looks at
        assert any("train/loss" in row for row in sent.logged)
