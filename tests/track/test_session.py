"""The life of a session: which directory, which identity, which end, and how often."""

import json
import logging
import os
import threading

import pytest

from oracles.journal_reader import read_lines, read_rows
from pahcl_track import Outcome, Session, TrackerError, TrackingRequired, read_history
from pahcl_track.backends.journal import JournalTracker
from pahcl_track.journal import Journal
from support.trackers import Failing, Recorder, Waiting


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


def test_two_threads_that_finish_write_one_end(make_run, completed, journal_path):
    tracker = Waiting("finish")
    session = Session({"mine": tracker})
    session.start(make_run())
    first = threading.Thread(target=session.finish, args=(completed,))
    first.start()
    assert tracker.entered.wait(30.0)
    session.finish(Outcome(status="failed"))
    tracker.let_go.set()
    first.join()

    ends = [line["finish"]["status"] for line in read_lines(journal_path)[0] if "finish" in line]
    assert ends == ["completed"]


def test_an_end_that_is_waited_for_can_be_interrupted(make_run, completed, journal_path, told):
    """The journal has its end, what was delivered is told, and the next run can begin."""
    tracker = Waiting("log")
    session = Session({"mine": tracker})
    session.start(make_run())
    session.log({"a": 0.5}, step=1)
    assert tracker.entered.wait(30.0)

    def interrupted(timeout_s):
        raise KeyboardInterrupt

    session._deliveries[0].wait_finished = interrupted
    with pytest.raises(KeyboardInterrupt):
        session.finish(completed)
    tracker.let_go.set()

    assert read_history(journal_path).outcome == completed
    assert told()[-1].startswith("mine: 0 sent, 0 failed, 1 not delivered; to send it:")
    Journal(make_run().directory).close()
    session.finish(completed)  # is over


def test_an_interruption_while_device_values_are_awaited(make_run, journal_path):
    """Still leaves an end in the journal, and gives it to the trackers."""

    def interrupted(timeout_s):
        raise KeyboardInterrupt

    tracker = Recorder()
    session = Session({"mine": tracker})
    session.start(make_run())
    session._device_values.flush = interrupted
    with pytest.raises(KeyboardInterrupt):
        session.finish(Outcome(status="interrupted"))

    assert read_history(journal_path).outcome.status == "interrupted"
    Journal(make_run().directory).close()


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


def test_a_row_that_races_with_the_end_does_not_come_after_it(make_run, completed, journal_path):
    """A thread that logs until it is over; nothing is counted as missing."""
    tracker = Recorder()
    session = Session({"mine": tracker})
    session.start(make_run())
    over = threading.Event()
    begun = threading.Event()

    def work():
        step = 0
        while not over.is_set():
            step += 1
            session.log({"a": 0.5} if step % 2 else {"a": 1}, step=step)
            begun.set()

    thread = threading.Thread(target=work)
    thread.start()
    assert begun.wait(30.0)
    session.finish(completed)
    over.set()
    thread.join()
    lines = read_lines(journal_path)[0]

    assert "finish" in lines[-1]
    assert session.accounts()[0].not_delivered == 0
    assert session.accounts()[0].sent == len(lines) - 2


def test_a_second_run_in_the_directory_sets_the_journal_aside(make_run, journal_path):
    for step in range(3):
        with Session({}).running(make_run()) as session:
            session.log({"a": 0.5}, step=step)

    kept = [journal_path.with_name(f"journal.{number}.jsonl") for number in (1, 2)]
    assert [read_rows(path) for path in (*kept, journal_path)] == [
        [(step, {"a": 0.5})] for step in range(3)
    ]
    runs = [read_history(path).run.id for path in (*kept, journal_path)]
    assert len(set(runs)) == 3


def test_a_run_has_an_identity_that_all_are_told(make_run, journal_path):
    trackers = {"a": Recorder(), "b": Recorder()}
    with Session(trackers).running(make_run()):
        pass
    recorded = read_lines(journal_path)[0][0]["run"]["id"]

    assert len(recorded) == 8
    assert {tracker.run.id for tracker in trackers.values()} == {recorded}


