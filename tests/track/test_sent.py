"""The note of how much a tracker was sent."""

import pytest

from pahcl_track.sent import Sent


def test_a_note_is_there_as_soon_as_it_is_made(tmp_path):
    """A killed program has noted what it sent."""
    journal = tmp_path / "journal.jsonl"
    note = Sent(journal, "mine")
    assert (note.rows, note.order) == (0, None)
    for rows in (1, 10**6, 7):
        note.reached(rows, "settled")
        again = Sent(journal, "mine")
        assert (again.rows, again.order) == (rows, "settled")
    note.reached(8, "logged")
    note.close()
    note.close()

    again = Sent(journal, "mine")
    assert (again.rows, again.order) == (8, "logged")
    assert (tmp_path / "journal.sent" / "mine").is_file()


@pytest.mark.parametrize("content", ["", "x", "1", "a settled", "1 2 3"])
def test_a_note_that_makes_no_sense_is_none(tmp_path, content):
    (tmp_path / "journal.sent").mkdir()
    (tmp_path / "journal.sent" / "mine").write_text(content)
    note = Sent(tmp_path / "journal.jsonl", "mine")

    assert (note.rows, note.order) == (0, None)


def test_a_note_that_cannot_be_written_stops_nothing(tmp_path):
    (tmp_path / "journal.sent").touch()
    note = Sent(tmp_path / "journal.jsonl", "mine")
    note.reached(1, "settled")
    note.forget()

    assert (note.rows, note.order) == (0, None)
