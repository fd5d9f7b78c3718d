"""A run that was killed and resumed, online: one W&B run, in which each name has each step once."""

import sys

import pytest

pytest.importorskip("wandb", reason="needs the wandb client")

from oracles.journal_reader import appended, read_lines
from pahcl_track import read_history
from support.trackers import until
from support.wandb_programs import environment, run, start
from support.wandb_server import WandbServer

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="there is no SIGKILL")

STRETCH = """
first, last, resumed_from, factor = (int(text) for text in sys.argv[2:6])
tracked = session(system_metrics="false")
resumed_from = None if resumed_from < 0 else resumed_from
tracked.start(Run(name="again", directory=DIRECTORY, project="p", resumed_from_step=resumed_from))
for step in range(first, last):
    tracked.log({"a": float(factor * step), "b": 0.5}, step=step)
    if step % 10 == 0:
        tracked.log({"val/auroc": float(factor)}, step=step)
print("logged", flush=True)
if sys.argv[6:] == ["killed"]:
    sys.stdin.readline()
tracked.finish(Outcome(status="completed", summary={"best/auroc": float(factor)}))
"""
STRETCHES = ((0, 30, -1, 1), (20, 50, 19, 100), (45, 60, 44, 10_000))
"""First step, end, step of the checkpoint that it goes on from, factor of its values."""


def killed(directory, env, stretch, ready=lambda: True):
    """Log a stretch, and be killed; neither wandb nor the session can do anything more."""
    program = start(STRETCH, directory, env, *stretch, "killed")
    with program:
        assert program.stdout.readline() == "logged\n"
        until(ready)
        program.kill()


def entries_of(rows):
    """Name, step and value of everything in W&B's history."""
    return [
        (name, row["global_step"], value)
        for row in rows
        for name, value in sorted(row.items())
        if name != "global_step"
    ]


@pytest.fixture(scope="module")
def resumed(tmp_path_factory):
    """The server and the directory of a run that was killed twice.

    The first time the server had rows of it, the second time perhaps none.
    """
    folder = tmp_path_factory.mktemp("resumed")
    with WandbServer() as server:
        env = environment(server, folder)
        first, second, third = STRETCHES
        killed(
            folder / "run", env, first,
            lambda: any(sent.logged for sent in server.runs.values()),
        )  # fmt: skip
        killed(folder / "run", env, second)
        run(STRETCH, folder / "run", env, *third)
    return server, folder / "run"


def expected_entries():
    events = []
    for first, last, resumed_from, factor in STRETCHES:
        if resumed_from >= 0:
            events.append(("resume", resumed_from))
        for step in range(first, last):
            events += [("log", "a", step, float(factor * step)), ("log", "b", step, 0.5)]
            if step % 10 == 0:
                events.append(("log", "val/auroc", step, float(factor)))
    return appended(events)


def test_it_is_one_run_with_the_identity_in_the_journal(resumed):
    server, directory = resumed
    (sent,) = server.runs.values()

    assert sent.id == read_lines(directory / "journal.jsonl")[0][0]["run"]["id"]
    assert sent.exit_code == 0
    assert sent.summary["best/auroc"] == 10_000.0


def test_each_name_has_each_step_once_in_the_history_of_the_server(resumed):
    server, _ = resumed
    (sent,) = server.runs.values()
    entries = entries_of(sent.logged)

    assert entries == expected_entries()
    places = [entry[:2] for entry in entries]
    assert len(set(places)) == len(places)
    assert [step for name, step in places if name == "a"] == list(range(60))


def test_the_history_of_the_journal_has_what_was_logged_last(resumed):
    _, directory = resumed
    steps, values = read_history(directory).series("a")

    assert steps == list(range(60))
    assert values == [
        float(step * (1 if step < 20 else 100 if step < 45 else 10_000)) for step in range(60)
    ]
