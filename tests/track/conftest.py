"""Runs to track, journals of them, and programs that make them."""

import json
import logging
import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from pahcl_track import Outcome, Run, Session
from pahcl_track import session as session_module
from pahcl_track.journal import Journal
from support.tracked import RUN_LINE
from support.tracked_program import BEGINNING
from support.trackers import PATIENCE_S, Waiting

COMPLETED = Outcome(status="completed")


@pytest.fixture
def make_run(tmp_path: Path) -> Callable[..., Run]:
    """A run in `tmp_path/run`, unless something else is said."""

    def make(**fields: object) -> Run:
        return Run(**({"name": "quiet", "directory": tmp_path / "run"} | fields))

    return make


@pytest.fixture
def journal_path(tmp_path: Path) -> Path:
    """Where the journal of `make_run()` lies."""
    return tmp_path / "run" / "journal.jsonl"


@pytest.fixture
def completed() -> Outcome:
    return COMPLETED


@pytest.fixture
def told(caplog: pytest.LogCaptureFixture) -> Callable[[], list[str]]:
    """The warnings of pahcl_track so far."""
    caplog.set_level(logging.DEBUG, logger="pahcl_track")

    def messages() -> list[str]:
        return [
            record.getMessage()
            for record in caplog.records
            if record.levelno >= logging.WARNING and record.name.startswith("pahcl_track")
        ]

    return messages


@pytest.fixture
def run(make_run) -> Run:
    """One of them."""
    return make_run()


@pytest.fixture
def journal(tmp_path):
    """An open one in `tmp_path/run`."""
    opened = Journal(tmp_path / "run")
    yield opened
    opened.close()


@pytest.fixture
def write(tmp_path) -> Callable[..., None]:
    """Write a journal of that many lines, each numbered as it comes."""

    def write(*contents: dict, run: str = RUN_LINE) -> None:
        lines = [
            json.dumps({"n": number, "t": float(number)} | content) + "\n"
            for number, content in enumerate(contents, start=1)
        ]
        (tmp_path / "journal.jsonl").write_text(run + "".join(lines))

    return write


@pytest.fixture
def record(make_run):
    """Record a run: floats at these steps, nothing else."""

    def record(steps, *, trackers=None, end=True, resumed_from=None, value=1.0, finish_s=30.0):
        session = Session(trackers or {}, finish_timeout_s=finish_s)
        run = make_run(resumed_from_step=resumed_from, config={"lr": 0.1})
        session.start(run)
        for step in steps:
            session.log({"a": value * step}, step=step)
        for tracker in (trackers or {}).values():
            if isinstance(tracker, Waiting):
                assert tracker.entered.wait(PATIENCE_S)
        if end:
            session.finish(Outcome(status="completed", summary={"best": 0.75}))
        else:  # as if it were killed
            for delivery in session._deliveries:
                delivery.abandon()
            session._forget()
        return run.directory

    return record


@pytest.fixture
def install(tmp_path, monkeypatch):
    """Lay a distribution out as an installer does: its metadata, and its one module."""
    monkeypatch.syspath_prepend(tmp_path)

    def install(name, code="", *, distribution=None, entry=None, metadata=True):
        distribution = distribution or f"tracker-{name}"
        module = f"module_of_{distribution.replace('-', '_')}"
        info = tmp_path / f"{distribution.replace('-', '_')}-1.2.dist-info"
        info.mkdir()
        if metadata:
            text = f"Metadata-Version: 2.1\nName: {distribution}\nVersion: 1.2\n"
            (info / "METADATA").write_text(text)
        entry = entry or f"{module}:Mine"
        (info / "entry_points.txt").write_text(f"[pahcl.trackers]\n{name} = {entry}\n")
        (tmp_path / f"{module}.py").write_text(textwrap.dedent(code))
        monkeypatch.delitem(sys.modules, module, raising=False)
        return module

    return install


@pytest.fixture
def program(tmp_path):
    """Run a program that tracks into `tmp_path`; an exit code other than 0 is an error."""

    def program(text, *arguments, code=0):
        text = BEGINNING + textwrap.dedent(text)
        done = subprocess.run(
            [sys.executable, "-c", text, str(tmp_path), *arguments],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == code, done.stderr
        return done

    return program


@pytest.fixture(autouse=True)
def _not_on_a_rank(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("RANK", raising=False)


@pytest.fixture(autouse=True)
def _nothing_left_running() -> Iterator[None]:
    """A test that failed half way leaves no run to be ended at the interpreter's exit."""
    yield
    for session in list(session_module._RUNNING):
        session._finish(COMPLETED, 0.0)
