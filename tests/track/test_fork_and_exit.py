"""Processes that fork, spawn, exit or are stopped in mid run, each a program of its own."""

import signal
import subprocess
import sys
import textwrap

import pytest

from oracles.journal_reader import read_lines, read_rows
from pahcl_track.history import read_history

BEGINNING = """
import logging, os, signal, sys, threading, time
from pathlib import Path
from pahcl_track import Outcome, Run, Session
logging.basicConfig(format="%(message)s")
DIRECTORY = Path(sys.argv[1])
RUN = Run(name="quiet", directory=DIRECTORY)
COMPLETED = Outcome(status="completed")

class Lines:
    '''Writes what it is told to a file, and by which process.'''
    def start(self, run): self.write("start")
    def log(self, values, *, step): self.write(f"log {step}")
    def save(self, path, *, kind): self.write(f"save {path.name}")
    def finish(self, outcome): self.write(f"finish {outcome.status}")
    def write(self, line):
        with open(DIRECTORY / "lines.txt", "a") as file:
            file.write(f"{os.getpid() == MAIN} {line}\\n")

MAIN = os.getpid()
"""

posix = pytest.mark.skipif(sys.platform == "win32", reason="it takes fork or signals")


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


def lines_of(tmp_path):
    return (tmp_path / "lines.txt").read_text().splitlines()


FORKED = """
session = Session({"mine": Lines()})
session.start(RUN)
session.log({"a": 0.5}, step=1)
child = os.fork()
if child == 0:
    session.log({"a": 0.5}, step=100)
    session.log({"odd": "text"}, step=101)
    session.save(Path("x"), kind="report")
    session.finish(Outcome(status="failed"))
    LEAVE
assert os.waitpid(child, 0)[1] == 0
session.log({"a": 0.5}, step=2)
session.finish(COMPLETED)
"""


@posix
@pytest.mark.parametrize("leave", ["sys.exit(0)", "os._exit(0)"])
def test_a_forked_child_adds_nothing_and_ends(program, tmp_path, leave):
    """However it ends; the parent goes on."""
    done = program(FORKED.replace("LEAVE", leave))

    assert read_rows(tmp_path / "journal.jsonl") == [(1, {"a": 0.5}), (2, {"a": 0.5})]
    assert read_history(tmp_path).outcome.status == "completed"
    assert lines_of(tmp_path) == [
        "True start", "True log 1", "True log 2", "True finish completed",
    ]  # fmt: skip
    assert (done.stdout, done.stderr) == ("", "")


@posix
def test_a_child_forked_while_everything_is_busy_ends(program, tmp_path):
    """Locks may be held by threads that the child does not have."""
    program(
        """
        from pahcl_track import NullTracker
        session = Session({"mine": NullTracker()})
        session.start(RUN)
        over = threading.Event()
        def work(thread):
            step = 0
            while not over.is_set():
                step += 1
                session.log({"a": 0.5} if step % 2 else {"a": 1}, step=step)
        threads = [threading.Thread(target=work, args=(number,)) for number in range(3)]
        for thread in threads: thread.start()
        for _ in range(10):
            child = os.fork()
            if child == 0:
                signal.alarm(20)
                session.log({"a": 0.5}, step=-1)
                session.log({"a": 1}, step=-1)
                session.finish(COMPLETED)
                sys.exit(0)
            assert os.waitpid(child, 0)[1] == 0
        over.set()
        for thread in threads: thread.join()
        session.finish(COMPLETED)
        """
    )
    lines, broken = read_lines(tmp_path / "journal.jsonl")

    assert broken == 0
    assert [line["n"] for line in lines] == list(range(len(lines)))
    assert min(line["step"] for line in lines if "step" in line) > 0


@posix
def test_a_child_may_begin_a_run_of_its_own(program, tmp_path):
    program(
        """
        session = Session({})
        session.start(RUN)
        child = os.fork()
        if child == 0:
            with Session({}).running(Run(name="own", directory=DIRECTORY / "own")) as own:
                own.log({"b": 1.5}, step=1)
            with session.running(Run(name="again", directory=DIRECTORY / "again")) as again:
                again.log({"c": 1.5}, step=1)
            sys.exit(0)
        assert os.waitpid(child, 0)[1] == 0
        session.log({"a": 0.5}, step=2)
        session.finish(COMPLETED)
        """
    )

    assert read_rows(tmp_path / "journal.jsonl") == [(2, {"a": 0.5})]
    assert read_rows(tmp_path / "own" / "journal.jsonl") == [(1, {"b": 1.5})]
    assert read_rows(tmp_path / "again" / "journal.jsonl") == [(1, {"c": 1.5})]


@posix
def test_a_child_does_not_keep_the_journal_of_a_dead_parent(program, tmp_path):
    """So that the run can be resumed while a worker process still hangs about."""
    program(
        """
        session = Session({})
        session.start(RUN)
        read, write = os.pipe()
        if os.fork() == 0:
            os.close(write)
            if os.fork() == 0:
                os.read(read, 1)  # until the parent is gone
                os.close(1), os.close(2)
                time.sleep(20)
            os._exit(0)
        os.kill(os.getpid(), signal.SIGKILL)
        """,
        code=-signal.SIGKILL,
    )
    done = program("with Session({}, strict=True).running(RUN): print('mine')")

    assert done.stdout == "mine\n"


@posix
def test_workers_of_multiprocessing_add_nothing(program, tmp_path):
    """As those of a data loader."""
    program(
        """
        import multiprocessing
        session = Session({"mine": Lines()})
        session.start(RUN)
        def work(step):
            session.log({"a": 0.5}, step=step)
            return step
        with multiprocessing.get_context("fork").Pool(2) as pool:
            assert pool.map(work, range(10)) == list(range(10))
        session.log({"a": 0.5}, step=100)
        session.finish(COMPLETED)
        """
    )

    assert read_rows(tmp_path / "journal.jsonl") == [(100, {"a": 0.5})]
    assert lines_of(tmp_path)[1:] == ["True log 100", "True finish completed"]


def test_spawned_processes_know_nothing_of_the_run(program, tmp_path):
    """Unless they track themselves; not into the same directory, though."""
    (tmp_path / "worker.py").write_text(
        textwrap.dedent(
            """
            import logging
            from pathlib import Path
            from pahcl_track import Run, Session

            def work(directory):
                logging.basicConfig(format="%(message)s")
                with Session({}).running(Run(name="quiet", directory=Path(directory))) as session:
                    session.log({"b": 1.5}, step=1)
            """
        )
    )
    done = program(
        """
        import multiprocessing
        sys.path.insert(0, str(DIRECTORY))
        import worker
        session = Session({})
        session.start(RUN)
        for directory in (DIRECTORY, DIRECTORY / "own"):
            child = multiprocessing.get_context("spawn").Process(
                target=worker.work, args=(str(directory),)
            )
            child.start()
            child.join()
            assert child.exitcode == 0
        session.log({"a": 0.5}, step=2)
        session.finish(COMPLETED)
        """
    )

    assert done.stderr.count("another process is writing this run") == 1
    assert read_rows(tmp_path / "journal.jsonl") == [(2, {"a": 0.5})]
    assert read_rows(tmp_path / "own" / "journal.jsonl") == [(1, {"b": 1.5})]


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