def test_a_resumed_run_keeps_its_identity_and_its_journal(make_run, journal_path):
    with Session({}).running(make_run()) as session:
        session.log({"a": 0.5}, step=1)
    tracker = Recorder()
    with Session({"mine": tracker}).running(make_run(resumed_from_step=1)) as session:
        session.log({"a": 0.25}, step=2)
    lines = read_lines(journal_path)[0]

    assert tracker.run.id == lines[0]["run"]["id"]
    assert tracker.run.resumed_from_step == 1
    kinds = [next(key for key in line if key not in "nt") for line in lines]
    assert kinds == ["run", "step", "finish", "resumed", "step", "finish"]
    assert [line["n"] for line in lines] == list(range(6))
    assert list(journal_path.parent.glob("journal.*.jsonl")) == []


def test_an_identity_of_ones_own_choice(make_run, journal_path):
    with Session({}).running(make_run(id="night-1")):
        pass
    with Session({}).running(make_run(resumed_from_step=0)):
        pass

    assert read_history(journal_path).run.id == "night-1"


def test_a_run_resumed_where_there_is_no_journal_begins_one(make_run, journal_path):
    tracker = Recorder()
    with Session({"mine": tracker}).running(make_run(resumed_from_step=7)) as session:
        session.log({"a": 0.5}, step=8)

    assert [next(key for key in line if key not in "nt") for line in read_lines(journal_path)[0]]
    assert read_history(journal_path).run.id == tracker.run.id
    assert tracker.steps == [8]


def test_another_process_is_not_disturbed(make_run, completed, journal_path, told):
    """This one goes on without a journal of its own."""
    other = Journal(make_run().directory)
    tracker = Recorder()
    session = Session({"mine": tracker})
    session.start(make_run())
    session.log({"a": 0.5}, step=1)
    session.finish(completed)
    other.row({"b": 1}, 1)
    other.close()

    assert told() == [
        f"no journal of this run: {journal_path}: another process is writing this run; "
        "the run goes on without it"
    ]
    assert tracker.steps == [1]
    assert read_rows(journal_path) == [(1, {"b": 1})]
    assert list(journal_path.parent.iterdir()) == [journal_path]


def test_strict_means_that_a_missing_journal_ends_the_program(make_run, tmp_path):
    (tmp_path / "file").touch()
    session = Session({}, strict=True)
    with pytest.raises(TrackingRequired, match=r"^no journal: \[Errno 20\] Not a directory"):
        session.start(make_run(directory=tmp_path / "file" / "run"))


@pytest.mark.parametrize(
    ("broken", "message"),
    [
        (lambda: Failing(TrackerError("no key"), "start"), r"^mine: no key$"),
        (lambda: Failing(OSError("gone"), "start"), r"^mine: cannot start: OSError: gone$"),
        (lambda: Waiting("start"), r"^mine: has not started within 0\.05 s$"),
    ],
)
def test_strict_means_that_a_tracker_that_cannot_start_ends_the_program(
    make_run, journal_path, broken, message
):
    """The others are told how it ended, and the directory is free again."""
    broken, sound = broken(), Recorder()
    session = Session({"other": sound, "mine": broken}, strict=True, start_timeout_s=0.05)
    session._finish = lambda outcome, _, end=session._finish: end(outcome, 0.05)
    with pytest.raises(TrackingRequired, match=message) as caught:
        session.start(make_run())
    session.log({"a": 0.5}, step=1)

    expected = Outcome(status="failed", error=str(caught.value))
    assert sound.outcome == read_history(journal_path).outcome == expected
    assert read_rows(journal_path) == []
    Journal(make_run().directory).close()
    if isinstance(broken, Waiting):
        broken.let_go.set()


