"""Reading a run back: as rows, as series, as CSV and JSON lines, whole or torn."""

import csv
import json
import math

import pytest

from pahcl_track import Histogram, Image, Outcome, Run, TrackerError, read_history
from pahcl_track.events import Row
from pahcl_track.history import Reader
from pahcl_track.journal import Journal
from support.tracked import RUN_LINE, row

END = {"finish": {"status": "completed", "error": None, "summary": {"auroc": "NaN"}}}


def test_everything_that_was_written(tmp_path, make_run):
    """Through the writer, for once."""
    journal = Journal(tmp_path)
    journal.run(make_run(directory=tmp_path, id="x1", tags=("a", "b"), config={"n": {"m": 1}}))
    values = {"h": Histogram(counts=(1,), edges=(0.0, 1.0)), "i": Image(data=b"abc"), "a": 0.5}
    journal.row(values, 3)
    journal.saved(tmp_path / "model.pt", "checkpoint")
    journal.ended(Outcome(status="failed", error="no", summary={"auroc": 0.75}))
    journal.close()
    history = read_history(tmp_path)

    assert history.run == make_run(
        directory=tmp_path, id="x1", tags=("a", "b"), config={"n": {"m": 1}}
    )
    assert [(one.step, one.values) for one in history.rows] == [(3, values)]
    assert [(one.path, one.kind) for one in history.files] == [
        (tmp_path / "model.pt", "checkpoint")
    ]
    assert history.outcome == Outcome(status="failed", error="no", summary={"auroc": 0.75})
    assert history.unreadable == 0


def test_a_run_that_was_moved_is_read_where_it_is_now(tmp_path, write):
    write({"save": "deep/model.pt", "kind": "checkpoint"}, {"save": "/far/x", "kind": "report"})
    history = read_history(tmp_path)

    assert history.run.directory == tmp_path
    assert [str(saved.path) for saved in history.files] == [
        str(tmp_path / "deep" / "model.pt"),
        "/far/x",
    ]


def test_a_journal_is_named_by_its_directory_or_itself(tmp_path, write):
    write(row(1, a=0.5))
    (tmp_path / "journal.1.jsonl").write_text(RUN_LINE)

    assert read_history(tmp_path) == read_history(tmp_path / "journal.jsonl")
    assert read_history(tmp_path / "journal.1.jsonl").rows == ()


@pytest.mark.parametrize("place", ["", "journal.jsonl", "missing"])
def test_no_journal(tmp_path, place):
    with pytest.raises(TrackerError, match=r"\.jsonl: no journal of a run: No such file"):
        read_history(tmp_path / place)


@pytest.mark.parametrize("content", ["", "{}\n", '{"n":1,"t":1.0,"step":1,"values":{}}\n'])
def test_a_journal_without_a_run(tmp_path, content):
    (tmp_path / "journal.jsonl").write_text(content)

    with pytest.raises(TrackerError, match=r"journal\.jsonl: does not begin with a run$"):
        read_history(tmp_path)


OF_ANOTHER_TYPE = [
    '{"n":"1","t":1.0,"step":1,"values":{"a":1}}',
    '{"n":true,"t":1.0,"step":1,"values":{"a":1}}',
    '{"n":1,"t":"1.0","step":1,"values":{"a":1}}',
    '{"n":1,"t":1.0,"step":null,"values":{"a":1}}',
    '{"n":1,"t":1.0,"step":[1],"values":{"a":1}}',
    '{"n":1,"t":1.0,"step":1.5,"values":{"a":1}}',
    '{"n":1,"t":1.0,"step":1,"values":{"h":{"histogram":{"counts":[[1]],"edges":[0,1]}}}}',
    '{"n":1,"t":1.0,"step":1,"values":{"t":{"table":{"columns":["a"],"rows":[[[1]]]}}}}',
    '{"n":1,"t":1.0,"save":5,"kind":"report"}',
    '{"n":1,"t":1.0,"save":"a","kind":null}',
    '{"n":1,"t":1.0,"resumed":null}',
    '{"n":1,"t":1.0,"finish":{"status":1,"error":null,"summary":{}}}',
    '{"n":1,"t":1.0,"finish":{"status":"failed","error":["x"],"summary":{}}}',
    '{"n":1,"t":1.0,"run":{"name":"x","tags":null,"config":{}}}',
    '{"n":1,"t":1.0,"run":{"name":"x","tags":[],"config":[]}}',
]
"""JSON all the same."""


@pytest.mark.parametrize(
    "line",
    [
        b'{"n":1,"t":1.0,"st\n',
        b"\xff\xfe\n",
        b'"n"\n',
        b"7\n",
        b'{"t":1.0,"step":1,"values":{}}\n',
        b'{"n":1,"t":1.0,"values":{"a":1}}\n',
        b'{"n":1,"t":1.0,"step":1,"values":[]}\n',
        b'{"n":1,"t":1.0,"finish":{}}\n',
        b"\0" * 4096 + b"\n",  # what a power cut leaves
        b'{"n":1,"t":1.0,"step":1,"values":' + b"[" * 100_000 + b"\n",
        *(line.encode() + b"\n" for line in OF_ANOTHER_TYPE),
    ],
    ids=range(10 + len(OF_ANOTHER_TYPE)),
)
def test_a_line_that_cannot_be_read_is_counted_and_passed_over(tmp_path, write, line):
    write(row(1, a=0.5))
    with (tmp_path / "journal.jsonl").open("ab") as file:
        file.write(line + b'{"n":2,"t":1.0,"step":2,"values":{"a":1}}\n')
    history = read_history(tmp_path)

    assert history.unreadable == 1
    assert history.run.name == "quiet"
    assert history.series("a") == ([1, 2], [0.5, 1])


