"""What a tracker's troubles cost the program and the other trackers: nothing."""

import logging
import threading
from types import SimpleNamespace

import pytest

from pahcl_track import Image, Outcome, Session, TrackerError
from pahcl_track import session as session_module
from pahcl_track.delivery import Delivery
from pahcl_track.errors import describe
from pahcl_track.history import read_history
from support.tracked import LONG, account_of, counts, logged
from support.trackers import Failing, Recorder, Waiting


def test_everything_arrives_in_order_and_framed(run, completed, tmp_path):
    tracker = Recorder()
    session = Session({"mine": tracker})
    session.start(run)
    logged(session, [3, 1, 1])
    session.save(tmp_path / "model.pt", kind="checkpoint")
    session.log({"b": 1, "i": Image(data=b"abc")}, step=0)
    session.finish(completed)

    assert tracker.calls == ["start", "log", "log", "log", "save", "log", "finish"]
    assert tracker.rows == [
        (3, {"a": 3.0}),
        (1, {"a": 1.0}),
        (1, {"a": 1.0}),
        (0, {"b": 1, "i": Image(data=b"abc")}),
    ]
    assert tracker.files == [(tmp_path / "model.pt", "checkpoint")]
    assert tracker.outcome == completed
    assert counts(session) == (5, 0, 0)


ERRORS = [ValueError("no\nat all"), SystemExit(3), KeyboardInterrupt(), MemoryError()]


@pytest.mark.parametrize("error", ERRORS, ids=repr)
def test_a_tracker_that_raises_is_alone_with_it(run, completed, tmp_path, told, error):
    """In `log`, `save` and `finish`, told of once; the others and the journal get everything."""
    broken, sound = Failing(error, "log", "save", "finish"), Recorder()
    session = Session({"mine": broken, "other": sound})
    session.start(run)
    logged(session, range(5))
    session.save(tmp_path / "model.pt", kind="checkpoint")
    session.finish(completed)

    assert broken.attempts == 7
    assert counts(session) == (0, 6, 0)
    assert sound.steps == list(range(5))
    assert sound.outcome == completed
    assert read_history(run.directory).series("a")[0] == list(range(5))
    assert read_history(run.directory).outcome == completed
    assert told()[0] == f"mine failed (row): {describe(error)}; the run goes on"
    assert told()[1:] == [
        "mine: 0 sent, 6 failed, 0 not delivered, no end; to send it: "
        f"pahcl track replay {run.directory} --tracker mine"
    ]


def test_each_kind_of_failure_is_told_once_with_its_traceback(run, completed, caplog):
    class Fickle(Recorder):
        def log(self, values, *, step):
            raise (KeyError if step % 2 else ValueError)(step)

    session = Session({"mine": Fickle()})
    session.start(run)
    logged(session, range(6))
    session.finish(completed)
    traces = [record.exc_text for record in caplog.records if record.exc_text]

    assert len(traces) == 2
    assert traces[0].endswith("ValueError: 0")
    assert traces[1].endswith("KeyError: 1")


@pytest.mark.parametrize("error", ERRORS, ids=repr)
def test_a_tracker_that_cannot_start(run, completed, told, error):
    """It is given nothing; the others and the journal go on."""
    broken, sound = Failing(error, "start"), Recorder()
    session = Session({"mine": broken, "other": sound})
    session.start(run)
    logged(session, range(3))
    session.finish(completed)

    assert broken.calls == []
    assert sound.steps == [0, 1, 2]
    assert counts(session) == (0, 0, 3)
    assert account_of(session).refusal == f"cannot start: {describe(error)}"
    assert told() == [f"mine: cannot start: {describe(error)}; the run goes on without it"]
    assert str(account_of(session)) == "mine: did not start, 3 not delivered"


def test_a_tracker_that_knows_why_it_cannot_start_is_quoted(run, completed, told):
    session = Session({"mine": Failing(TrackerError("mine needs a key: `mine login`"), "start")})
    session.start(run)
    session.finish(completed)

    assert told() == ["mine: mine needs a key: `mine login`; the run goes on without it"]


def test_a_tracker_that_starts_late_is_given_everything(run, completed, told):
    late = Waiting("start")
    session = Session({"mine": late}, start_timeout_s=0.01)
    session.start(run)
    logged(session, range(3))
    assert told() == ["mine: has not started within 0.01 s; it is given everything when it has"]
    late.let_go.set()
    logged(session, range(3, 6))
    session.finish(completed)

    assert late.steps == list(range(6))
    assert late.outcome == completed
    assert counts(session) == (6, 0, 0)


def test_one_bound_for_all_starts_together(run, monkeypatch):
    """The second is waited for as long as the first has left, the third not at all."""
    waits = []
    monkeypatch.setattr(Delivery, "wait_started", lambda self, wait_s: waits.append(wait_s))
    clock = iter([100.0, 100.0, 106.0, 130.0])
    monkeypatch.setattr(session_module, "time", SimpleNamespace(monotonic=lambda: next(clock)))
    session = Session({"a": Recorder(), "b": Recorder(), "c": Recorder()}, start_timeout_s=20.0)
    session.start(run)
    monkeypatch.undo()

    assert waits == [20.0, 14.0, -10.0]


