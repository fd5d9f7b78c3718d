"""Programs that end without finishing, or are stopped: each one of its own."""

import signal
import sys

import pytest

from oracles.journal_reader import read_lines, read_rows
from pahcl_track.history import read_history
from support.tracked_program import lines_of

posix = pytest.mark.skipif(sys.platform == "win32", reason="it takes fork or signals")


ABORTED = "the program ended without finishing the run"


@pytest.mark.parametrize(
    ("last", "code"),
    [("", 0), ("sys.exit(3)", 3), ("raise ValueError('no more')", 1)],
    ids=["end", "exit", "error"],
)
def test_a_program_that_ends_without_finishing(program, tmp_path, last, code):
    """Everything is delivered, and the end says what happened."""
    program(
        f"""
        session = Session({{"mine": Lines()}})
        session.start(RUN)
        for step in range(100):
            session.log({{"a": 0.5}}, step=step)
        {last}
        """,
        code=code,
    )
    outcome = read_history(tmp_path).outcome

    assert (outcome.status, outcome.error) == ("failed", ABORTED)
    assert lines_of(tmp_path) == [
        "True start", *(f"True log {step}" for step in range(100)), "True finish failed",
    ]  # fmt: skip


def test_a_session_that_nobody_holds_any_more_is_ended_too(program, tmp_path):
    """Begun in a function that is over, or that failed."""
    program(
        """
        import gc
        def main():
            session = Session({"mine": Lines()})
            session.start(RUN)
            session.log({"a": 0.5}, step=1)
        main()
        gc.collect()
        """
    )

    assert read_history(tmp_path).outcome.error == ABORTED
    assert lines_of(tmp_path)[-1] == "True finish failed"


def test_all_sessions_are_ended_even_if_a_tracker_hangs(program, tmp_path):
    """For which there is a bound of seconds, made shorter here."""
    program(
        """
        from pahcl_track import session as module
        module._AT_EXIT_S = 0.1
        class Stuck(Lines):
            def log(self, values, *, step): threading.Event().wait()
        for name, tracker in {"a": Stuck(), "b": Lines(), "c": Stuck()}.items():
            session = Session({"mine": tracker})
            session.start(Run(name=name, directory=DIRECTORY / name))
            session.log({"a": 0.5}, step=1)
        """
    )

    for name in "abc":
        assert read_history(tmp_path / name).outcome.error == ABORTED
    assert "True finish failed" in lines_of(tmp_path)


def test_the_bound_at_exit_is_seconds():
    from pahcl_track import session

    assert session._AT_EXIT_S == 5.0


@posix
def test_ctrl_c_during_the_end(program, tmp_path):
    """The first one ends the wait; what was not delivered is told."""
    done = program(
        """
        entered = threading.Event()
        class Stuck(Lines):
            def log(self, values, *, step):
                entered.set()
                threading.Event().wait()
        def interrupt():
            entered.wait()
            while "finish" not in (DIRECTORY / "journal.jsonl").read_text():
                time.sleep(0.001)
            signal.pthread_kill(threading.main_thread().ident, signal.SIGINT)
        signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell may have it ignored
        session = Session({"mine": Stuck()})
        session.start(RUN)
        session.log({"a": 0.5}, step=1)
        threading.Thread(target=interrupt).start()
        try:
            session.finish(COMPLETED)
        except KeyboardInterrupt:
            print("interrupted")
        """
    )

    assert done.stdout == "interrupted\n"
    assert "mine: 0 sent, 0 failed, 1 not delivered" in done.stderr
    assert read_history(tmp_path).outcome.status == "completed"


@posix
def test_sigterm_leaves_a_journal_that_just_stops(program, tmp_path):
    """Unless the program has a handler; everything logged is there."""
    program(
        """
        session = Session({})
        session.start(RUN)
        session.log({"a": 0.5}, step=1)
        os.kill(os.getpid(), signal.SIGTERM)
        """,
        code=-signal.SIGTERM,
    )

    assert read_rows(tmp_path / "journal.jsonl") == [(1, {"a": 0.5})]
    assert read_history(tmp_path).outcome is None


@posix
def test_a_handler_of_sigterm_may_finish_the_run(program, tmp_path):
    """In the middle of `log`, over and over."""
    program(
        """
        session = Session({"mine": Lines()})
        def end(number, frame):
            session.finish(Outcome(status="interrupted"))
            sys.exit(0)
        signal.signal(signal.SIGALRM, end)
        session.start(RUN)
        signal.setitimer(signal.ITIMER_REAL, 0.05)
        step = 0
        while True:
            step += 1
            session.log({"a": 0.5} if step % 2 else {"a": 1}, step=step)
        """
    )
    lines, broken = read_lines(tmp_path / "journal.jsonl")

    assert broken == 0
    assert "finish" in lines[-1]
    assert lines[-1]["finish"]["status"] == "interrupted"
    assert lines_of(tmp_path)[-1] == "True finish interrupted"
    assert [line for line in lines_of(tmp_path) if " log " in line] == [
        f"True log {line['step']}" for line in lines if "step" in line
    ]


def test_rank_one_of_a_real_program(program, tmp_path):
    program(
        """
        os.environ["RANK"] = "1"
        (DIRECTORY / "before").touch()
        session = Session({"mine": Lines()})
        session.start(Run(name="quiet", directory=DIRECTORY / "run"))
        session.log({"a": 0.5}, step=1)
        """
    )

    assert [path.name for path in tmp_path.iterdir()] == ["before"]


def test_a_program_that_only_imports_ends_in_silence(program):
    done = program("")

    assert (done.stdout, done.stderr) == ("", "")