def test_a_value_that_is_none_is_left_out(tmp_path, write):
    write(row(1, a=0.5, b=[1], c=None))

    assert read_history(tmp_path).rows[0].values == {"a": 0.5}


def test_lines_of_a_later_version_are_no_damage(tmp_path, write):
    write({"alert": "x"}, row(1, a=0.5), row(2, b={"sound": 1}, a=1))
    history = read_history(tmp_path)

    assert history.unreadable == 0
    assert [one.values for one in history.rows] == [{"a": 0.5}, {"a": 1}]


def test_a_reader_goes_on_where_it_left_off_and_leaves_what_is_not_ended(tmp_path, write):
    write(row(1, a=1))
    reader = Reader(tmp_path)
    first = list(reader.events())
    with (tmp_path / "journal.jsonl").open("a") as file:
        file.write('{"n":2,"t":1.0,"step":2,')
        file.flush()
        second = list(reader.events())
        file.write('"values":{"a":2}}\n')
    third = list(reader.events())

    assert [type(event) for event in first] == [Run, Row]
    assert second == []
    assert [event.step for event in third] == [2]
    assert reader.unreadable == 0


def test_a_line_that_lacks_its_break_alone_is_read_once(tmp_path, write):
    """The disk was full before it; it comes with the next line, if there is one."""
    write(row(1, a=1))
    reader = Reader(tmp_path)
    with (tmp_path / "journal.jsonl").open("a") as file:
        file.write('{"n":2,"t":1.0,"step":2,"values":{"a":2}}')
        file.flush()
        first = list(reader.events())
        file.write('\n{"n":3,"t":1.0,"step":3,"values":{"a":3}}\n')
    second = list(reader.events())

    assert [event.step for event in first[1:]] == [1, 2]
    assert [event.step for event in second] == [3]
    assert reader.unreadable == 0


def test_the_last_mention_of_each_file(tmp_path, write):
    write(
        {"save": "a.pt", "kind": "checkpoint"},
        {"save": "b.csv", "kind": "predictions"},
        {"save": "a.pt", "kind": "model"},
    )

    assert [(one.number, one.kind) for one in read_history(tmp_path).files] == [
        (3, "model"),
        (2, "predictions"),
    ]


@pytest.mark.parametrize(
    ("contents", "ended"),
    [
        ([END], True),
        ([row(1, a=1)], False),
        ([END, {"resumed": 1}], False),
        ([END, {"resumed": 1}, {"save": "a.pt", "kind": "checkpoint"}], False),
        ([END, {"resumed": 1}, row(2, a=1), END], True),
        ([], False),
    ],
    ids=range(6),
)
def test_how_it_ended(tmp_path, write, contents, ended):
    """A run that was gone on with and stopped has no end, however it ended before."""
    write(*contents)
    outcome = read_history(tmp_path).outcome

    assert (outcome is not None) is ended
    if ended:
        assert outcome.status == "completed"
        assert math.isnan(outcome.summary["auroc"])


def test_names_and_series_in_the_order_they_were_logged(tmp_path, write):
    """A step that comes late or again is where it came."""
    write(row(5, b=1, a=2), row(3, a=4), row(5, a=6, c="NaN"))
    history = read_history(tmp_path)

    assert history.names() == ("b", "a", "c")
    assert history.series("a") == ([5, 3, 5], [2, 4, 6])
    assert history.series("none") == ([], [])


def test_csv_has_a_column_for_each_number(tmp_path, write):
    table = {"table": {"columns": [], "rows": []}}
    write(
        row(1, loss=0.1, t=table),
        row(2, t=table),
        row(2, **{"loss": "NaN", 'odd,"name': -3, "half \ud800": True}),
    )
    read_history(tmp_path).write_csv(tmp_path / "out.csv")
    with (tmp_path / "out.csv").open(encoding="utf-8", newline="") as file:
        found = list(csv.reader(file))

    assert found == [
        ["step", "time_s", "loss", 'odd,"name', "half \\ud800"],
        ["1", "1.0", "0.1", "", ""],
        ["2", "3.0", "nan", "-3", "True"],
    ]


def test_csv_is_the_same_floats_again(tmp_path, write):
    values = [0.1, 1 / 3, 1e-300, 5e-324, math.pi * 1e300]
    write(*(row(step, a=value) for step, value in enumerate(values)))
    read_history(tmp_path).write_csv(tmp_path / "out.csv")
    with (tmp_path / "out.csv").open(newline="") as file:
        assert [float(cells["a"]) for cells in csv.DictReader(file)] == values


def test_json_lines_have_every_kind_of_value(tmp_path, write):
    histogram = {"histogram": {"counts": [1], "edges": [0.0, "Infinity"]}}
    write(row(1, loss=0.1, h=histogram), row(2, **{"half \ud800": "-Infinity"}))
    read_history(tmp_path).write_jsonl(tmp_path / "out.jsonl")
    lines = (tmp_path / "out.jsonl").read_text(encoding="utf-8").splitlines()

    assert [json.loads(line) for line in lines] == [
        {"step": 1, "time_s": 1.0, "values": {"loss": 0.1, "h": histogram}},
        {"step": 2, "time_s": 2.0, "values": {"half \ud800": "-Infinity"}},
    ]
