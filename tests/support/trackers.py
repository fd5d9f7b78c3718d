"""Trackers that remember, wait or fail, for the tests of what is around trackers."""

import os
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from pahcl_track import Outcome, Run

PATIENCE_S = 30.0
"""How long a test waits for another thread before it fails."""


class Recorder:
    """Remembers every call."""

    def __init__(self) -> None:
        self.run: Run | None = None
        self.rows: list[tuple[int, dict[str, Any]]] = []
        self.files: list[tuple[Path, str]] = []
        self.outcome: Outcome | None = None
        self.calls: list[str] = []

    def start(self, run: Run) -> None:
        self.calls.append("start")
        self.run = run

    def log(self, values: Any, *, step: int) -> None:
        self.calls.append("log")
        self.rows.append((step, dict(values)))

    def save(self, path: Path, *, kind: str) -> None:
        self.calls.append("save")
        self.files.append((path, kind))

    def finish(self, outcome: Outcome) -> None:
        self.calls.append("finish")
        self.outcome = outcome

    @property
    def steps(self) -> list[int]:
        return [step for step, _ in self.rows]


class Positioned(Recorder):
    """Says how many rows it holds."""

    def position(self) -> int | None:
        return len(self.rows)


class Failing(Recorder):
    """Raises what it is given in the calls that are named, as long as `broken` is set."""

    def __init__(self, error: BaseException, *calls: str) -> None:
        super().__init__()
        self._error = error
        self._in = calls
        self.broken = True
        self.attempts = 0

    def start(self, run: Run) -> None:
        self._perhaps("start")
        super().start(run)

    def log(self, values: Any, *, step: int) -> None:
        self._perhaps("log")
        super().log(values, step=step)

    def save(self, path: Path, *, kind: str) -> None:
        self._perhaps("save")
        super().save(path, kind=kind)

    def finish(self, outcome: Outcome) -> None:
        self._perhaps("finish")
        super().finish(outcome)

    def _perhaps(self, call: str) -> None:
        if call in self._in and self.broken:
            self.attempts += 1
            raise self._error


class Waiting(Recorder):
    """Waits, in the calls that are named, until it is let go."""

    def __init__(self, *calls: str) -> None:
        super().__init__()
        self._in = calls
        self.entered = threading.Event()
        self.let_go = threading.Event()
        self.left = threading.Event()

    def start(self, run: Run) -> None:
        self._perhaps("start")
        super().start(run)

    def log(self, values: Any, *, step: int) -> None:
        self._perhaps("log")
        super().log(values, step=step)

    def finish(self, outcome: Outcome) -> None:
        self._perhaps("finish")
        super().finish(outcome)
        self.left.set()

    def _perhaps(self, call: str) -> None:
        if call in self._in:
            self.entered.set()
            assert self.let_go.wait(PATIENCE_S)


class StartedBy(Recorder):
    """Leaves a file in the run's directory for each process that starts it."""

    def start(self, run: Run) -> None:
        super().start(run)
        (run.directory / f"started-{os.getpid()}").touch()


class Stopping(Recorder):
    """Fails after so many rows."""

    def __init__(self, rows):
        super().__init__()
        self.left = rows

    def log(self, values, *, step):
        if self.left == 0:
            raise ConnectionError("down")
        self.left -= 1
        super().log(values, step=step)


class StoppingPositioned(Stopping, Positioned):
    pass


class InAFile:
    """Appends a line to a file for each row, by one system call: what it holds survives a kill."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def start(self, run: Run) -> None: ...

    def log(self, values: Any, *, step: int) -> None:
        file = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
        entries = [f"{name}={value}" for name, value in values.items()]
        os.write(file, f"{' '.join([str(step), *entries])}\n".encode())
        os.close(file)

    def save(self, path: Path, *, kind: str) -> None: ...

    def finish(self, outcome: Outcome) -> None: ...

    def lines(self) -> list[str]:
        return self._path.read_text().splitlines() if self._path.exists() else []


class InAFilePositioned(InAFile):
    """And counts what it holds."""

    def position(self) -> int | None:
        return len(self.lines())


def until(condition: Callable[[], Any]) -> None:
    """Wait for another thread to get there."""
    deadline = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < deadline, "it did not get there"
        time.sleep(0.001)
