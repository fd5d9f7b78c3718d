"""Killing a program that reports, at random moments: part of `track_faults.py`.

A child process logs and, after each `log` that returned, says so through a pipe. It is killed with
SIGKILL, started again from a checkpoint, killed again, and in the end allowed to finish. What its
journal must hold then is kept here in a plain dictionary. Some of the runs also report to W&B, with
the real client online, against a server on loopback.
"""

import json
import math
import os
import random
import select
import signal
import struct
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from _track_wandb import WandbServer

from pahcl_track import Outcome, Run, Session, Tracker, read_history
from pahcl_track.backends.wandb import STEP, WandbTracker

CHECKPOINT_EVERY = 20
_APPENDED = "appended.jsonl"
_KILLS_A_RUN = 4
_LAST_STEPS = 50
"""Steps of the stretch that is allowed to finish."""

_LONGEST_S, _LONGEST_ONLINE_S = 0.25, 1.5
"""From a child's first sign of life to its death, at most."""

_PAUSE_S, _PAUSE_ONLINE_S = 0.0002, 0.01
"""Between two rows: some of the time is left to the trackers' workers."""

_RUN_ID = "killed"

_ACKNOWLEDGED = struct.Struct("=q")

Place = tuple[str, int]
"""A name and a step."""


@dataclass(kw_only=True)
class Kills:
    """What the kills have shown so far."""

    kills: int = 0
    runs: int = 0
    before_first: int = 0
    """Kills before the first `log` of a stretch had returned."""

    acknowledged: int = 0
    """Values whose `log` had returned before a kill."""

    lost: int = 0
    """Of these, how many the journal lacked, or had otherwise."""

    duplicates: int = 0
    """(name, step) that appeared more than once after a resumption."""

    wrong: int = 0
    """(name, step) that were missing, left over or of another stretch when the run was over."""

    sent_twice: int = 0
    """(name, step) that a tracker, one that appends to a file or W&B, has twice."""

    not_sent: int = 0
    """(name, step) that such a tracker lacks."""

    torn: int = 0
    """Lines that a kill cut short, passed over by the reader."""

    errors: list[str] = field(default_factory=list)


