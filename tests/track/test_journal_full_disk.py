"""A disk that is full: one warning, nothing lost that fits later, pieces set apart."""

import errno
import os
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import pytest

from oracles.journal_reader import read_lines, read_rows
from pahcl_track import Image, Run
from pahcl_track import journal as journal_module
from pahcl_track.history import read_history
from pahcl_track.journal import Journal

WRITE = os.write


class Disk:
    """Takes the place of `os.write` for one file: has room for so many bytes, and then none."""

    def __init__(self, room: float = float("inf")) -> None:
        self.room = room

    def write(self, file: int, content: bytes) -> int:
        if self.room <= 0:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        taken = WRITE(file, content[: int(min(self.room, len(content)))])
        self.room -= taken
        return taken


@pytest.fixture
def disk(monkeypatch):
    monkeypatch.setattr(journal_module, "_RETRY_S", 0.0)
    disk = Disk()
    monkeypatch.setattr(os, "write", disk.write)
    return disk


@pytest.fixture
def journal(tmp_path, disk):
    opened = Journal(tmp_path)
    opened.run(Run(name="quiet", directory=tmp_path))
    yield opened
    opened.close()


def test_a_whole_line_that_there_is_no_room_to_end_is_kept(tmp_path, disk):
    """A run that is gone on with finds it, and the disk as full as it was."""
    path = tmp_path / "journal.jsonl"
    path.write_text('{"n":0,"t":1.0,"step":1,"values":{"a":1}}')
    disk.room = 0
    again = Journal(tmp_path)
    again.go_on_after(0)
    again.row({"a": 2}, 2)
    disk.room = 1000
    again.row({"a": 3}, 3)
    again.close()

    assert read_rows(path) == [(step, {"a": step}) for step in (1, 2, 3)]


LINE = len('{"n":1,"t":1700000000.1234567,"step":1,"values":{"a":1}}\n')


@pytest.mark.parametrize("room", range(0, LINE + 8))
def test_everything_is_there_once_when_there_is_room_again(journal, disk, room, completed):
    """Wherever the disk was full, even where all that did not fit was the line break."""
    disk.room = room
    for step in range(1, 4):
        journal.row({"a": step}, step)
    disk.room = float("inf")
    journal.row({"a": 4}, 4)
    journal.ended(completed)

    assert read_rows(journal.path) == [(step, {"a": step}) for step in range(1, 5)]
    lines, broken = read_lines(journal.path)
    assert broken <= 1
    assert [line["n"] for line in lines] == [0, 1, 2, 3, 4, 5]
    assert journal.lost == 0


def test_a_line_of_which_all_but_the_break_fitted_is_not_written_twice(journal, monkeypatch):
    """The break comes before the next line."""
    monkeypatch.setattr(os, "write", lambda file, content: WRITE(file, content[:-1]))
    journal.row({"a": 1}, 1)
    monkeypatch.setattr(os, "write", WRITE)
    assert journal.path.read_bytes().endswith(b'"step":1,"values":{"a":1}}')
    journal.row({"a": 2}, 2)

    assert read_rows(journal.path) == [(1, {"a": 1}), (2, {"a": 2})]
    assert read_lines(journal.path)[1] == 0


def test_the_end_of_the_journal_gets_its_break_back(journal, disk, completed):
    disk.room = 0
    journal.row({"a": 1}, 1)
    disk.room = float("inf")
    journal.ended(completed)

    assert journal.path.read_bytes().endswith(b"\n")
    assert read_history(journal.path).outcome == completed


def test_an_end_that_lacks_its_break_alone_gets_it(journal, monkeypatch, completed):
    short = iter([True])
    monkeypatch.setattr(
        os, "write", lambda file, line: WRITE(file, line[:-1] if next(short, False) else line)
    )
    journal.ended(completed)

    assert journal.path.read_bytes().endswith(b"\n")
    assert read_history(journal.path).outcome == completed


def test_room_for_the_break_alone(journal, disk):
    """Leaves no empty line behind."""
    disk.room = 10
    journal.row({"a": 1}, 1)
    disk.room = 1
    journal.row({"a": 2}, 2)
    disk.room = float("inf")
    journal.row({"a": 3}, 3)

    assert b"\n\n" not in journal.path.read_bytes()
    assert [step for step, _ in read_rows(journal.path)] == [1, 2, 3]


def test_a_piece_is_set_apart_and_counted(journal, disk):
    disk.room = 10
    journal.row({"a": 1}, 1)
    disk.room = float("inf")
    journal.row({"a": 2}, 2)

    assert journal.path.read_bytes().split(b"\n")[1] == b'{"n":1,"t"'
    history = read_history(journal.path)
    assert history.unreadable == 1
    assert history.series("a") == ([1, 2], [1, 2])


def test_one_warning_that_says_what_is_done(journal, disk, told):
    disk.room = 0
    for step in range(20):
        journal.row({"a": step}, step)
    disk.room = 5
    journal.row({"a": 20}, 20)

    assert told() == [
        f"{journal.path} cannot be written: No space left on device; the run goes on, and what is "
        "missing there is kept in memory and written when it can be"
    ]