def test_a_tracker_that_hangs_in_start_does_not_keep_the_program(run, completed, tmp_path, told):
    stuck, sound = Waiting("start"), Recorder()
    session = Session({"mine": stuck, "o": sound}, start_timeout_s=0.01, finish_timeout_s=1.0)
    session.start(run)
    logged(session, range(4))
    session.save(tmp_path / "model.pt", kind="checkpoint")
    session.finish(completed)

    assert counts(session) == (0, 0, 5)
    assert counts(session, "o") == (5, 0, 0)
    assert sound.outcome == completed
    assert told()[-1] == (
        "mine: 0 sent, 0 failed, 5 not delivered; to send it: "
        f"pahcl track replay {run.directory} --tracker mine"
    )
    stuck.let_go.set()
    assert session._deliveries[0].wait_finished(LONG)
    assert stuck.calls == ["start"]  # when it came back, all was over


def test_a_tracker_that_hangs_in_log(run, completed):
    stuck = Waiting("log")
    session = Session({"mine": stuck}, finish_timeout_s=0.05)
    session.start(run)
    logged(session, range(4))
    session.finish(completed)

    assert counts(session) == (0, 0, 4)
    stuck.let_go.set()
    assert session._deliveries[0].wait_finished(LONG)
    assert stuck.steps == [0]
    assert counts(session) == (1, 0, 3)


def test_a_tracker_that_hangs_in_finish(run, completed):
    stuck, sound = Waiting("finish"), Recorder()
    session = Session({"mine": stuck, "o": sound}, finish_timeout_s=1.0)
    session.start(run)
    logged(session, range(4))
    session.finish(completed)

    assert counts(session) == (4, 0, 0)
    assert sound.outcome == completed
    stuck.let_go.set()


def test_the_command_that_sends_the_rest_can_be_copied(make_run, completed, tmp_path, told):
    stuck = Waiting("start")
    session = Session({"mine": stuck}, start_timeout_s=0.0, finish_timeout_s=0.0)
    session.start(make_run(directory=tmp_path / "my run"))
    logged(session, [1])
    session.finish(completed)
    stuck.let_go.set()

    assert told()[-1].endswith(f"pahcl track replay '{tmp_path}/my run' --tracker mine")


def test_a_tracker_that_changes_its_values_changes_nobody_elses(run, completed):
    class Greedy(Recorder):
        def log(self, values, *, step):
            values.clear()
            super().log(values, step=step)

    greedy, other = Greedy(), Recorder()
    session = Session({"mine": greedy, "other": other})
    session.start(run)
    logged(session, range(20))
    session.finish(completed)

    assert [values for _, values in other.rows] == [{"a": float(step)} for step in range(20)]


def test_a_file_that_is_missing_is_the_trackers_failure(run, completed, tmp_path):
    class Copying(Recorder):
        def save(self, path, *, kind):
            path.read_bytes()
            super().save(path, kind=kind)

    tracker = Copying()
    (tmp_path / "here").touch()
    session = Session({"mine": tracker})
    session.start(run)
    session.save(tmp_path / "missing", kind="report")
    session.save(tmp_path / "here", kind="report")
    session.finish(completed)

    assert tracker.files == [(tmp_path / "here", "report")]
    assert counts(session) == (1, 1, 0)


def test_a_system_without_another_thread(run, completed, monkeypatch, told):
    def start(self):
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as exhausted:
        exhausted.setattr(threading.Thread, "start", start)
        session = Session({"mine": Recorder()})
        session.start(run)
    logged(session, range(2))
    session.finish(completed)

    assert account_of(session).refusal == "cannot start: RuntimeError: can't start new thread"
    assert read_history(run.directory).series("a") == ([0, 1], [0.0, 1.0])


def test_the_accounts_are_told_at_the_end(run, completed, caplog):
    caplog.set_level(logging.INFO, logger="pahcl_track")
    session = Session({"mine": Recorder()})
    session.start(run)
    session.log({"a": float("nan"), "b": float("inf"), "c": 1.0}, step=1)
    session.finish(Outcome(status="completed", summary={"d": float("nan")}))

    messages = [record.getMessage() for record in caplog.records]
    assert messages == ["mine: 1 sent, 0 failed, 0 not delivered", "3 values were not finite"]
    assert session.non_finite == 3


class Speechless(Exception):
    def __str__(self):
        raise RuntimeError("a mistake")


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (ValueError("one\ntwo"), "ValueError: one"),
        (KeyError("x"), "KeyError: 'x'"),
        (ValueError(), "ValueError"),
        (ValueError("\n\nlate"), "ValueError: late"),
        (Speechless(), "Speechless"),
    ],
    ids=range(5),
)
def test_an_error_in_one_line(error, line):
    assert describe(error) == line
