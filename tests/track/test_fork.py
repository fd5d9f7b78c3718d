"""Processes that fork or spawn in mid run, each a program of its own."""

import signal
import sys
import textwrap

import pytest

from oracles.journal_reader import read_lines, read_rows
from pahcl_track.history import read_history
from support.tracked_program import lines_of

posix = pytest.mark.skipif(sys.platform == "win32", reason="it takes fork or signals")

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
def test_a_child_keeps_neither_the_journal_nor_a_tracker_of_a_dead_parent(program, tmp_path):
    """So that the run can be resumed while a worker process still hangs about."""
    program(
        """
        session = Session({"mine": Lines()})
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
    done = program(
        """
        run = Run(name="quiet", directory=DIRECTORY, resumed_from_step=0)
        with Session({"mine": Lines()}, strict=True, start_timeout_s=10).running(run):
            print("mine")
        """
    )

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