class AppendingTracker:
    """A tracker that writes a line for each row, and can tell how many it holds."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def start(self, run: Run) -> None:
        self._file = self._path.open("ab", buffering=0)

    def position(self) -> int:
        """Complete lines in the file."""
        return self._path.read_bytes().count(b"\n")

    def log(self, values: Mapping[str, object], *, step: int) -> None:
        self._file.write(json.dumps([step, sorted(values)]).encode() + b"\n")

    def save(self, path: Path, *, kind: str) -> None:
        """Files are not what this is about."""

    def finish(self, outcome: Outcome) -> None:
        self._file.close()


def values_of(step: int, stretch: int) -> dict[str, float]:
    """What is logged at a step; each stretch of a run logs other values."""
    values = {f"train/metric_{number}": math.sin(step + number) + stretch for number in range(4)}
    if step % 7 == 0:
        values["train/undefined"] = math.nan  # takes the longer way through the session
    return values


def child(
    directory: Path, online: int, acknowledge: int, stretch: int, first: int, last: int
) -> None:
    """Log from a step on, to the end or until killed."""
    resumed = None if stretch == 0 else first - 1
    trackers: dict[str, Tracker] = {"appending": AppendingTracker(directory / _APPENDED)}
    if online:
        trackers["wandb"] = WandbTracker(mode="online")
    session = Session(trackers)
    session.start(Run(name="killed", id=_RUN_ID, directory=directory, resumed_from_step=resumed))
    for step in range(first, last + 1):
        session.log(values_of(step, stretch), step=step)
        os.write(acknowledge, _ACKNOWLEDGED.pack(step))
        time.sleep(_PAUSE_ONLINE_S if online else _PAUSE_S)
    session.finish(Outcome(status="completed"))


def kill_often(kills: int, directory: Path, *, seed: int, online: bool = False) -> Kills:
    """Kill so many children, over as many runs as that takes.

    Args:
        kills: How many.
        directory: Where the runs go.
        seed: Of the moments of death.
        online: Whether the runs report to W&B as well.
    """
    chance = random.Random(seed)
    found = Kills()
    while found.kills < kills:
        found.runs += 1
        folder = directory / f"run-{found.runs}"
        folder.mkdir(parents=True)
        times = min(_KILLS_A_RUN, kills - found.kills)
        if not online:
            _one_run(folder, None, times, chance, found)
            continue
        with WandbServer() as server:
            _one_run(folder, server, times, chance, found)
    return found


def _one_run(
    folder: Path, server: WandbServer | None, kills: int, chance: random.Random, found: Kills
) -> None:
    expected: dict[Place, float] = {}
    checkpoint = 0
    for stretch in range(kills):
        expected = {place: value for place, value in expected.items() if place[1] <= checkpoint}
        delay_s = chance.uniform(0, _LONGEST_S if server is None else _LONGEST_ONLINE_S)
        last = _stretch(folder, server, stretch, checkpoint + 1, 10**9, delay_s, found)
        found.kills += 1
        acknowledged = _logged(stretch, checkpoint + 1, last)
        found.acknowledged += len(acknowledged)
        expected |= acknowledged
        found.before_first += last == checkpoint
        found.lost += len(expected) - _count_held(folder, expected)
        checkpoint = max(checkpoint, last - last % CHECKPOINT_EVERY)
    expected = {place: value for place, value in expected.items() if place[1] <= checkpoint}
    end = checkpoint + _LAST_STEPS
    _stretch(folder, server, kills, checkpoint + 1, end, None, found)
    expected |= _logged(kills, checkpoint + 1, end)
    _compare_history(folder, expected, found)
    lines = map(json.loads, (folder / _APPENDED).read_text().splitlines())
    _compare_sent(Counter((name, step) for step, names in lines for name in names), expected, found)
    if server is not None:
        rows = [dict(row) for row in server.runs[_RUN_ID].logged]
        sent = Counter((name, row[STEP]) for row in rows for name in row.keys() - {STEP})
        _compare_sent(sent, expected, found)


def _logged(stretch: int, first: int, last: int) -> dict[Place, float]:
    return {
        (name, step): value
        for step in range(first, last + 1)
        for name, value in values_of(step, stretch).items()
    }


def _stretch(
    folder: Path,
    server: WandbServer | None,
    stretch: int,
    first: int,
    last: int,
    delay_s: float | None,
    found: Kills,
) -> int:
    """Run a child, to its end or for some time; returns the last step that it acknowledged."""
    reading, writing = os.pipe()
    arguments = [int(server is not None), writing, stretch, first, last]
    process = subprocess.Popen(
        [sys.executable, __file__, str(folder), *map(str, arguments)],
        env=None if server is None else server.environment(folder.with_suffix(".home")),
        pass_fds=[writing],
        stderr=subprocess.PIPE,
        text=True,
    )
    os.close(writing)
    content = b""
    if delay_s is not None:
        # Most die while they log; those whose time is short die while they start.
        select.select([reading], [], [], 2 * delay_s)
        died_at = time.monotonic() + delay_s
        while (left_s := died_at - time.monotonic()) > 0:
            if not select.select([reading], [], [], left_s)[0]:
                break
            content += (read := os.read(reading, 1 << 16))
            if not read:
                break
        process.send_signal(signal.SIGKILL)
    while read := os.read(reading, 1 << 16):
        content += read
    os.close(reading)
    _, complaint = process.communicate()
    if process.returncode != (0 if delay_s is None else -signal.SIGKILL):
        found.errors.append(f"{folder.name}, stretch {stretch}: {complaint.strip()[-300:]}")
    complete = len(content) - len(content) % _ACKNOWLEDGED.size
    steps = [step for (step,) in _ACKNOWLEDGED.iter_unpack(content[:complete])]
    return steps[-1] if steps else first - 1


def _count_held(folder: Path, expected: Mapping[Place, float]) -> int:
    """How many of the values the history has, at their place and unchanged."""
    if not expected:
        return 0  # it may have been killed before there was a journal
    held = {
        (name, row.step): value for row in read_history(folder).rows for name, value in
        row.values.items()
    }  # fmt: skip
    return sum(_same(held.get(place), value) for place, value in expected.items())


def _same(value: object, expected: float) -> bool:
    return value == expected or (value != value and expected != expected)


def _compare_history(folder: Path, expected: Mapping[Place, float], found: Kills) -> None:
    """The run that is over, against what it should be."""
    history = read_history(folder)
    times = Counter((name, row.step) for row in history.rows for name in row.values)
    found.torn += history.unreadable
    found.duplicates += sum(count - 1 for count in times.values())
    found.wrong += len(times.keys() - expected.keys())
    found.wrong += len(expected) - _count_held(folder, expected)
    if history.outcome is None or history.outcome.status != "completed":
        found.errors.append(f"{folder.name}: not completed but {history.outcome}")


def _compare_sent(sent: Counter[Place], expected: Mapping[Place, float], found: Kills) -> None:
    """What a tracker has of the run; it may have what was logged after a checkpoint, once."""
    found.sent_twice += sum(count - 1 for count in sent.values())
    found.not_sent += len(expected.keys() - sent.keys())


if __name__ == "__main__":
    child(Path(sys.argv[1]), *map(int, sys.argv[2:]))
