"""Runs of a study side by side: so many processes, each of which does one run after the other.

A process stays for many runs, because to begin one takes as long as a short run. Where one dies,
as it does when the memory is gone, the run that it was at is lost and named, and another takes its
place. All end when this process is interrupted, and by themselves when it is killed.
"""

import contextlib
import logging
import multiprocessing
import os
import signal
import traceback
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from multiprocessing.connection import Connection, wait
from types import FrameType
from typing import Any, TypeVar

import torch

from pahcl_core.data.orphans import end_with
from pahcl_core.errors import AGAIN, DiskError
from pahcl_core.studies.study import OF_ONE_RUN, Failure, PlannedRun, carried_out, reason_of

log = logging.getLogger(__name__)

R = TypeVar("R")

_THREADS = "OMP_NUM_THREADS"
_LOGGERS = ("pahcl_core", "pahcl_track")
_FAREWELL_S = 30.0  # in which an interrupted run writes down where it stands


def carried_out_by(
    jobs: int,
    runs: Sequence[PlannedRun[Any]],
    do: Callable[[PlannedRun[Any]], R],
    *,
    tell: Callable[[str], None],
) -> dict[str, R | Failure]:
    """Do runs, `jobs` at a time; where one fails, the others go on.

    The cores are shared out among the processes. What runs log goes to their own files alone.

    Args:
        jobs: Processes. With 1 all is done in this one (`carried_out`).
        runs: In this order, as processes become free.
        do: Does a run, goes on with it, or finds that it is complete; it goes to other processes,
            so it and what it returns can be pickled.
        tell: Given a line before each run, and one where a run failed.

    Returns:
        By the name of the run.

    Raises:
        DiskError: If the disk is full, which stops the others, too.
    """
    if jobs == 1:
        return carried_out(runs, do, tell=tell)
    outcomes: dict[str, R | Failure] = {}
    todo = deque(runs)
    busy: dict[Connection, tuple[_Worker, PlannedRun[Any]]] = {}
    with _workers(do, min(jobs, len(runs))) as idle:
        while todo or busy:
            while todo and idle:
                worker, run = idle.pop(), todo.popleft()
                tell(f"{len(runs) - len(todo)}/{len(runs)} {run.name}")
                if not worker.lives:
                    worker.begin()
                worker.give(run)
                busy[worker.pipe] = worker, run
            ready = wait(list(busy))
            for pipe in [one for one in busy if one in ready]:
                worker, run = busy.pop(pipe)
                outcomes[run.name] = outcome = worker.outcome()
                if isinstance(outcome, Failure):
                    tell(f"{run.name} failed, the others go on: {outcome.reason}")
                idle.append(worker)
    return {run.name: outcomes[run.name] for run in runs}


class _Worker:
    """A process that does runs, and its end of the line to it."""

    def __init__(self, do: Callable[[PlannedRun[Any]], Any], threads: int) -> None:
        self._do = do
        self._threads = threads
        self.begin()

    def begin(self) -> None:
        context = multiprocessing.get_context("spawn")  # a fork would share locks and threads
        self.pipe, theirs = context.Pipe()
        self.process = context.Process(target=_serve, args=(theirs, self._do, os.getpid()))
        with _environment(_THREADS, str(self._threads)):
            self.process.start()
        theirs.close()

    @property
    def lives(self) -> bool:
        return self.process.is_alive()

    def give(self, run: PlannedRun[Any]) -> None:
        self.pipe.send(run)

    def outcome(self) -> Any:  # noqa: ANN401  whatever `do` returns
        """What came of its run; a failure if the process died over it."""
        try:
            found, trace = self.pipe.recv()
        except (EOFError, OSError):
            self.process.join()
            code = self.process.exitcode or 0
            how = signal.Signals(-code).name if code < 0 else f"exit code {code}"
            found, trace = Failure(reason=f"its process died of {how}"), ""
        if isinstance(found, DiskError):
            raise found.instead(AGAIN)
        if trace:
            log.warning("a run failed:\n%s", trace)
        return found


@contextlib.contextmanager
def _workers(do: Callable[[PlannedRun[Any]], Any], count: int) -> Iterator[list[_Worker]]:
    """So many processes, gone at the end, whatever it is."""
    threads = max(1, torch.get_num_threads() // count)
    workers = [_Worker(do, threads) for _ in range(count)]
    try:
        yield list(workers)
        for worker in workers:
            worker.pipe.close()  # which tells it that there is nothing more to do
    except BaseException:
        for worker in workers:
            worker.process.terminate()
        raise
    finally:
        for worker in workers:
            worker.process.join(_FAREWELL_S)
            if worker.lives:
                worker.process.kill()
                worker.process.join()


@contextlib.contextmanager
def _environment(name: str, value: str) -> Iterator[None]:
    before = os.environ.get(name)
    os.environ[name] = value
    try:
        yield
    finally:
        del os.environ[name]
        if before is not None:
            os.environ[name] = before


def _serve(pipe: Connection, do: Callable[[PlannedRun[Any]], Any], parent: int) -> None:
    """In the process: do what comes, until nothing more comes."""
    end_with(parent)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's, who tells of it
    signal.signal(signal.SIGTERM, _interrupt)
    for name in _LOGGERS:
        logging.getLogger(name).addHandler(logging.NullHandler())
        logging.getLogger(name).propagate = False
    with contextlib.suppress(EOFError, KeyboardInterrupt):
        while True:
            pipe.send(_attempted(pipe.recv(), do))


def _attempted(
    run: PlannedRun[Any], do: Callable[[PlannedRun[Any]], Any]
) -> tuple[Any, str]:  # what came of it, and where it failed
    try:
        return do(run), ""
    except DiskError as error:
        return error, ""
    except OF_ONE_RUN as error:
        return Failure(reason=reason_of(error)), traceback.format_exc()
    except Exception as error:  # noqa: BLE001  no mistake of this program costs the other runs
        return Failure(reason=f"{type(error).__name__}: {error}"), traceback.format_exc()


def _interrupt(signum: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt
