"""The real wandb client online, against a server on loopback that fails: part of `track_faults.py`.

A child process logs through a session; the server is here, and begins or ceases to fail when the
child says how far it is. When the child is gone the server is sound again, and a replay has to
complete the run there.

    python _track_wandb.py run DIRECTORY | go-on DIRECTORY | replay DIRECTORY
"""

import json
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))
from pahcl_track import Outcome, Run, Session, read_history
from pahcl_track.backends.wandb import STEP, WandbTracker
from pahcl_track.replay import replay
from support.wandb_server import WandbServer

START_S, FINISH_S = 5.0, 5.0
"""The session's deadlines here."""

_MARGIN_S = 10.0
"""Beyond them, what an interpreter, wandb and its service may take to begin and end."""

_PATIENCE_S = 60.0
"""After that a process is ended, and has failed."""

_STEPS = 120
_PAUSE_S = 0.01
_RUN_ID = "fault"

FAULTS: Mapping[str, Callable[[WandbServer], None]] = {
    "401": lambda server: server.fail_with(401),
    "500": lambda server: server.fail_with(500),
    "429": lambda server: server.fail_with(429, retry_after_s=1),
    "garbage": lambda server: server.fail_with(200, body=b"<html>not JSON</html>"),
    "closes": lambda server: server.drop(),
    "never answers": lambda server: server.hang(),
}
WHEN = ("from the start", "in mid run", "until mid run", "at the end")


@dataclass(frozen=True, kw_only=True)
class Ending:
    """What became of one run and of its replay."""

    fault: str
    when: str
    error: str
    """Nothing, where the child ended well."""

    took_s: float
    in_time: bool
    looped_s: float
    """That the loop took, of which all but the pauses is the session's."""

    journal_missing: int
    """Values that the journal lacks."""

    live: int
    """Rows that the server had when the child was gone."""

    missing: int
    """Rows that the server lacks after the replay."""

    duplicates: int
    replay_error: str


def values_of(step: int) -> dict[str, float]:
    """What is logged at a step."""
    return {"train/loss": 1.0 / (step + 1), "lr/all": 0.25 * step}


def child(directory: Path, *, go_on: bool = False) -> None:
    """Log; say at a third and at two thirds how far it is, and wait for an answer."""
    tracker = WandbTracker(mode="online", init_timeout_s=START_S, finish_timeout_s=FINISH_S)
    session = Session({"wandb": tracker}, start_timeout_s=START_S, finish_timeout_s=FINISH_S)
    session.start(Run(name=_RUN_ID, directory=directory, project="faults", id=_RUN_ID))
    looped_s = 0.0
    for third in range(3):
        began = time.monotonic()
        for step in range(third * _STEPS // 3, (third + 1) * _STEPS // 3):
            time.sleep(_PAUSE_S)
            session.log(values_of(step), step=step)
        looped_s += time.monotonic() - began
        print(third, flush=True)
        sys.stdin.readline()
    session.finish(Outcome(status="completed"))
    print(json.dumps({"looped_s": looped_s}), flush=True)


def one_ending(fault: str, when: str, directory: Path) -> Ending:
    """Run, with the server failing at that time; then replay, with the server sound."""
    home, run = directory / "home", directory / "run"
    home.mkdir(parents=True)
    fail = FAULTS[fault]
    with WandbServer() as server:
        environment = server.environment(home)
        changes = {
            "from the start": (fail, None, None, None),
            "in mid run": (None, fail, None, None),
            "until mid run": (fail, None, WandbServer.recover, None),
            "at the end": (None, None, None, fail),
        }[when]
        began = time.monotonic()
        error, looped_s = _run(run, environment, server, changes)
        took_s = time.monotonic() - began
        server.recover()
        live = len(server.runs[_RUN_ID].logged) if _RUN_ID in server.runs else 0
        replayed = _start("replay", run, environment)
        _, complaint = replayed.communicate(timeout=_PATIENCE_S)
        rows = server.runs[_RUN_ID].logged if _RUN_ID in server.runs else []
    expected = Counter(_key({STEP: step, **values_of(step)}) for step in range(_STEPS))
    got = Counter(map(_key, rows))
    held = {row.step: row.values for row in read_history(run).rows}
    return Ending(
        fault=fault,
        when=when,
        error=error,
        took_s=took_s,
        in_time=took_s < START_S + looped_s + FINISH_S + _MARGIN_S,
        looped_s=looped_s,
        journal_missing=sum(held.get(step) != values_of(step) for step in range(_STEPS)),
        live=live,
        missing=(expected - got).total(),
        duplicates=(got - expected).total(),
        replay_error=complaint.strip()[-300:] if replayed.returncode else "",
    )


def _run(
    run: Path,
    environment: Mapping[str, str],
    server: WandbServer,
    changes: tuple[Callable[[WandbServer], None] | None, ...],
) -> tuple[str, float]:
    """Run the child; returns what is wrong with its end, and how long its loop took."""
    before, *later = changes
    if before is not None:
        before(server)
    process = _start("run", run, environment)
    assert process.stdin is not None
    assert process.stdout is not None
    for change in later:
        if process.stdout.readline().strip() not in ("0", "1", "2"):
            break
        if change is not None:
            change(server)
        process.stdin.write("\n")
        process.stdin.flush()
    try:
        output, complaint = process.communicate(timeout=_PATIENCE_S)
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGABRT)  # it says where its threads are
        _, complaint = process.communicate()
        return f"did not end within {_PATIENCE_S:g} s: {complaint.strip()[-2000:]}", 0.0
    if process.returncode:
        return f"exit code {process.returncode}: {complaint.strip()[-300:]}", 0.0
    return "", float(json.loads(output)["looped_s"])


def _start(mode: str, run: Path, environment: Mapping[str, str]) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, __file__, mode, str(run)],
        env={**environment, "PYTHONFAULTHANDLER": "1"},
        cwd=environment["HOME"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def _key(row: Mapping[str, Any]) -> tuple[tuple[str, float], ...]:
    """A row to be counted; a whole number is the same with a point and without."""
    return tuple(sorted((name, float(value)) for name, value in row.items()))


def main(mode: str, directory: Path) -> None:
    """Be the child."""
    if mode == "run":
        child(directory)
    else:
        replay(directory, WandbTracker(mode="online"), name="wandb")


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
