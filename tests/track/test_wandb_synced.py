"""A run recorded offline, then sent with the `wandb sync` of the real client: every row arrives."""

import json

import pytest

pytest.importorskip("wandb", reason="needs the wandb client")

from support.wandb_programs import REPLAY, environment, run, start, wandb
from support.wandb_server import WandbServer

OFFLINE = """
tracked = session(system_metrics="false")
with tracked.running(Run(name="night", directory=DIRECTORY, project="p", config={"lr": 0.1})):
    for step in range(1, 41):
        tracked.log({"loss": 1 / step, "nan": float("nan")}, step=step)
    tracked.log({"late": 1.0}, step=3)
    tracked.log({"w": Histogram(counts=[3, 1], edges=[-1.0, 0.0, 1.0])}, step=40)
    (DIRECTORY / "best_model.pt").write_bytes(b"weights")
    tracked.save(DIRECTORY / "best_model.pt", kind="checkpoint")
"""
KILLED = """
tracked = session(system_metrics="false")
tracked.start(Run(name="night", directory=DIRECTORY, project="p"))
for step in range(1, 31):
    tracked.log({"loss": 1 / step}, step=step)
print("logged", flush=True)
sys.stdin.readline()
"""
RESUMED = """
tracked = session(system_metrics="false")
with tracked.running(Run(name="night", directory=DIRECTORY, project="p", resumed_from_step=20)):
    for step in range(21, 41):
        tracked.log({"loss": 1 / step}, step=step)
"""


def journal_rows(directory):
    lines = (directory / "journal.jsonl").read_text().splitlines()
    rows = [json.loads(line) for line in lines if '"values"' in line]
    return [(row["step"], row["values"]) for row in rows]


@pytest.fixture(scope="module")
def synced(tmp_path_factory):
    """The server after `wandb sync`, the run's directory, and its environment online."""
    folder = tmp_path_factory.mktemp("synced")
    with WandbServer() as server:
        run(OFFLINE, folder / "run", environment(server, folder, WANDB_MODE="offline"))
        assert server.requests == []
        online = environment(server, folder)
        wandb(folder / "run", online, "sync", *(folder / "run/wandb").glob("offline-run-*"))
        yield server, folder / "run", online


def test_every_row_arrives_in_order_at_its_step(synced):
    server, directory, _ = synced
    (sent,) = server.runs.values()
    expected = journal_rows(directory)

    assert [row["global_step"] for row in sent.logged] == [step for step, _ in expected]
    assert [row["loss"] for row in sent.logged[:40]] == [1 / step for step in range(1, 41)]
    assert all(row["nan"] != row["nan"] for row in sent.logged[:40])
    assert sent.logged[40] == {"global_step": 3, "late": 1.0}
    assert sent.logged[41]["w"]["values"] == [3, 1]


def test_the_rest_of_the_run_arrives(synced):
    server, _, _ = synced
    (sent,) = server.runs.values()

    assert (sent.project, sent.display_name, sent.config["lr"]) == ("p", "night", 0.1)
    assert sent.exit_code == 0
    (model,) = [artifact for artifact in sent.artifacts if artifact.type == "model"]
    assert model.files == {"best_model.pt": b"weights"}
    assert model.aliases == {"best", "latest"}


def test_a_replay_afterwards_sends_nothing_again(synced):
    server, directory, online = synced
    before = next(iter(server.runs.values())).logged

    assert run(REPLAY, directory, online) == f"0 {len(before)}\n"
    ((_, sent),) = server.runs.items()
    assert repr(sent.logged) == repr(before)


def test_of_a_run_that_was_killed_and_resumed_offline_each_step_arrives_once(tmp_path):
    """`wandb sync` of the run's whole folder; the torn record is not among what it finds there."""
    with WandbServer() as server:
        offline = environment(server, tmp_path, WANDB_MODE="offline")
        program = start(KILLED, tmp_path / "run", offline)
        with program:
            assert program.stdout.readline() == "logged\n"
            program.kill()
        run(RESUMED, tmp_path / "run", offline)
        wandb(tmp_path / "run", environment(server, tmp_path), "sync", tmp_path / "run/wandb")
        (sent,) = server.runs.values()

    assert [row["global_step"] for row in sent.logged] == list(range(1, 41))
    assert [row["loss"] for row in sent.logged] == [1 / step for step in range(1, 41)]
