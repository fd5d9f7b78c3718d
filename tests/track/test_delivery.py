"""What a tracker's troubles cost the program and the other trackers: nothing."""

import logging
import shutil
import threading
from types import SimpleNamespace

import pytest

from pahcl_track import Image, Outcome, Session, TrackerError
from pahcl_track import delivery as delivery_module
from pahcl_track import session as session_module
from pahcl_track.delivery import Delivery, describe
from pahcl_track.history import read_history
from pahcl_track.sent import Sent
from support.trackers import Failing, Positioned, Recorder, Waiting, until

LONG = 3600.0


@pytest.fixture
def run(make_run):
    return make_run()


def logged(session, steps):
    for step in steps:
        session.log({"a": float(step)}, step=step)


def account_of(session, name="mine"):
    return next(account for account in session.accounts() if account.tracker == name)


def counts(session, name="mine"):
    account = account_of(session, name)
    return account.sent, account.failed, account.not_delivered


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
    assert told()[1:] == ["mine: 0 sent, 6 failed, 0 not delivered"]


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
    session = Session({"mine": stuck, "o": sound}, start_timeout_s=0.01, finish_timeout_s=0.05)
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
    session = Session({"mine": stuck, "o": sound}, finish_timeout_s=0.05)
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


class TimeKeeper(Recorder):
    """Notes for every row whether the run was already ending."""

    def __init__(self):
        super().__init__()
        self.ending = False
        self.noted = []

    def log(self, values, *, step):
        super().log(values, step=step)
        self.noted.append(self.ending)


def test_a_tracker_that_used_up_its_share_waits_for_the_end(run, completed, monkeypatch):
    """After the first call its share of the time is spent for hours."""
    monkeypatch.setattr(delivery_module, "SHARE", 1e-9)
    monkeypatch.setattr(delivery_module, "_BURST_S", 0.0)
    tracker = TimeKeeper()
    session = Session({"mine": tracker})
    session.start(run)
    logged(session, range(50))
    tracker.ending = True
    session.finish(completed)

    assert tracker.steps == list(range(50))
    assert tracker.noted[1:] == [True] * 49


def test_what_was_delivered_is_noted_before_the_wait(run, completed, monkeypatch):
    """A program that is killed while it waits, as it does most of the time, sends nothing twice."""
    monkeypatch.setattr(delivery_module, "SHARE", 1e-9)
    monkeypatch.setattr(delivery_module, "_BURST_S", 0.0)
    session = Session({"mine": Recorder()})
    session.start(run)
    logged(session, range(5))
    until(lambda: session._deliveries[0]._credit_s < 0)
    noted = Sent(run.directory / "journal.jsonl", "mine").rows
    accounts = counts(session)
    session.finish(completed)

    assert noted == 1
    assert accounts == (1, 0, 4)


def test_a_tracker_within_its_share_is_given_everything_meanwhile(run, completed, monkeypatch):
    monkeypatch.setattr(delivery_module, "SHARE", 1e9)
    tracker = TimeKeeper()
    session = Session({"mine": tracker})
    session.start(run)
    logged(session, range(50))
    until(lambda: len(tracker.rows) == 50)
    session.finish(completed)

    assert tracker.noted == [False] * 50


def test_the_share_by_hand(monkeypatch):
    """0.2 s at once; then a second's work is paid for by 50 seconds, 1 of them already gone."""
    monkeypatch.setattr(delivery_module, "SHARE", 0.02)
    clock = [100.0]
    monkeypatch.setattr(delivery_module, "time", SimpleNamespace(monotonic=lambda: clock[0]))
    delivery = Delivery("mine", Recorder())
    waits = []
    delivery._hurry.wait = waits.append

    def take(seconds):
        clock[0] += seconds
        delivery._took_s += seconds
        delivery._account()

    take(0.2)  # 0.2 + 0.02 * 0.2 - 0.2 = 0.004
    assert waits == []
    take(1.0)  # 0.004 + 0.02 - 1.0 = -0.976
    assert waits == [pytest.approx(48.8)]
    clock[0] += 1000.0
    take(0.0)  # not more than 0.2 is saved up
    delivery._took_s = 0.21
    delivery._account()

    assert waits[1:] == [pytest.approx(0.5)]


