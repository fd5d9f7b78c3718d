"""Runs to track, and how they end."""

import logging
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from pahcl_track import Outcome, Run
from pahcl_track import session as session_module

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


@pytest.fixture(autouse=True)
def _not_on_a_rank(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("RANK", raising=False)


@pytest.fixture(autouse=True)
def _nothing_left_running() -> Iterator[None]:
    """A test that failed half way leaves no run to be ended at the interpreter's exit."""
    yield
    for session in list(session_module._RUNNING):
        session._finish(COMPLETED, 0.0)
