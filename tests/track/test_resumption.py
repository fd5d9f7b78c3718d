"""Runs that were resumed: what stands at the end, and what trackers have."""

from hypothesis import given
from hypothesis import strategies as st

from oracles.journal_reader import appended, settled
from pahcl_track import Outcome, read_history
from pahcl_track.events import Ended, Resumed, Row, Saved
from pahcl_track.history import Sequel, _settled, as_logged
from support.tracked import row


def test_what_a_resumption_made_void(tmp_path, write):
    """Step 3 is void, step 2 was logged again, `b` of step 2 was not."""
    write(row(1, a=1), row(2, a=2, b=2), row(3, a=3), {"resumed": 2}, row(2, a=20), row(4, a=40))
    history = read_history(tmp_path)

    assert [(one.step, one.values) for one in history.rows] == [
        (1, {"a": 1}),
        (2, {"b": 2}),
        (2, {"a": 20}),
        (4, {"a": 40}),
    ]


def test_what_a_tracker_was_given_meanwhile(tmp_path, write):
    """It has step 3, and what it had of step 2."""
    write(
        row(1, a=1), row(2, a=2), row(3, a=3),
        {"resumed": 2}, row(2, a=20, b=2), row(3, a=30), row(4, a=40),
    )  # fmt: skip

    assert [(one.number, one.step, one.values) for one in as_logged(tmp_path)] == [
        (1, 1, {"a": 1}),
        (2, 2, {"a": 2}),
        (3, 3, {"a": 3}),
        (5, 2, {"b": 2}),
        (7, 4, {"a": 40}),
    ]


names = st.sampled_from("abc")


entries = st.lists(
    st.tuples(st.just("resume"), st.integers(0, 5))
    | st.tuples(st.just("log"), st.sets(names, min_size=1), st.integers(0, 5)),
    max_size=30,
)


@st.composite
def courses(draw):
    """Events of a run, and the same entry by entry, each with a value of its own."""
    events, by_entry, value = [], [], 0
    for number, (kind, *content) in enumerate(draw(entries), start=1):
        if kind == "resume":
            events.append(Resumed(number, 0.0, content[0]))
            by_entry.append((kind, content[0]))
            continue
        logged, step = content
        values = {}
        for name in sorted(logged):
            value += 1
            values[name] = value
            by_entry.append((kind, name, step, value))
        events.append(Row(number, 0.0, step, values))
    return events, by_entry


def entries_of(rows):
    return [(name, row.step, value) for row in rows for name, value in row.values.items()]


@given(courses())
def test_the_history_is_what_stands_at_the_end(course):
    events, by_entry = course

    assert entries_of(_settled(events)) == settled(by_entry)
    assert all(row.values for row in _settled(events))


@given(courses())
def test_the_sequel_is_what_no_earlier_stretch_logged(course):
    events, by_entry = course
    sequel = Sequel()
    kept = [sequel.keep(event) for event in events]
    rows = [event for event in kept if isinstance(event, Row)]

    assert entries_of(rows) == appended(by_entry)
    assert all(row.values for row in rows)


@given(courses(), st.integers(0, 30))
def test_the_sequel_depends_on_what_was_before_alone(course, cut):
    """So that a tracker which holds the first rows of it can be given the rest."""
    events, _ = course
    whole, part = Sequel(), Sequel()

    assert [part.keep(event) for event in events[:cut]] == [whole.keep(event) for event in events][
        :cut
    ]


def test_the_sequel_keeps_files_ends_and_empty_rows():
    sequel = Sequel()
    events = [
        Saved(1, 0.0, None, "x"),
        Ended(2, 0.0, Outcome(status="completed")),
        Resumed(3, 0.0, 0),
        Row(4, 0.0, 1, {}),
    ]

    assert [sequel.keep(event) for event in events] == events
