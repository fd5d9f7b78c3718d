"""Small trainings beside trackers in trouble: part of `track_faults.py`.

Each run is a training of a linear model by NumPy, with a tracker that fails in one way, and right
before or after it the same training with the null tracker. What the two learned must be the same to
the bit, and take the same time; the journal must have everything.

    python _track_troubles.py TROUBLE FIRST RUNS STEPS

does some of the runs in this process, so that a thousand need no thousand interpreters, and prints
one line of JSON for each.
"""

import contextlib
import dataclasses
import hashlib
import itertools
import json
import logging
import os
import resource
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pahcl_track import NullTracker, Outcome, Run, Session, Tracker, read_history

_START_S = 0.05
_FINISH_S = 0.05
"""How long sessions wait here: long for a tracker in this process, short for a thousand runs."""

_MARGIN_S = 2.0
"""Beyond its deadlines, what a run may take on a busy machine to start and finish."""


_OUTPUTS = 12
REPORT_EVERY = 4
_RUNS_A_PROCESS = 20
_WARM_UP = 10
"""Steps before those that are timed: a processor that was idle is slow at first."""


@dataclass(frozen=True, kw_only=True)
class Result:
    """What became of one run."""

    trouble: str
    same: bool
    """Whether the weights are those of the run beside it."""

    longer: float
    """Than the run beside it, the training loop took so much longer, as a share."""

    longer_cpu: float
    """The same of the processor's time."""

    step_s: float
    """How long a step of the run beside it took."""

    missing: int
    """Lines that the journal lacks without having said so; it may only lack some where the disk
    stays full."""

    unaccounted: int
    """Rows that the account names neither as sent, nor as failed, nor as not delivered."""

    journal_warnings: int
    in_time: bool
    """Whether start and finish kept to their deadlines."""


@dataclass(frozen=True, kw_only=True)
class Training:
    """What one training came to."""

    weights: str
    """Their hash."""

    took_s: float
    took_cpu_s: float
    """Of all threads of the process."""

    logged: dict[int, dict[str, float]]
    """By step."""


class TroubledTracker:
    """Does something else than recording, in the call that is named."""

    def __init__(self, call: str, action: Callable[[], object]) -> None:
        self._call = call
        self._action = action

    def start(self, run: Run) -> None:
        self._maybe("start")

    def log(self, values: Mapping[str, object], *, step: int) -> None:
        self._maybe("log")

    def save(self, path: Path, *, kind: str) -> None:
        self._maybe("save")

    def finish(self, outcome: Outcome) -> None:
        self._maybe("finish")

    def _maybe(self, call: str) -> None:
        if call == self._call:
            self._action()


class _UnheardOfError(Exception):
    """Of a library that nobody here knows."""


def _raise() -> None:
    raise _UnheardOfError("no connection")


def _actions(over: threading.Event) -> dict[str, Callable[[], object]]:
    """What a tracker in trouble does; the event is set when its run is over."""
    return {
        "raises": _raise,
        "hangs": threading.Event().wait,
        "is slow": lambda: time.sleep(0.02),
        "returns late": over.wait,
        "ends its thread": sys.exit,
    }


FULL_FOR_A_WHILE, FULL_TO_THE_END = "disk full for a while", "disk full to the end"
TROUBLES = (*_actions(threading.Event()), FULL_FOR_A_WHILE, FULL_TO_THE_END)
_CALLS = ("log", "log", "start", "finish", "log")
"""Where the trouble is, run by run; most often where a program spends its time."""


