"""The life of a session: which directory, which identity, which end, and how often."""

import json
import logging
import os
import threading
from pathlib import Path

import pytest

from oracles.journal_reader import read_lines, read_rows
from pahcl_track import Image, Outcome, Session, read_history
from pahcl_track import delivery as delivery_module
from pahcl_track.backends.journal import JournalTracker
from support.trackers import Recorder, Waiting


def test_a_session_and_the_journal_alone_are_trackers_like_any(make_run, completed):
    tracker = JournalTracker()
    tracker.start(make_run())
    tracker.log({"a": 0.5}, step=1)
    tracker.finish(completed)

    assert read_history(make_run().directory).series("a") == ([1], [0.5])


def test_the_journal_among_the_trackers_adds_nothing(make_run, journal_path):
    session = Session({"journal": JournalTracker(), "mine": Recorder()})
    with session.running(make_run()):
        session.log({"a": 0.5}, step=1)

    assert read_rows(journal_path) == [(1, {"a": 0.5})]
    assert [account.tracker for account in session.accounts()] == ["mine"]


def test_nothing_happens_before_the_start(make_run, completed, tmp_path):
    tracker = Recorder()
    session = Session({"mine": tracker})
    session.log({"a": 0.5}, step=1)
    session.save(tmp_path / "x", kind="report")
    session.finish(completed)

    assert tracker.calls == []
    assert session.accounts() == []
    assert list(tmp_path.iterdir()) == []


def test_what_comes_after_the_end_is_passed_over(make_run, completed, journal_path, told):
    """And a second end."""
    tracker = Recorder()
    session = Session({"mine": tracker})
    session.start(make_run())
    session.finish(completed)
    content = journal_path.read_bytes()
    session.log({"a": 0.5}, step=1)
    session.log({"a": "odd"}, step="odd")
    session.save(journal_path, kind="report")
    session.finish(Outcome(status="failed"))

    assert journal_path.read_bytes() == content
    assert tracker.calls == ["start", "finish"]
    assert tracker.outcome == completed
    assert told() == []


def test_two_sessions_in_one_process_know_nothing_of_each_other(make_run, completed, tmp_path):
    trackers = Recorder(), Recorder()
    runs = [make_run(directory=tmp_path / name, name=name) for name in "ab"]
    sessions = [Session({"mine": tracker}) for tracker in trackers]
    for session, run in zip(sessions, runs, strict=True):
        session.start(run)
    for step in range(20):
        sessions[step % 2].log({"a": float(step)}, step=step)
    sessions[0].finish(completed)
    sessions[1].log({"a": 99.0}, step=99)
    sessions[1].finish(Outcome(status="interrupted"))

    assert trackers[0].steps == list(range(0, 20, 2))
    assert trackers[1].steps == [*range(1, 20, 2), 99]
    for tracker, run in zip(trackers, runs, strict=True):
        history = read_history(run.directory)
        assert history.series("a")[0] == tracker.steps
        assert history.outcome == tracker.outcome


def test_a_session_can_have_one_run_after_another(make_run, tmp_path):
    tracker = Recorder()
    session = Session({"mine": tracker})
    for name in "ab":
        with session.running(make_run(directory=tmp_path / name)):
            session.log({"a": 0.5}, step=1)

    assert tracker.calls == ["start", "log", "finish"] * 2
    for name in "ab":
        assert read_rows(tmp_path / name / "journal.jsonl") == [(1, {"a": 0.5})]
        assert read_history(tmp_path / name).outcome.status == "completed"


def test_a_run_that_was_left_unfinished_gives_way(make_run, journal_path, told):
    """As in a notebook whose cell failed and is run again."""
    tracker = Recorder()
    left = Session({"mine": tracker})
    left.start(make_run())
    left.log({"a": 0.5}, step=1)
    with Session({}).running(make_run()) as session:
        session.log({"a": 0.25}, step=1)
        left.log({"a": 9.0}, step=2)
    kept = read_history(journal_path.with_name("journal.1.jsonl"))

    assert read_rows(journal_path) == [(1, {"a": 0.25})]
    assert kept.series("a") == ([1], [0.5])
    assert kept.outcome == Outcome(status="failed", error="another run began in its place")
    assert tracker.outcome == kept.outcome
    assert told() == [f"{journal_path.parent}: the run before was not finished; it is ended now"]


def test_a_session_that_begins_another_run_ends_its_own(make_run, tmp_path, told):
    """In whichever directory."""
    tracker = Recorder()
    session = Session({"mine": tracker})
    session.start(make_run(directory=tmp_path / "a"))
    session.log({"a": 0.5}, step=1)
    with session.running(make_run(directory=tmp_path / "b")):
        session.log({"a": 0.25}, step=2)
    left = read_history(tmp_path / "a")

    assert left.outcome == Outcome(status="failed", error="another run began in its place")
    assert left.series("a") == ([1], [0.5])
    assert read_rows(tmp_path / "b" / "journal.jsonl") == [(2, {"a": 0.25})]
    assert tracker.calls == ["start", "log", "finish"] * 2
    assert told() == [f"{tmp_path / 'a'}: the run before was not finished; it is ended now"]


