"""Who writes a journal, where files can be locked, and where they cannot."""

import errno
import os
import threading

import pytest

from oracles.journal_reader import read_rows
from pahcl_track import Session, read_history
from pahcl_track.journal import Journal
from pahcl_track.journal_file import is_being_written, lock_file
from pahcl_track.replay import replay
from support.trackers import Recorder

fcntl = pytest.importorskip("fcntl", reason="it takes flock")


def test_while_it_is_written_and_not_before_or_after(tmp_path):
    assert not is_being_written(tmp_path / "journal.jsonl")
    journal = Journal(tmp_path)
    assert is_being_written(journal.path)
    journal.close()
    assert not is_being_written(journal.path)


@pytest.mark.parametrize("code", [errno.ENOSYS, errno.ENOLCK, errno.EOPNOTSUPP])
def test_a_file_system_without_locks_costs_nothing_but_the_lock(
    record, monkeypatch, told, journal_path, code
):
    """Lustre that was mounted without `flock`, or a network's file system without its service."""

    def without(file, operation):
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(fcntl, "flock", without)
    tracker = Recorder()
    directory = record([1, 2])
    record([3], resumed_from=2)
    replay(directory, tracker, name="mine")

    assert [step for step, _ in read_rows(journal_path)] == [1, 2, 3]
    assert tracker.steps == [1, 2, 3]
    assert told() == []


def test_over_a_network_that_locks_what_is_open_to_write_alone(record, monkeypatch, told):
    """NFS takes a lock by `fcntl`, which refuses a file that is open to read."""
    monkeypatch.setattr(fcntl, "flock", fcntl.lockf)
    directory = record([1, 2])
    tracker = Recorder()
    replay(directory, tracker, name="mine")

    assert tracker.steps == [1, 2]
    assert told() == []


def test_a_journal_that_can_only_be_read_is_locked_as_far_as_it_can_be(tmp_path, monkeypatch):
    opened, flags = os.open, []

    def only_read(path, how, *rest):
        flags.append(how)
        if how & (os.O_WRONLY | os.O_RDWR):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), path)
        return opened(path, how, *rest)

    journal = Journal(tmp_path)
    monkeypatch.setattr(os, "open", only_read)

    assert is_being_written(journal.path)
    journal.close()
    assert not is_being_written(journal.path)
    assert [how & os.O_RDWR for how in flags] == [os.O_RDWR, os.O_RDONLY] * 2


def test_whoever_asks_in_that_instant_keeps_no_run_from_its_journal(
    make_run, tmp_path, told, journal_path
):
    """A list of runs takes the lock of each, to know whether it is free."""
    journal_path.parent.mkdir()
    with journal_path.open("w") as asking:
        fcntl.flock(asking, fcntl.LOCK_EX)
        timer = threading.Timer(0.1, lambda: fcntl.flock(asking, fcntl.LOCK_UN))
        timer.start()
        with Session({}).running(make_run()) as session:
            session.log({"a": 1.0}, step=1)
        timer.join()

    assert told() == []
    assert len(read_history(journal_path).rows) == 1


def test_whoever_asks_does_not_wait(tmp_path, monkeypatch):
    tried = []

    def held(file, operation):
        tried.append(operation)
        raise BlockingIOError(errno.EWOULDBLOCK, os.strerror(errno.EWOULDBLOCK))

    monkeypatch.setattr(fcntl, "flock", held)
    (tmp_path / "train.log").touch()

    assert is_being_written(tmp_path / "train.log")
    assert len(tried) == 1
    with (tmp_path / "train.log").open("a") as log:
        assert not lock_file(log.fileno(), patience_s=0.05)
    assert len(tried) > 2