@pytest.fixture
def impatient(monkeypatch):
    monkeypatch.setattr(delivery_module, "PATIENCE", 3)
    monkeypatch.setattr(delivery_module, "PAUSE_S", 0.001)


def test_a_tracker_that_recovers_goes_on_with_the_row_it_was_at(run, completed, impatient):
    """After failures in a row it is given pauses; what comes meanwhile waits."""
    tracker = Failing(ValueError("down"), "log")
    session = Session({"mine": tracker})
    session.start(run)
    logged(session, range(10))
    until(lambda: tracker.attempts > 10)
    tracker.broken = False
    session.finish(completed)

    assert tracker.steps == list(range(2, 10))
    assert counts(session) == (8, 2, 0)


def test_a_row_that_fails_now_and_then_is_not_tried_again(run, completed, impatient):
    class Picky(Recorder):
        def log(self, values, *, step):
            if step % 3:
                raise ValueError(step)
            super().log(values, step=step)

    tracker = Picky()
    session = Session({"mine": tracker})
    session.start(run)
    logged(session, range(9))
    session.finish(completed)

    assert tracker.steps == [0, 3, 6]
    assert counts(session) == (3, 6, 0)


def test_a_tracker_that_is_down_is_tried_once_more_at_the_end(
    run, completed, impatient, monkeypatch, told
):
    monkeypatch.setattr(delivery_module, "PAUSE_S", LONG)
    tracker = Failing(ValueError("down"), "log")
    session = Session({"mine": tracker})
    session.start(run)
    logged(session, range(10))
    until(lambda: tracker.attempts == 3)
    session.finish(completed)

    assert tracker.attempts == 4
    assert counts(session) == (0, 2, 8)
    assert tracker.outcome == completed
    assert "8 not delivered; to send it: pahcl track replay" in told()[-1]


def test_a_tracker_that_is_back_at_the_end_is_given_everything(
    run, completed, impatient, monkeypatch
):
    monkeypatch.setattr(delivery_module, "PAUSE_S", LONG)
    tracker = Failing(ValueError("down"), "log")
    session = Session({"mine": tracker})
    session.start(run)
    logged(session, range(10))
    until(lambda: tracker.attempts == 3)
    tracker.broken = False
    session.finish(completed)

    assert tracker.steps == list(range(2, 10))
    assert counts(session) == (8, 2, 0)


def test_the_default_patience_is_twenty():
    assert delivery_module.PATIENCE == 20


def test_what_the_queue_let_go_comes_from_the_journal(run, completed, monkeypatch, tmp_path):
    """Everything, in order and once, with values of every kind."""
    monkeypatch.setattr(delivery_module, "CAPACITY", 4)
    tracker = Waiting("log")
    session = Session({"mine": tracker})
    session.start(run)
    session.log({"a": 0.0}, step=0)
    assert tracker.entered.wait(LONG)
    for step in range(1, 50):
        session.log({"a": float(step)}, step=step)
        session.log({"a": step, "i": Image(data=b"%d" % step)}, step=step)
        session.save(tmp_path / f"{step}.pt", kind="checkpoint")
    tracker.let_go.set()
    session.finish(completed)

    expected = [(0, {"a": 0.0})]
    for step in range(1, 50):
        expected += [(step, {"a": step}), (step, {"a": step, "i": Image(data=b"%d" % step)})]
    assert tracker.rows == expected
    assert [path.name for path, _ in tracker.files] == [f"{step}.pt" for step in range(1, 50)]
    assert tracker.outcome == completed
    assert counts(session) == (148, 0, 0)


