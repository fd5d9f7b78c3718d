"""A server that does not take what is still to be sent at a run's end: it is told, and not lost."""

import pytest

pytest.importorskip("wandb", reason="needs the wandb client")

from support.wandb_programs import REPLAY, environment, run, start
from support.wandb_server import WandbServer

PROGRAM = """
tracked = session(system_metrics="false", finish_timeout_s="1")
with tracked.running(Run(name="late", directory=DIRECTORY, id="late")):
    for step in range(10):
        tracked.log({"a": float(step)}, step=step)
"""


def test_rows_that_w_and_b_did_not_send_in_time(tmp_path):
    """It took every row, and has them on disk at most; a replay brings them to the server."""
    with WandbServer() as server:
        server.hang(on="file_stream")
        env = environment(server, tmp_path)
        program = start(PROGRAM, tmp_path / "run", env)
        _, said = program.communicate(timeout=60)
        unsent = server.runs["late"].logged
        server.recover()
        replayed = run(REPLAY, tmp_path / "run", env)
        rows = server.runs["late"].logged

    assert program.returncode == 0
    assert "wandb: 10 sent, 0 failed, 0 not delivered, no end; to send it: pahcl track" in said
    assert unsent == []
    assert replayed == "10 0\n"
    assert [(row["global_step"], row["a"]) for row in rows] == [(n, float(n)) for n in range(10)]


def test_a_replay_that_w_and_b_did_not_send_in_time_says_so(tmp_path):
    """It is no success that would keep anybody from doing it again."""
    with WandbServer() as server:
        env = environment(server, tmp_path, WANDB_MODE="offline")
        run(PROGRAM, tmp_path / "run", env)
        server.hang(on="file_stream")
        program = start(
            'replay(DIRECTORY, load_tracker("wandb", {"finish_timeout_s": "1"}), name="wandb")',
            tmp_path / "run",
            environment(server, tmp_path),
        )
        _, said = program.communicate(timeout=60)

    assert program.returncode == 1
    assert "TimeoutError" in said