def test_a_short_write_is_warned_of_too(journal, disk, told):
    disk.room = 10
    journal.row({"a": 1}, 1)

    assert len(told()) == 1
    assert "cannot be written: the disk is full; the run goes on" in told()[0]


def test_it_does_not_try_again_at_every_call(journal, disk, monkeypatch):
    monkeypatch.setattr(journal_module, "_RETRY_S", 100.0)
    clock = [0.0]
    stopped = SimpleNamespace(monotonic=lambda: clock[0], time=time.time)
    monkeypatch.setattr(journal_module, "time", stopped)
    disk.room = 0
    journal.row({"a": 1}, 1)
    journal.row({"a": 2}, 2)  # the first try after the failure
    disk.room = float("inf")
    clock[0] = 99.0
    journal.row({"a": 3}, 3)
    assert read_rows(journal.path) == []
    clock[0] = 100.0
    journal.row({"a": 4}, 4)

    assert [step for step, _ in read_rows(journal.path)] == [1, 2, 3, 4]


def test_memory_is_bounded_and_what_is_lost_is_counted(tmp_path, disk, monkeypatch):
    """The oldest lines go."""
    monkeypatch.setattr(journal_module, "_MOST_PENDING", 3)
    journal = Journal(tmp_path)
    disk.room = 0
    for step in range(1, 6):
        journal.row({"a": step}, step)
    disk.room = float("inf")
    journal.row({"a": 6}, 6)

    journal.close()
    assert journal.lost == 3
    assert [step for step, _ in read_rows(journal.path)] == [4, 5, 6]


def test_what_never_fitted_is_counted_at_the_end(journal, disk):
    disk.room = 0
    journal.row({"a": 1}, 1)
    journal.row({"a": 2}, 2)
    journal.close()

    assert journal.lost == 2


@pytest.fixture
def no_picture(monkeypatch):
    """Fits on the disk."""

    def full(self, content):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(Path, "write_bytes", full)


@pytest.mark.usefixtures("no_picture")
def test_a_picture_that_does_not_fit_costs_the_row_nothing_else(journal, told):
    """The event still has it, for the trackers."""
    event = journal.row({"a": 1, "i": Image(data=b"abc")}, 1)

    assert read_rows(journal.path) == [(1, {"a": 1})]
    assert event.values == {"a": 1, "i": Image(data=b"abc")}
    assert journal.lost == 1
    assert told() == [
        f"{journal.path.parent / 'journal.pictures'} cannot be written: No space left on device; "
        "the run goes on, and their rows are kept without them"
    ]


@pytest.mark.usefixtures("no_picture")
def test_lines_and_pictures_that_do_not_fit_are_told_of_each_in_their_way(journal, disk, told):
    disk.room = 0
    for step in range(3):
        journal.row({"a": 1, "i": Image(data=b"abc")}, step)

    assert [line.partition(" cannot")[0] for line in told()] == [
        str(journal.path.parent / "journal.pictures"), str(journal.path),
    ]  # fmt: skip
    assert told()[1].endswith("is kept in memory and written when it can be")


def test_a_journal_can_be_gone_on_with_on_a_full_disk(tmp_path, disk):
    """Cutting off a piece takes no room."""
    whole = '{"n":0,"t":1.0,"step":1,"values":{"a":1}}\n'
    (tmp_path / "journal.jsonl").write_text(whole + '{"n":1,"t"')
    disk.room = 0
    again = Journal(tmp_path)
    again.go_on_after(0)
    again.row({"a": 2}, 2)
    disk.room = float("inf")
    again.row({"a": 3}, 3)
    again.close()

    assert [step for step, _ in read_rows(tmp_path / "journal.jsonl")] == [1, 2, 3]
    assert read_lines(tmp_path / "journal.jsonl")[1] == 0


LIMITED = """
import logging, resource, sys
from pathlib import Path
from pahcl_track import Outcome, Run, Session
logging.basicConfig(format="%(message)s")
directory = Path(sys.argv[1])
session = Session({})
session.start(Run(name="quiet", directory=directory))
size = (directory / "journal.jsonl").stat().st_size
resource.setrlimit(resource.RLIMIT_FSIZE, (size + 1000, resource.RLIM_INFINITY))
for step in range(100):
    session.log({"train/loss": 0.5}, step=step)
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
session.finish(Outcome(status="completed"))
print("trained")
"""


@pytest.mark.skipif(sys.platform == "win32", reason="there are no limits to set")
def test_a_file_that_may_not_grow(tmp_path):
    """The system's own refusal, in the middle of a line: training goes on, nothing is missing."""
    done = subprocess.run(
        [sys.executable, "-c", LIMITED, str(tmp_path)], capture_output=True, text=True, check=True
    )
    history = read_history(tmp_path)

    assert done.stdout == "trained\n"
    assert done.stderr.count("cannot be written") == 1
    assert len(done.stderr.splitlines()) == 1
    assert history.series("train/loss") == (list(range(100)), [0.5] * 100)
    assert history.outcome is not None
    assert history.unreadable == 1