def test_what_the_queue_let_go_comes_while_the_run_goes_on(run, completed, monkeypatch):
    monkeypatch.setattr(delivery_module, "CAPACITY", 4)
    monkeypatch.setattr(delivery_module, "SHARE", 1e9)
    tracker = Waiting("log")
    session = Session({"mine": tracker})
    session.start(run)
    logged(session, range(30))
    tracker.let_go.set()
    until(lambda: len(tracker.rows) == 30)
    logged(session, range(30, 60))
    session.finish(completed)

    assert tracker.steps == list(range(60))


@pytest.fixture
def nowhere(make_run, tmp_path):
    """A run whose directory cannot be made."""
    (tmp_path / "file").touch()
    return make_run(directory=tmp_path / "file" / "run")


def test_without_a_journal_the_trackers_get_everything(nowhere, completed, told):
    tracker = Recorder()
    session = Session({"mine": tracker})
    session.start(nowhere)
    logged(session, range(3))
    session.log({"a": 1, "i": Image(data=b"abc")}, step=3)
    session.finish(completed)

    assert tracker.steps == [0, 1, 2, 3]
    assert tracker.rows[3][1] == {"a": 1, "i": Image(data=b"abc")}
    assert tracker.outcome == completed
    assert counts(session) == (4, 0, 0)
    assert len(told()) == 1
    assert told()[0].startswith("no journal of this run: [Errno 20] Not a directory")


def test_without_a_journal_what_the_queue_let_go_is_counted(nowhere, completed, monkeypatch, told):
    """And no command is named that could not send it."""
    monkeypatch.setattr(delivery_module, "CAPACITY", 4)
    tracker = Waiting("log")
    session = Session({"mine": tracker})
    session.start(nowhere)
    session.log({"a": 0.0}, step=0)
    assert tracker.entered.wait(LONG)
    logged(session, range(1, 20))
    tracker.let_go.set()
    session.finish(completed)

    sent = len(tracker.steps)
    assert tracker.steps in ([0, 17, 18, 19], [0, 16, 17, 18, 19])  # was the end in the queue?
    assert tracker.outcome == completed
    assert counts(session) == (sent, 0, 20 - sent)
    assert told()[-1] == f"mine: {sent} sent, 0 failed, {20 - sent} not delivered"


def test_without_a_journal_a_tracker_that_hangs_is_counted_once(nowhere, completed, monkeypatch):
    monkeypatch.setattr(delivery_module, "CAPACITY", 4)
    tracker = Waiting("log")
    session = Session({"mine": tracker}, finish_timeout_s=0.05)
    session.start(nowhere)
    logged(session, range(20))
    session.finish(completed)
    assert counts(session) == (0, 0, 20)
    tracker.let_go.set()


