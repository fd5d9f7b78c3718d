"""Runs that are killed: what `log` was given before it returned is there, and stays there once."""

import os
import random
import signal
import subprocess
import sys
import warnings
from contextlib import contextmanager

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from oracles.journal_reader import appended, read_lines, read_rows, settled
from pahcl_track import Run, Session
from pahcl_track.history import read_history
from support.trackers import InAFile, InAFilePositioned

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="there is no SIGKILL")

PROGRAM = """
import os, sys
from decimal import Decimal
from itertools import count
from pathlib import Path
from pahcl_track import Image, Run, Session
session = Session({})
session.start(Run(name="quiet", directory=Path(sys.argv[1])))
for step in count():
    values = {"train/loss": 1 / (step + 1), "grad_norm/all": step * 0.1}
    if step % 3 == 0:
        values |= {"epoch": step, "val/auroc": Decimal("0.5"), "nan": float("nan")}
    if step % 10 == 0:
        values["picture"] = Image(data=b"picture %d" % step)
    session.log(values, step=step)
    os.write(1, b"%d\\n" % step)
"""


@pytest.mark.parametrize("seed", range(8))
def test_what_was_acknowledged_is_on_disk(tmp_path, seed):
    """Killed at a random moment right after a random acknowledgement."""
    enough = random.Random(seed).choice([1, 2, 3, 10, 57, 300, 999])
    running = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, str(tmp_path)], stdout=subprocess.PIPE, bufsize=0
    )
    with running:
        last = next(
            int(line) for number, line in enumerate(running.stdout, start=1) if number == enough
        )
        running.kill()
        # What it acknowledged between that moment and its death counts, too.
        rest = [line for line in running.stdout.read().split(b"\n")[:-1] if line]
        last = int(rest[-1]) if rest else last
    rows = read_rows(tmp_path / "journal.jsonl")[: last + 1]

    assert running.returncode == -signal.SIGKILL
    assert len(rows) == last + 1 >= enough
    for step, (recorded, values) in enumerate(rows):
        assert recorded == step
        expected = {"train/loss": 1 / (step + 1), "grad_norm/all": step * 0.1}
        if step % 3 == 0:
            expected |= {"epoch": step, "val/auroc": 0.5, "nan": "NaN"}
        pictured = values.pop("picture", None)
        assert values == expected
        if step % 10 == 0:
            file = tmp_path / "journal.pictures" / pictured["image"]["file"]
            assert file.read_bytes() == b"picture %d" % step


@contextmanager
def child():
    """A forked process in which the block runs, and which does not come back."""
    with warnings.catch_warnings():  # of threads, which the child does without
        warnings.simplefilter("ignore", DeprecationWarning)
        number = os.fork()
    if number == 0:
        try:
            yield True
        finally:
            os._exit(99)
    yield False
    _, status = os.waitpid(number, 0)
    assert os.WIFSIGNALED(status), f"it ended with {status}, unkilled"
    assert os.WTERMSIG(status) == signal.SIGKILL


def stretch(tracker, directory, resumed_from, rows):
    """Log rows in a process that kills itself after the last of them, or dies of an error."""
    with child() as inside:
        if inside:
            session = Session({"mine": tracker})
            session.start(Run(name="quiet", directory=directory, resumed_from_step=resumed_from))
            for step, values in rows:
                session.log(values, step=step)
            os.kill(os.getpid(), signal.SIGKILL)


names = st.sampled_from(["train/loss", "val/auroc", "lr"])
log = st.tuples(st.integers(0, 6), st.sets(names, min_size=1))
stretches = st.lists(
    st.tuples(st.integers(0, 6), st.lists(log, max_size=8)), min_size=1, max_size=3
)


@settings(max_examples=25, deadline=None)
@given(stretches)
def test_each_step_of_a_run_that_was_killed_and_resumed_is_there_once(tmp_path_factory, drawn):
    """In its history, and in a tracker that can say how much it holds."""
    directory = tmp_path_factory.mktemp("killed")
    tracker = InAFilePositioned(directory / "mine.txt")
    events, value = [], 0.0
    for number, (resumed_from, logs) in enumerate(drawn):
        rows = []
        if number > 0:
            events.append(("resume", resumed_from))
        for step, logged in logs:
            values = {}
            for name in sorted(logged):
                value += 1.0
                values[name] = value
                events.append(("log", name, step, value))
            rows.append((step, values))
        stretch(tracker, directory, resumed_from if number > 0 else None, rows)
    # A last stretch that is not killed, so that the tracker gets what it lacks.
    events.append(("resume", 6))
    with Session({"mine": tracker}).running(
        Run(name="quiet", directory=directory, resumed_from_step=6)
    ):
        pass

    history = read_history(directory)
    standing = [
        (name, row.step, value) for row in history.rows for name, value in row.values.items()
    ]
    assert standing == settled(events)
    held = []
    for step, *entries in map(str.split, tracker.lines()):
        for name, _, number in (entry.partition("=") for entry in entries):
            held.append((name, int(step), float(number)))
    assert held == appended(events)
    assert history.unreadable == 0
    numbers = [line["n"] for line in read_lines(directory / "journal.jsonl")[0]]
    assert numbers == sorted(set(numbers))


@pytest.mark.parametrize("kills", [1, 3])
def test_a_tracker_that_cannot_tell_misses_nothing_either(tmp_path, kills):
    """What it was sent is noted; a death between the two can cost it one row twice, at most."""
    tracker = InAFile(tmp_path / "mine.txt")
    steps = []
    for number in range(kills):
        rows = [(100 * number + step, {"a": 0.5}) for step in range(30)]
        steps += [step for step, _ in rows]
        stretch(tracker, tmp_path, 100 * number if number else None, rows)
    with Session({"mine": tracker}).running(
        Run(name="quiet", directory=tmp_path, resumed_from_step=1000)
    ):
        pass

    held = [int(line.split(" ")[0]) for line in tracker.lines()]
    assert sorted(set(held)) == steps
    assert len(held) - len(steps) <= kills
    assert held == sorted(held)


def test_the_identity_of_a_killed_run_is_kept(tmp_path):
    """Without anybody noting it; the journal goes on where it stopped."""
    stretch(InAFile(tmp_path / "mine.txt"), tmp_path, None, [(1, {"a": 0.5})])
    before = read_history(tmp_path)
    with Session({}).running(Run(name="other", directory=tmp_path, resumed_from_step=1)) as session:
        session.log({"a": 0.25}, step=2)
    after = read_history(tmp_path)

    assert before.outcome is None
    assert after.run == before.run
    assert after.run.id
    assert after.outcome.status == "completed"
    assert after.series("a") == ([1, 2], [0.5, 0.25])
    lines, broken = read_lines(tmp_path / "journal.jsonl")
    assert broken == 0
    assert [line["n"] for line in lines] == list(range(len(lines)))
