"""W&B's service process is killed in mid run: the training ends well, and a replay sends it all."""

import os
import signal
import sys

import pytest

pytest.importorskip("wandb", reason="needs the wandb client")

from oracles.journal_reader import read_rows
from oracles.wandb_file import read_wandb_file
from pahcl_track import read_history
from support.trackers import until
from support.wandb_programs import REPLAY, environment, run, start
from support.wandb_server import WandbServer

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="there is no SIGKILL")

NUM_ROWS = 80

# A line on standard input says that the service was killed.
SERVED = """
def service():
    from wandb.sdk import wandb_setup
    return wandb_setup.singleton()._connection._proc._process

def report(name, steps):
    tracked = session(system_metrics="false")
    with tracked.running(Run(name=name, directory=DIRECTORY.with_name(name), id=name)):
        for step in steps:
            tracked.log({"a": float(step)}, step=step)
            if step == 39:
                print(service().pid, flush=True)
                sys.stdin.readline()
    print(tracked.accounts()[0])

report("killed", range(80))
"""
FURTHER_RUNS = """
report("second", range(10))
service().kill()
service().wait()
report("third", range(10))
"""
EXPECTED = [(step, {"a": float(step)}) for step in range(NUM_ROWS)]


def end_of_the_run(code, env, directory, ready=lambda: True):
    """What the program printed and complained of after its service was killed."""
    program = start(code, directory, env)
    with program:
        pid = int(program.stdout.readline())
        until(ready)
        os.kill(pid, signal.SIGKILL)
        out, err = program.communicate("\n", timeout=60)
    assert program.returncode == 0, err
    return out.splitlines(), err


def rows_of(logged):
    return [(row.pop("global_step"), row) for row in map(dict, logged)]


@pytest.fixture(scope="module")
def online(tmp_path_factory):
    """The server, the run's directory, what was printed, and how the rows came to the server."""
    folder = tmp_path_factory.mktemp("online")
    with WandbServer() as server:
        env = environment(server, folder)
        printed = end_of_the_run(
            SERVED + FURTHER_RUNS,
            env,
            folder / "killed",
            lambda: "killed" in server.runs and server.runs["killed"].logged,
        )
        live = len(server.runs["killed"].logged)
        replayed = [run(REPLAY, folder / "killed", env) for _ in range(2)]
        yield server, folder / "killed", printed, (live, replayed)


def test_nothing_is_raised_in_the_program_nor_at_its_exit(online):
    """Although wandb itself would ask the dead service to end, and print a traceback."""
    _, _, (_, complaints), _ = online

    assert "Exception ignored" not in complaints
    assert "Exception in thread" not in complaints
    assert "pahcl track replay" in complaints


def test_the_journal_has_everything(online):
    _, directory, _, _ = online

    assert read_rows(directory / "journal.jsonl") == EXPECTED
    assert read_history(directory).outcome.status == "completed"


def test_a_replay_brings_every_row_once(online):
    server, _, _, (live, replayed) = online

    assert 0 < live < NUM_ROWS
    assert replayed == [f"{NUM_ROWS - live} {live}\n", f"0 {NUM_ROWS}\n"]
    assert rows_of(server.runs["killed"].logged) == EXPECTED
    assert server.runs["killed"].exit_code == 0


def test_later_runs_of_the_program_are_served_again(online):
    """Also where the service died while there was no run."""
    server, _, (printed, _), _ = online

    assert printed[1:] == ["wandb: 10 sent, 0 failed, 0 not delivered"] * 2
    for name in ("second", "third"):
        assert rows_of(server.runs[name].logged) == EXPECTED[:10]


def test_offline_a_replay_records_the_run_anew(tmp_path):
    """The torn record is out of the way of `wandb sync`."""
    with WandbServer() as server:
        env = environment(server, tmp_path, WANDB_MODE="offline")
        _, complaints = end_of_the_run(SERVED, env, tmp_path / "killed")
        assert run(REPLAY, tmp_path / "killed", env) == f"{NUM_ROWS} 0\n"
        assert server.requests == []

    assert "Exception ignored" not in complaints
    assert read_rows(tmp_path / "killed/journal.jsonl") == EXPECTED
    (file,) = tmp_path.glob("killed/wandb/offline-run-*/*.wandb")
    recorded = read_wandb_file(file)
    assert rows_of(recorded.logged) == EXPECTED
    assert recorded.exit_code == 0