def test_without_a_journal_threads_lose_nothing(nowhere, completed):
    """Rows are numbered and handed over in one step, so that none overtakes another."""
    tracker = Recorder()
    session = Session({"mine": tracker})
    session.start(nowhere)
    threads = [
        threading.Thread(target=logged, args=(session, range(100 * n, 100 * n + 100)))
        for n in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    session.finish(completed)

    assert sorted(tracker.steps) == list(range(800))
    assert counts(session) == (800, 0, 0)


def test_a_journal_that_somebody_removed_stops_nothing(run, completed, monkeypatch, told):
    monkeypatch.setattr(delivery_module, "CAPACITY", 4)
    tracker = Waiting("log")
    session = Session({"mine": tracker})
    session.start(run)
    session.log({"a": 0.0}, step=0)
    assert tracker.entered.wait(LONG)
    logged(session, range(1, 20))
    shutil.rmtree(run.directory)
    tracker.let_go.set()
    session.finish(completed)

    sent = len(tracker.steps)
    assert tracker.steps in ([0, 17, 18, 19], [0, 16, 17, 18, 19])
    assert tracker.outcome == completed
    assert counts(session) == (sent, 0, 20 - sent)
    assert told()[0].startswith("mine failed (journal): FileNotFoundError")


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


def stretches(make_run, tracker, completed):
    """Two rows without the tracker, then a resumed run with it that logs two."""
    with Session({}).running(make_run()) as session:
        logged(session, [1, 2])
    session = Session({"mine": tracker})
    session.start(make_run(resumed_from_step=2))
    logged(session, [3, 4])
    session.finish(completed)
    return session


def test_a_tracker_is_given_what_it_lacks_of_a_resumed_run(make_run, completed):
    tracker = Positioned()
    session = stretches(make_run, tracker, completed)

    assert tracker.steps == [1, 2, 3, 4]
    assert counts(session) == (4, 0, 0)


def test_a_tracker_is_not_given_what_it_holds(make_run, completed):
    tracker = Positioned()
    tracker.rows = [(1, {"a": 1.0})]
    stretches(make_run, tracker, completed)

    assert tracker.steps == [1, 2, 3, 4]


def test_files_are_no_rows_when_rows_are_counted(make_run, completed, tmp_path):
    """Here between all rows that the tracker holds, and those that it lacks."""
    tracker = Positioned()
    with Session({}).running(make_run()) as session:
        for step in (1, 2, 3):
            session.log({"a": float(step)}, step=step)
            session.save(tmp_path / f"{step}.pt", kind="checkpoint")
    tracker.rows = [(1, {"a": 1.0}), (2, {"a": 2.0})]
    with Session({"mine": tracker}).running(make_run(resumed_from_step=3)):
        pass

    assert tracker.steps == [1, 2, 3]


@pytest.mark.parametrize("kind", [Recorder, Positioned])
def test_rows_that_are_left_out_are_not_counted(make_run, kind):
    """The second stretch logs steps 2 and 3 again, of which the tracker was given none."""
    tracker = kind()
    for resumed_from, steps in ((None, [1, 2, 3]), (1, [2, 3, 4]), (4, [5])):
        with Session({"mine": tracker}).running(
            make_run(resumed_from_step=resumed_from)
        ) as session:
            logged(session, steps)

    assert tracker.steps == [1, 2, 3, 4, 5]


def test_a_tracker_that_cannot_tell_at_this_moment_is_given_nothing_from_before(
    make_run, completed, told
):
    class Forgetful(Recorder):
        def __init__(self, error):
            super().__init__()
            self.error = error

        def position(self):
            if self.error:
                raise self.error
            return None

    for error in (None, ConnectionError("gone")):
        tracker = Forgetful(error)
        session = stretches(make_run, tracker, completed)
        assert tracker.steps == [3, 4]
        assert counts(session) == (2, 0, 0)
    assert told()[-1] == "mine failed (position): ConnectionError: gone; the run goes on"


def test_a_tracker_that_keeps_no_count_is_given_what_was_not_noted(make_run, completed):
    """Of a run that it was never given, everything."""
    tracker = Recorder()
    stretches(make_run, tracker, completed)

    assert tracker.steps == [1, 2, 3, 4]


def test_the_account_of_a_resumed_run_is_of_this_stretch(make_run, completed):
    stuck = Waiting("start")
    with Session({}).running(make_run()) as session:
        logged(session, range(10))
    session = Session({"mine": stuck}, start_timeout_s=0.0, finish_timeout_s=0.0)
    session.start(make_run(resumed_from_step=9))
    logged(session, [10, 11])
    session.finish(completed)
    stuck.let_go.set()

    assert counts(session) == (0, 0, 2)


def test_the_accounts_are_told_at_the_end(run, completed, caplog):
    caplog.set_level(logging.INFO, logger="pahcl_track")
    session = Session({"mine": Recorder()})
    session.start(run)
    session.log({"a": float("nan"), "b": float("inf"), "c": 1.0}, step=1)
    session.finish(Outcome(status="completed", summary={"d": float("nan")}))

    messages = [record.getMessage() for record in caplog.records]
    assert messages == ["mine: 1 sent, 0 failed, 0 not delivered", "3 values were not finite"]
    assert session.non_finite == 3


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (ValueError("one\ntwo"), "ValueError: one"),
        (KeyError("x"), "KeyError: 'x'"),
        (ValueError(), "ValueError"),
        (ValueError("\n\nlate"), "ValueError: late"),
    ],
    ids=repr,
)
def test_an_error_in_one_line(error, line):
    assert describe(error) == line
