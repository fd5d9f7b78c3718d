"""A run that begins with its first value; tests/adapters has the libraries that need it."""

import json
import subprocess
import sys
import textwrap

import pytest

from pahcl_track import NullTracker, Outcome, Run, Session
from pahcl_track.adapters.late_run import LateRun
from support.trackers import Recorder


@pytest.fixture
def tracker():
    return Recorder()


@pytest.fixture
def late(tracker, tmp_path):
    return LateRun(tracker, Run(name="it", directory=tmp_path / "run", config={"seed": 1}))


def test_nothing_begins_before_the_first_value(late, tracker, tmp_path):
    late.configure({"lr": 0.5})

    assert tracker.calls == []
    assert not (tmp_path / "run").exists()


def test_the_configuration_is_what_was_known_by_then(late, tracker, completed):
    late.configure({"lr": 0.5})
    late.configure({"seed": 2, "depth": 3})
    late.log({"loss": 0.5}, 1)
    late.end(completed)

    assert tracker.run.config == {"seed": 2, "lr": 0.5, "depth": 3}


def test_what_comes_later_is_named(late, completed, told):
    late.log({"loss": 0.5}, 1)
    late.configure({"seed": 1})  # known
    assert told() == []

    late.configure({"seed": 1, "lr": 0.5, "depth": 3})
    late.end(completed)

    (message,) = told()
    assert message == (
        "hyper-parameters that came after the run had begun were not recorded: lr, depth"
    )


def test_without_a_step_a_row_follows_the_last(late, tracker, completed):
    for step in (None, None, 7, 3, None):
        late.log({"loss": 0.5}, step)
    late.end(completed)

    assert tracker.steps == [0, 1, 7, 3, 4]


def test_a_file_alone_begins_the_run(late, tracker, completed, tmp_path):
    late.save(tmp_path / "best.pt", kind="checkpoint")
    late.end(completed)

    assert tracker.calls == ["start", "save", "finish"]
    assert tracker.files == [(tmp_path / "best.pt", "checkpoint")]


def test_it_ends_once_and_says_that_it_has(late, tracker, told, tmp_path):
    late.log({"loss": 0.5}, 1)
    late.end(Outcome(status="failed", error="lost"))
    late.end(Outcome(status="completed"))
    late.log({"loss": 0.25}, 2)
    late.log({"loss": 0.25}, 3)
    late.save(tmp_path / "late.pt", kind="checkpoint")

    assert tracker.calls == ["start", "log", "finish"]
    assert tracker.outcome == Outcome(status="failed", error="lost")
    assert told() == ["the run has ended; what is logged now is not recorded"]


def test_a_session_is_used_as_it_is(tmp_path):
    session = Session({})

    assert LateRun(session, Run(name="it", directory=tmp_path)).session is session


@pytest.mark.parametrize(("tracker", "name"), [(NullTracker(), "null"), (Recorder(), "Recorder")])
def test_a_tracker_goes_by_its_installed_name(tracker, name, tmp_path, completed):
    """So that the command to send the rest again names it as `pahcl track` does."""
    late = LateRun(tracker, Run(name="it", directory=tmp_path))
    late.end(completed)

    assert [account.tracker for account in late.session.accounts()] == [name]


def test_the_library_says_which_rank_reports(tmp_path, monkeypatch, completed):
    monkeypatch.setenv("RANK", "3")
    tracker = Recorder()
    late = LateRun(tracker, Run(name="it", directory=tmp_path))
    late.log({"loss": 0.5}, 1)
    late.end(completed)

    assert tracker.calls == ["start", "log", "finish"]


@pytest.mark.parametrize(
    ("last", "status"),
    [
        ("late.end_with_the_program(Outcome(status='interrupted'))", "interrupted"),
        ("late.end_with_the_program(Outcome(status='completed')); late.log({'loss': 1}, 2)",
         "completed"),
        ("late.end_with_the_program(Outcome(status='completed'));"
         "late.end_with_the_program(Outcome(status='interrupted'))", "interrupted"),
        ("late.end_with_the_program(Outcome(status='completed'));"
         "late.end(Outcome(status='failed'))", "failed"),
        ("pass", "failed"),
    ],
)  # fmt: skip
def test_the_end_of_the_program_ends_it(tmp_path, last, status):
    code = f"""
        from pathlib import Path
        from pahcl_track import NullTracker, Outcome, Run
        from pahcl_track.adapters.late_run import LateRun
        late = LateRun(NullTracker(), Run(name="it", directory=Path({str(tmp_path)!r})))
        late.log({{"loss": 0.5}}, 1)
        {last}
    """
    subprocess.run([sys.executable, "-c", textwrap.dedent(code)], check=True)

    lines = (tmp_path / "journal.jsonl").read_text(encoding="utf-8").splitlines()
    ends = [json.loads(line)["finish"]["status"] for line in lines if '"finish"' in line]
    assert ends == [status]
