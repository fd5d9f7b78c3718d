"""No secret of W&B's, nor of the program, is in any file of a run that the real client reports."""

import base64
from dataclasses import dataclass
from pathlib import Path

import pytest

pytest.importorskip("wandb", reason="needs the wandb client")

from support.wandb_programs import environment, files_with, start
from support.wandb_server import WandbServer

PASSWORD = "hunter2hunter2"
"""Of user-info in addresses, and of a setting."""

PROGRAM = """
import logging, os
logging.basicConfig(filename=DIRECTORY / "train.log", level=logging.DEBUG)
password = sys.stdin.readline().strip()
config = {
    "data": {"url": f"https://me:{password}@example.org/x", "password": password},
    "wandb": {"api_key": password, "host": os.environ["WANDB_BASE_URL"]},
}
tracked = session(init_timeout_s="2")
with tracked.running(Run(name="quiet", directory=DIRECTORY, id="quiet", config=config)):
    for step in range(5):
        tracked.log({"a": float(step)}, step=step)
    (DIRECTORY / "best_model.pt").write_bytes(b"weights")
    tracked.save(DIRECTORY / "best_model.pt", kind="checkpoint")
print(tracked.accounts()[0].sent)
"""


@dataclass
class Reported:
    """A run, and what was said of it."""

    directory: Path
    secrets: list[str]
    sent: int
    said: str
    server: WandbServer

    def leaks(self) -> list[str]:
        """Where a secret shows, as it is or as it travels."""
        found = []
        for secret in self.secrets:
            encoded = base64.b64encode(f"api:{secret}".encode()).decode()
            for text in (secret, encoded):
                found += files_with(text, self.directory)
                found += ["what it said"] if text in self.said else []
        return found


def reported(tmp_path, server, *arguments, netrc=False, address=None, **changes) -> Reported:
    """Run the program; its key comes from the environment, or from `.netrc` in its home."""
    directory = tmp_path / "run"
    directory.mkdir()
    env = environment(server, tmp_path, **changes)
    if netrc:
        file = Path(env["HOME"]) / ".netrc"
        host = server.url.removeprefix("http://")
        file.write_text(f"machine {host}\n  login user\n  password {env.pop('WANDB_API_KEY')}\n")
        file.chmod(0o600)
    if address is not None:
        env["WANDB_BASE_URL"] = address
    program = start(PROGRAM, directory, env, *arguments)
    out, err = program.communicate(f"{PASSWORD}\n", timeout=60)
    assert program.returncode == 0, err
    return Reported(directory, [server.api_key, PASSWORD], int(out), out + err, server)


def with_user_info(server):
    return server.url.replace("http://", f"http://me:{PASSWORD}@")


def test_a_key_in_the_environment(tmp_path):
    with WandbServer() as server:
        run = reported(tmp_path, server)

    assert run.sent == 6
    assert [row["a"] for row in server.runs["quiet"].logged] == [0.0, 1.0, 2.0, 3.0, 4.0]
    assert len(list(run.directory.rglob("debug*.log"))) >= 2
    assert run.leaks() == []


def test_a_key_in_netrc(tmp_path):
    with WandbServer() as server:
        run = reported(tmp_path, server, netrc=True)

    assert run.sent == 6
    assert server.runs["quiet"].exit_code == 0
    assert run.leaks() == []


def test_user_info_in_the_address_of_a_server_that_fails_meanwhile(tmp_path):
    """The client writes the address of each request that failed to its log."""
    with WandbServer() as server:
        server.fail_with(500, on="file_stream", times=1)
        server.fail_with(500, on="upload", times=1)
        run = reported(tmp_path, server, address=with_user_info(server))
        statuses = [request.status for request in server.requests]

    assert statuses.count(500) == 2
    assert server.runs["quiet"].exit_code == 0
    assert run.leaks() == []


def test_user_info_in_the_address_of_a_server_that_refuses(tmp_path):
    with WandbServer() as server:
        server.fail_with(401, on="graphql")
        run = reported(tmp_path, server, address=with_user_info(server))

    assert run.sent == 0
    assert "WANDB_MODE=offline" in (run.directory / "train.log").read_text()
    assert run.leaks() == []
    assert files_with(PASSWORD, tmp_path / "home") == []


def test_a_run_that_is_recorded_offline(tmp_path):
    with WandbServer() as server:
        run = reported(tmp_path, server, address=with_user_info(server), WANDB_MODE="offline")
        assert server.requests == []

    assert run.sent == 6
    assert run.leaks() == []


def test_a_secret_on_the_command_line(tmp_path):
    """The client keeps the command line, with what else it knows of the machine."""
    with WandbServer() as server:
        run = reported(tmp_path, server, "--password", PASSWORD)

    assert run.sent == 6
    assert run.leaks() == []
    assert "wandb-metadata.json" not in server.runs["quiet"].files


def test_a_command_line_without_a_secret_is_kept(tmp_path):
    with WandbServer() as server:
        reported(tmp_path, server, "--set", "optimiser.lr=0.5", "--num-tokens", "3")

    assert b'"optimiser.lr=0.5"' in server.runs["quiet"].files["wandb-metadata.json"]