class _Listener(logging.Handler):
    """Hears what is said about the journal, and keeps everything from the terminal."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.warnings = 0
        """That it cannot be written."""

        self.lost = 0
        """Lines that it is said to lack."""

    def emit(self, record: logging.LogRecord) -> None:
        message = record.getMessage()
        self.warnings += "cannot be written" in message
        if message.startswith("the journal lacks"):
            self.lost += int(message.split()[3])


class Problem:
    """What is learned: a linear map, from noisy examples, in steps of about a millisecond."""

    def __init__(self) -> None:
        chance = np.random.default_rng(0)
        self._inputs = chance.normal(size=(2048, 256))
        noise = chance.normal(size=(2048, _OUTPUTS))
        self._targets = self._inputs @ chance.normal(size=(256, _OUTPUTS)) + noise
        # Made once: where fresh memory lies makes more of a difference than a tracker may.
        self._error = np.empty_like(self._targets)
        self._gradient = np.empty((256, _OUTPUTS))

    def train(self, tracker: Tracker, *, steps: int, seed: int) -> Training:
        """Train from weights that the seed chooses, and report now and then."""
        for _ in range(_WARM_UP):
            self._step(np.zeros((256, _OUTPUTS)))
        weights = np.random.default_rng(seed).normal(size=(256, _OUTPUTS))
        logged = {}
        began, began_cpu = time.perf_counter(), time.process_time()
        for step in range(steps):
            error, gradient = self._step(weights)
            if step % REPORT_EVERY:
                continue
            values = {
                "train/loss": float(np.mean(error**2)),
                "grad_norm/all": float(np.linalg.norm(gradient)),
                "lr/all": 0.05,
            }
            logged[step] = values
            tracker.log(values, step=step)
        return Training(
            weights=hashlib.sha256(weights.tobytes()).hexdigest(),
            took_s=time.perf_counter() - began,
            took_cpu_s=time.process_time() - began_cpu,
            logged=logged,
        )

    def _step(self, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        error, gradient = self._error, self._gradient
        np.matmul(self._inputs, weights, out=error)
        error -= self._targets
        np.matmul(self._inputs.T, error, out=gradient)
        gradient /= len(error)
        weights -= 0.05 * gradient
        return error, gradient


@contextlib.contextmanager
def _disk_with_room_for(size: int | None) -> Iterator[None]:
    """Let no file of this process grow beyond a size."""
    before, most = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (before if size is None else size, most))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (before, most))


def one_run(problem: Problem, trouble: str, number: int, steps: int) -> Result:
    """A training beside a tracker in trouble, and one beside the null tracker."""
    over, listener = threading.Event(), _Listener()
    action = _actions(over).get(trouble)
    call = _CALLS[number % len(_CALLS)]
    tracker = NullTracker() if action is None else TroubledTracker(call, action)
    session = Session({"it": tracker}, start_timeout_s=_START_S, finish_timeout_s=_FINISH_S)
    # Room for the line of the run and for some rows, of which the last is cut short.
    room = 600 + 31 * (number % 50) if trouble.startswith("disk") else None
    logging.getLogger("pahcl_track").addHandler(listener)
    with tempfile.TemporaryDirectory() as folder:
        began = time.monotonic()
        session.start(Run(name="troubled", directory=Path(folder)))
        waited_s = time.monotonic() - began
        beside: list[Training] = []
        if number % 2:  # which of the two comes first takes turns
            beside.append(problem.train(NullTracker(), steps=steps, seed=number))
        with _disk_with_room_for(room):
            training = problem.train(session, steps=steps, seed=number)
            if trouble == FULL_TO_THE_END:
                session.finish(Outcome(status="completed"))
        if not beside:
            beside.append(problem.train(NullTracker(), steps=steps, seed=number))
        began = time.monotonic()
        session.finish(Outcome(status="completed"))
        waited_s += time.monotonic() - began
        missing = _missing(Path(folder), training.logged, listener.lost)
    (account,) = session.accounts()
    over.set()
    logging.getLogger("pahcl_track").removeHandler(listener)
    return Result(
        trouble=trouble,
        same=training.weights == beside[0].weights,
        longer=training.took_s / beside[0].took_s - 1,
        longer_cpu=training.took_cpu_s / beside[0].took_cpu_s - 1,
        step_s=beside[0].took_s / steps,
        missing=missing,
        unaccounted=abs(
            len(training.logged) - account.sent - account.failed - account.not_delivered
        ),
        journal_warnings=listener.warnings,
        in_time=waited_s < _START_S + _FINISH_S + _MARGIN_S,
    )


def _missing(directory: Path, logged: dict[int, dict[str, float]], told: int) -> int:
    """Lines that the journal lacks, or has otherwise, beyond those that were said to be lost."""
    history = read_history(directory)
    held = {row.step: row.values for row in history.rows}
    lacking = sum(held.get(step) != values for step, values in logged.items())
    return abs(lacking + (history.outcome is None) - told)


def many_runs(runs: int, steps: int) -> list[Result]:
    """So many runs, every trouble about as often as any other, and some in each process."""
    results: list[Result] = []
    at_once = max(1, min(_RUNS_A_PROCESS, runs // len(TROUBLES)))
    troubles = itertools.cycle(TROUBLES)
    while len(results) < runs:
        count = min(at_once, runs - len(results))
        results += _in_a_process(next(troubles), len(results), count, steps)
    return results


def _in_a_process(trouble: str, first: int, runs: int, steps: int) -> list[Result]:
    done = subprocess.run(
        [sys.executable, __file__, trouble, str(first), str(runs), str(steps)],
        env={**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        raise RuntimeError(f"{trouble}: {done.stderr.strip()}")
    return [Result(**json.loads(line)) for line in done.stdout.splitlines()]


def main(trouble: str, first: int, runs: int, steps: int) -> None:
    """Do some runs in this process."""
    logging.getLogger("pahcl_track").propagate = False
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)  # a write beyond the limit fails instead
    problem = Problem()
    problem.train(NullTracker(), steps=steps, seed=0)  # the first one pays for the libraries
    for number in range(first, first + runs):
        result = dataclasses.asdict(one_run(problem, trouble, number, steps))
        print(json.dumps(result), flush=True)


if __name__ == "__main__":
    main(sys.argv[1], *map(int, sys.argv[2:]))
