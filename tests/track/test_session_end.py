"""How a session ends, whoever ends it, and whoever interrupts that."""

import threading

import pytest

from oracles.journal_reader import read_lines
from pahcl_track import Outcome, Session, read_history
from pahcl_track.journal import Journal
from support.tracked import account_of
from support.trackers import Recorder, Waiting


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


def test_a_tracker_that_does_not_come_to_its_end_is_told_of(make_run, completed, told):
    """It took every row, but may have kept them to itself."""
    tracker = Waiting("finish")
    session = Session({"mine": tracker})
    session.start(make_run())
    session.log({"a": 0.5}, step=1)
    session._deliveries[0].wait_finished = lambda timeout_s: tracker.entered.wait(30.0)
    session.finish(completed)
    tracker.let_go.set()

    directory = make_run().directory
    assert told() == [
        "mine: 1 sent, 0 failed, 0 not delivered, no end; to send it: "
        f"pahcl track replay {directory} --tracker mine"
    ]


def test_a_run_that_goes_on_does_not_lack_its_end(make_run, completed):
    """Not even one that was resumed, of which a first stretch did end."""
    with Session({}).running(make_run()):
        pass
    session = Session({"mine": Recorder()})
    session.start(make_run(resumed_from_step=0))
    before = account_of(session)
    session.finish(completed)

    assert not before.no_end
    assert account_of(session).complete


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


class LastMoment:
    """A lock that is had only when the run was ended meanwhile."""

    def __init__(self, session):
        self.session = session

    def __enter__(self):
        self.session._off = True

    def __exit__(self, *error):
        pass


def test_what_waited_for_the_end_does_not_come_after_it(make_run, completed, journal_path):
    session = Session({})
    session.start(make_run())
    session.log({"a": 0.5}, step=1)
    lock, session._journal.lock = session._journal.lock, LastMoment(session)
    for report in (
        lambda: session.log({"a": 0.5}, step=2),
        lambda: session._record_arrived(session._journal, {"a": 1}, 3),
        lambda: session.save(journal_path, kind="report"),
    ):
        session._off = False
        report()
    session._off, session._journal.lock = False, lock
    session.finish(completed)

    kinds = [next(key for key in line if key not in "nt") for line in read_lines(journal_path)[0]]
    assert kinds == ["run", "step", "finish"]


def test_a_second_end_does_not_wait_for_the_first(make_run, completed, journal_path):
    """Which waits for values from a device."""
    flushing, let_go = threading.Event(), threading.Event()

    def flush(timeout_s):
        flushing.set()
        return let_go.wait(timeout_s)

    session = Session({}, finish_timeout_s=2.0)
    session.start(make_run())
    session._device_values.flush = flush
    first = threading.Thread(target=session.finish, args=(completed,))
    first.start()
    assert flushing.wait(30.0)
    session.finish(Outcome(status="failed"))
    let_go.set()
    first.join()

    assert read_history(journal_path).outcome == completed


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


def test_a_block_that_is_left_by_an_error_that_cannot_be_said(make_run, journal_path):
    class Speechless(Exception):
        def __str__(self):
            raise RuntimeError("a mistake")

    with pytest.raises(Speechless), Session({}).running(make_run()):
        raise Speechless

    assert read_history(journal_path).outcome == Outcome(status="failed", error="Speechless")


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
    assert told()[1] == "the journal lacks 4 lines or pictures: the disk was full"
    assert tracker.steps == [0, 1, 2]