@pytest.mark.parametrize("rank", ["1", "7"])
def test_other_ranks_than_the_first_do_nothing_at_all(
    make_run, completed, tmp_path, monkeypatch, rank
):
    monkeypatch.setenv("RANK", rank)
    tracker = Recorder()
    session = Session({"mine": tracker}, strict=True)
    with session.running(make_run()):
        session.log({"a": 0.5}, step=1)
        session.save(tmp_path / "x", kind="report")

    assert tracker.calls == []
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("rank", "is_main", "reports"),
    [("0", None, True), ("", None, True), ("1", True, True), ("0", False, False)],
)
def test_who_reports(make_run, monkeypatch, tmp_path, rank, is_main, reports):
    """What the program says goes before the environment."""
    monkeypatch.setenv("RANK", rank)
    tracker = Recorder()
    with Session({"mine": tracker}, is_main=is_main).running(make_run()):
        pass

    assert bool(tracker.calls) is reports
    assert bool(list(tmp_path.iterdir())) is reports


def test_the_rank_is_looked_at_when_the_run_starts(make_run, monkeypatch, tmp_path):
    session = Session({})
    monkeypatch.setenv("RANK", "1")
    with session.running(make_run()):
        pass

    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("error", "status", "message"),
    [
        (KeyboardInterrupt(), "interrupted", None),
        (ValueError("no\nmore"), "failed", "ValueError: no"),
        (SystemExit(3), "failed", "SystemExit: 3"),
    ],
    ids=repr,
)
def test_a_block_that_is_left_by_an_error(make_run, journal_path, error, status, message):
    """Which goes on."""
    tracker = Recorder()
    with pytest.raises(type(error)), Session({"mine": tracker}).running(make_run()):
        raise error

    expected = Outcome(status=status, error=message)
    assert tracker.outcome == expected
    assert read_history(journal_path).outcome == expected


def test_a_block_that_ends(make_run, journal_path):
    with Session({}).running(make_run()) as session:
        session.finish(Outcome(status="completed", summary={"auroc": 0.75}))

    assert read_history(journal_path).outcome.summary == {"auroc": 0.75}


def test_an_interruption_while_trackers_start(make_run, journal_path, monkeypatch):
    def interrupted():
        raise KeyboardInterrupt

    session = Session({})
    monkeypatch.setattr(session, "_await_starts", interrupted)
    with pytest.raises(KeyboardInterrupt), session.running(make_run()):
        pass

    assert read_history(journal_path).outcome.status == "interrupted"


def test_an_end_whose_figures_are_odd_is_an_end(make_run, journal_path, told):
    session = Session({})
    session.start(make_run())
    session.finish(
        Outcome(status="failed", error=ValueError("x"), summary={"a": "text", "b": 1, 3: 1})
    )
    outcome = read_history(journal_path).outcome

    assert outcome == Outcome(status="failed", error="x", summary={"b": 1})
    assert len(told()) == 2


def test_an_end_that_cannot_be_recorded_is_over_all_the_same(make_run, completed, told):
    def broken(outcome):
        raise RuntimeError("broken")

    session = Session({"mine": Recorder()})
    session.start(make_run())
    session._journal.ended = broken
    session.finish(completed)

    assert told()[0] == "the end of the run was not recorded: RuntimeError: broken"
    Journal(make_run().directory).close()


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


def test_what_never_reached_the_disk_is_told_at_the_end(make_run, completed, told):
    """The end itself among it."""

    def full(line):
        raise OSError(28, "No space left on device")

    tracker = Recorder()
    session = Session({"mine": tracker})
    session.start(make_run())
    session._journal._write = full
    for step in range(3):
        session.log({"a": 0.5}, step=step)
    session.finish(completed)

    assert len(told()) == 2
    assert "No space left on device" in told()[0]
    assert told()[1] == "the journal lacks 4 lines: the disk was full"
    assert tracker.steps == [0, 1, 2]


def test_it_says_nothing_when_all_is_well(make_run, capfd, caplog):
    caplog.set_level(logging.WARNING)
    with Session({"mine": Recorder()}).running(make_run()) as session:
        session.log({"a": 0.5}, step=1)

    assert capfd.readouterr() == ("", "")
    assert caplog.records == []
