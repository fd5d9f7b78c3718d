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


def test_a_note_that_cannot_be_written_stops_nothing(tmp_path, told):
    """But what it leads to is said, once."""
    (tmp_path / "journal.sent").touch()
    note = Sent(tmp_path / "journal.jsonl", "mine")
    assert note.hold()
    note.reached(1, "settled")
    note.reached(2, "settled")
    note.forget()

    assert (note.rows, note.order) == (0, None)
    (line,) = told()
    assert line.startswith(f"{tmp_path / 'journal.sent' / 'mine'} cannot be written: ")
    assert line.endswith("; what is sent to mine now is sent again by the next replay")


def test_where_the_trackers_count_and_the_rows_part(tmp_path):
    """It refused the second and the third of the rows, then the sixth."""
    journal = tmp_path / "journal.jsonl"
    note = Sent(journal, "mine")
    for rows, held in ((1, None), (2, 1), (3, 1), (4, None), (5, None), (6, 3), (7, None)):
        note.reached(rows, "logged")
        if held is not None:
            note.parted(rows, held)
    note.close()

    again = Sent(journal, "mine")
    assert again.hold()
    # Fewer each time: of what is sent again nothing is noted any more.
    assert [again.resumed_at(held) for held in (5, 4, 3, 2, 1, 0, 5)] == [8, 7, 5, 4, 1, 0, 5]
    again.close()
    assert (again.rows, again.order) == (7, "logged")
    assert Sent(journal, "mine").resumed_at(5) == 5


def test_one_that_was_torn_is_read_as_far_as_it_goes(tmp_path):
    (tmp_path / "journal.sent").mkdir()
    (tmp_path / "journal.sent" / "mine").write_text("7 logged\n2 1\n6")
    note = Sent(tmp_path / "journal.jsonl", "mine")

    assert (note.rows, note.order) == (7, "logged")
    assert note.resumed_at(5) == 6


def test_one_holds_it_at_a_time(tmp_path):
    journal = tmp_path / "journal.jsonl"
    first, second = Sent(journal, "mine"), Sent(journal, "mine")
    assert first.hold()
    assert not second.hold()
    first.reached(3, "settled")
    first.close()
    first.reached(4, "settled")

    assert second.hold()
    assert (second.rows, second.order) == (3, "settled")
    second.close()
    assert not first.hold()  # whoever let go of it is not to go on