def test_each_run_of_a_session_counts_and_complains_for_itself(make_run, tmp_path, told):
    session = Session({})
    for name in "ab":
        with session.running(make_run(directory=tmp_path / name)):
            session.log({"loss": float("nan"), "odd": "text"}, step=1)
        assert session.non_finite == 1

    assert len(told()) == 2
    assert told()[0] == told()[1]


def test_threads_that_log_at_once_lose_nothing(make_run, completed, journal_path):
    """Numbers ascend without a gap; the tracker has the order of the journal."""
    tracker = Recorder()
    session = Session({"mine": tracker})
    session.start(make_run())

    def work(thread):
        for step in range(100):
            values = {"a": float(step)} if step % 2 else {"a": step, f"thread/{thread}": "odd"}
            session.log(values, step=100 * thread + step)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    session.finish(completed)
    lines = read_lines(journal_path)[0]

    assert [line["n"] for line in lines] == list(range(802))
    steps = [line["step"] for line in lines if "step" in line]
    assert sorted(steps) == list(range(800))
    assert tracker.steps == steps


class Unprintable:
    def __str__(self):
        raise RuntimeError("unprintable")


@pytest.mark.parametrize(
    "config",
    [
        {"clip": float("inf"), "lr": float("nan")},
        {"n": 1 << 20_000},
        {("a", 1): {"b": {1, 2}}, None: b"x"},
        {"odd": Unprintable()},
    ],
    ids=range(4),
)
def test_a_run_starts_whatever_its_configuration_holds(make_run, completed, config, journal_path):
    tracker = Recorder()
    session = Session({"mine": tracker})
    session.start(make_run(config=config, tags=("a", 7), notes=Unprintable))
    session.log({"a": 0.5}, step=1)
    session.finish(completed)

    assert tracker.steps == [1]
    assert read_history(journal_path).outcome == completed
    assert read_lines(journal_path)[1] == 0


def test_a_step_to_resume_from_of_any_integer_type(make_run, journal_path):
    np = pytest.importorskip("numpy")
    with Session({}).running(make_run()):
        pass
    with Session({}).running(make_run(resumed_from_step=np.int64(3))):
        pass

    assert read_lines(journal_path)[0][-2]["resumed"] == 3


def test_the_working_directory_may_change(make_run, completed, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "elsewhere").mkdir()
    session = Session({})
    session.start(make_run(directory=(tmp_path / "run").relative_to(tmp_path)))
    os.chdir(tmp_path / "elsewhere")
    session.log({"a": 0.5}, step=1)
    session.finish(completed)

    assert read_rows(tmp_path / "run" / "journal.jsonl") == [(1, {"a": 0.5})]


@pytest.mark.parametrize("capacity", [2, 100])
def test_what_lies_in_files_of_its_own_stays_with_the_run(
    make_run, completed, tmp_path, monkeypatch, capacity
):
    """Pictures, saved files, and what a tracker that was late reads from the journal."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.setattr(delivery_module, "CAPACITY", capacity)
    slow = Waiting("start")
    session = Session({"mine": slow}, start_timeout_s=0.0)
    session.start(make_run(directory=Path("run")))
    os.chdir(tmp_path / "elsewhere")
    for step in range(5):
        session.log({"i": Image(data=b"abc")}, step=step)
    Path("../run/model.pt").touch()
    session.save(Path("../run/model.pt"), kind="checkpoint")
    os.chdir(tmp_path)
    slow.let_go.set()
    session.finish(completed)

    history = read_history(tmp_path / "run")
    assert history.series("i") == ([0, 1, 2, 3, 4], [Image(data=b"abc")] * 5)
    assert [one.path for one in history.files] == [tmp_path / "run" / "model.pt"]
    ((path, _),) = slow.files
    assert path.samefile(tmp_path / "run" / "model.pt")
    assert slow.steps == [0, 1, 2, 3, 4]
    assert slow.run.directory == tmp_path / "run"
    assert list((tmp_path / "elsewhere").iterdir()) == []


def test_what_a_tracker_sees_is_what_the_journal_has(make_run, journal_path):
    """The run with its configuration, to the letter."""
    tracker = Recorder()
    config = {"model": {"width": 64, "dropout": 0.1, "name": None, "flags": [True, "x"]}}
    with Session({"mine": tracker}).running(make_run(config=config, tags=["t"], group="g")):
        pass
    recorded = read_lines(journal_path)[0][0]["run"]

    assert tracker.run.config == recorded["config"] == config
    assert (recorded["group"], recorded["tags"]) == ("g", ["t"])
    assert json.dumps(recorded)


def test_it_says_nothing_when_all_is_well(make_run, capfd, caplog):
    caplog.set_level(logging.WARNING)
    with Session({"mine": Recorder()}).running(make_run()) as session:
        session.log({"a": 0.5}, step=1)

    assert capfd.readouterr() == ("", "")
    assert caplog.records == []
