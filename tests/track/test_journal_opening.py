"""Opening a journal: one process's alone, and mended where a death cut it short."""

import json
import os
import subprocess
import sys

import pytest

from oracles.journal_reader import read_rows
from pahcl_track import Image, Run, TrackerError
from pahcl_track.journal import Journal

posix = pytest.mark.skipif(sys.platform == "win32", reason="it takes fork, signals or flock")


@posix
def test_a_second_writer_is_refused_until_the_first_is_gone(tmp_path, completed):
    first = Journal(tmp_path)
    refused = rf"^{tmp_path / 'journal.jsonl'}: another process is writing this run$"
    with pytest.raises(TrackerError, match=refused):
        Journal(tmp_path)
    first.row({"a": 1}, 1)
    first.close()
    second = Journal(tmp_path)
    second.row({"a": 1}, 2)
    second.close()

    assert [step for step, _ in read_rows(tmp_path / "journal.jsonl")] == [1, 2]


@posix
def test_two_processes_cannot_write_one_journal(tmp_path):
    """And the one that died, by whatever signal, is no longer in the way."""
    code = (
        "import sys; from pathlib import Path; from pahcl_track.journal import Journal\n"
        "journal = Journal(Path(sys.argv[1])); print('open', flush=True); sys.stdin.read()"
    )
    other = subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    with other:
        assert other.stdout.readline() == "open\n"
        with pytest.raises(TrackerError, match="another process is writing this run"):
            Journal(tmp_path)
        other.kill()
    Journal(tmp_path).close()


@posix
def test_a_refused_writer_lets_go_of_the_file(tmp_path):
    first = Journal(tmp_path)
    free = os.dup(0)
    os.close(free)
    with pytest.raises(TrackerError):
        Journal(tmp_path)

    again = os.dup(0)
    os.close(again)
    assert again == free
    first.close()


WHOLE = '{"n":0,"t":1.0,"step":1,"values":{"a":1}}\n'


NEXT = '{"n":1,"t":2.0,"step":2,"values":{"a":2}}\n'


@pytest.mark.parametrize("kept", range(1, len(NEXT) - 1))
def test_what_a_death_left_of_a_line_is_cut_off(tmp_path, kept):
    (tmp_path / "journal.jsonl").write_text(WHOLE + NEXT[:kept])
    Journal(tmp_path).close()

    assert (tmp_path / "journal.jsonl").read_text() == WHOLE


def test_a_last_line_that_lacks_its_end_alone_is_kept(tmp_path):
    (tmp_path / "journal.jsonl").write_text(WHOLE + NEXT[:-1])
    Journal(tmp_path).close()

    assert (tmp_path / "journal.jsonl").read_text() == WHOLE + NEXT


def test_a_long_last_line_that_lacks_its_end_alone_is_kept(tmp_path):
    line = '{"n":1,"name":"' + "x" * 200_000 + '"}'
    (tmp_path / "journal.jsonl").write_text(WHOLE + line)
    Journal(tmp_path).close()

    assert (tmp_path / "journal.jsonl").read_text() == WHOLE + line + "\n"


@pytest.mark.parametrize("content", ["", WHOLE, WHOLE + NEXT])
def test_a_whole_journal_is_left_as_it_is(tmp_path, content):
    (tmp_path / "journal.jsonl").write_text(content)
    Journal(tmp_path).close()

    assert (tmp_path / "journal.jsonl").read_text() == content


@pytest.mark.parametrize("before", ["", WHOLE])
def test_a_long_piece_is_cut_off_to_its_beginning(tmp_path, before):
    (tmp_path / "journal.jsonl").write_text(before + '{"n":1,"values":{' + "x" * 200_000)
    Journal(tmp_path).close()

    assert (tmp_path / "journal.jsonl").read_text() == before


def test_a_journal_that_is_not_written_counts_and_says_nothing(tmp_path, told, completed):
    """It stands in where the run's directory cannot be written."""
    journal = Journal(tmp_path / "missing", written=False)
    journal.run(Run(name="quiet", directory=tmp_path))
    row = journal.row({"a": 1.0, "i": Image(data=b"abc")}, 1)
    journal.row({"a": 1.0}, 2)
    numbers = [row.number, journal.floats({"a": 1.0}, 3).number, journal.ended(completed).number]
    journal.close()

    assert numbers == [1, 3, 4]
    assert row.values["i"] == Image(data=b"abc")
    assert list(tmp_path.iterdir()) == []
    assert told() == []
    assert journal.lost == 0


def test_closing_twice_harms_nothing(journal):
    journal.close()
    other = os.open(os.devnull, os.O_RDONLY)  # takes the number that was let go
    journal.close()

    os.fstat(other)
    os.close(other)


def test_the_end_is_brought_to_the_disk_itself(journal, monkeypatch, completed):
    synced = []
    monkeypatch.setattr(os, "fsync", lambda file: synced.append(os.fstat(file).st_ino))
    journal.ended(completed)

    assert synced == [journal.path.stat().st_ino]


def test_numbers_go_on_after_the_last_one(tmp_path):
    first = Journal(tmp_path)
    first.row({"a": 1}, 1)
    first.close()
    again = Journal(tmp_path)
    again.go_on_after(0)

    assert again.next_number == 1
    assert again.row({"a": 1}, 2).number == 1
    again.close()
    assert json.loads((tmp_path / "journal.jsonl").read_text().splitlines()[1])["n"] == 1
