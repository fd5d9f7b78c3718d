"""The journal: every line on disk when the call returns, numbered, whole, one process's alone."""

import math
import os
import threading
import time

import numpy as np
import pytest

from oracles.journal_reader import read_lines, read_rows
from pahcl_track import Histogram, Image, Outcome, Run, Table


def test_lines_in_order_with_their_numbers_and_times(journal, tmp_path, completed):
    before = time.time()
    journal.run(Run(name="quiet", directory=tmp_path / "run", tags=("a",), config={"lr": 1e-3}))
    journal.row({"loss": 0.5, "epoch": 1}, 7)
    journal.saved(tmp_path / "run" / "deep" / "model.pt", "checkpoint")
    journal.resumed(3)
    journal.ended(Outcome(status="failed", error="no", summary={"auroc": math.nan}))
    lines, broken = read_lines(journal.path)

    assert broken == 0
    assert [line.pop("n") for line in lines] == [0, 1, 2, 3, 4]
    times = [line.pop("t") for line in lines]
    assert times == sorted(times)
    assert before <= times[0] <= times[-1] <= time.time()
    assert lines == [
        {
            "run": {
                "name": "quiet",
                "directory": str(tmp_path / "run"),
                "project": "PA-HCL",
                "id": None,
                "group": None,
                "job_type": None,
                "tags": ["a"],
                "notes": None,
                "config": {"lr": 1e-3},
                "resumed_from_step": None,
            }
        },
        {"step": 7, "values": {"loss": 0.5, "epoch": 1}},
        {"save": "deep/model.pt", "kind": "checkpoint"},
        {"resumed": 3},
        {"finish": {"status": "failed", "error": "no", "summary": {"auroc": "NaN"}}},
    ]


def test_a_file_elsewhere_is_recorded_with_its_whole_path(journal, tmp_path):
    journal.saved(tmp_path / "run" / ".." / "other.csv", "predictions")

    assert read_lines(journal.path)[0][0]["save"] == (tmp_path / "other.csv").as_posix()


def test_what_is_told_of_an_event_is_what_is_on_disk(journal):
    events = [journal.row({"a": 1}, 5), journal.floats({"a": 0.5}, 6), journal.resumed(5)]

    told = [(event.number, event.time_s) for event in events]
    assert told == [(line["n"], line["t"]) for line in read_lines(journal.path)[0]]
    assert [event.step for event in events] == [5, 6, 5]
    assert [event.values for event in events[:2]] == [{"a": 1}, {"a": 0.5}]


ODD = {
    "": 0.1,
    "100 %d %": -0.0,
    'quo"te\\': -1e-300,
    "Geräusch/häufig": 1.7976931348623157e308,
    "\ud800": 5e-324,
}


def test_the_fast_way_writes_what_the_general_way_writes(journal):
    """For names and floats of all kinds, among them a sum beyond all floats."""
    journal.row(ODD, 1)
    journal.floats(ODD, 1)
    (_, general), (_, fast) = read_rows(journal.path)

    assert general == fast == ODD
    assert list(fast) == list(ODD)


def test_names_that_are_made_up_row_by_row_are_not_all_remembered(journal):
    for step in range(250):
        journal.row({f"step/{step}": 0.5}, step)
    journal.row({"a": 0.5}, 250)
    journal.floats({"a": 0.25}, 251)

    assert read_rows(journal.path) == [
        *((step, {f"step/{step}": 0.5}) for step in range(250)),
        (250, {"a": 0.5}),
        (251, {"a": 0.25}),
    ]
    assert len(journal._lines) <= 100


@pytest.mark.parametrize(
    ("values", "step"),
    [
        ({"a": 1}, 1),
        ({"a": True}, 1),
        ({"a": None}, 1),
        ({"a": "0.5"}, 1),
        ({"a": math.nan}, 1),
        ({"a": math.inf}, 1),
        ({"a": math.inf, "b": -math.inf}, 1),
        ({"a": np.float64(0.5)}, 1),
        ({"a": 0.5}, True),
        ({"a": 0.5}, 1.0),
        ({"a": 0.5}, "1"),
        ({"a": 0.5}, np.int64(1)),
    ],
    ids=repr,
)
def test_the_fast_way_refuses_everything_else_and_writes_nothing(journal, values, step):
    journal.row({"a": 0.5, "b": 0.5}, 1)
    with pytest.raises(TypeError):
        journal.floats(values, step)
    event = journal.row({"a": 0.5}, 2)

    assert event.number == 1
    assert len(read_rows(journal.path)) == 2


def test_the_fast_way_refuses_a_new_name_and_writes_nothing(journal):
    with pytest.raises(KeyError):
        journal.floats({"a": 0.5}, 1)

    assert journal.path.read_bytes() == b""


def test_a_name_is_no_format(journal):
    values = {"100%%": 0.5, "%s": 0.25, "%(a)r": 0.125}
    journal.row(values, 1)
    journal.floats(values, 2)

    assert read_rows(journal.path) == [(1, values), (2, values)]


def test_names_without_end_do_not_pile_up(journal):
    for number in range(1000):
        journal.row({f"name {number}": 0.5}, 1)

    assert len(journal._lines) <= 100


def test_a_row_is_not_changed_with_the_callers_mapping(journal):
    values = {"a": 0.5}
    journal.row(values, 1)
    event = journal.floats(values, 2)
    values["a"] = 9.0

    assert event.values == {"a": 0.5}


def test_kinds_of_values(journal):
    values = {
        "h": Histogram(counts=(1, 2), edges=(0.0, 1.0, math.inf)),
        "t": Table(columns=("id", "p"), rows=(("x", 0.5), (None, True))),
        "i": Image(data=b"abc"),
    }
    journal.row(values, 1)

    assert read_rows(journal.path)[0][1] == {
        "h": {"histogram": {"counts": [1, 2], "edges": [0.0, 1.0, "Infinity"]}},
        "t": {"table": {"columns": ["id", "p"], "rows": [["x", 0.5], [None, True]]}},
        "i": {"image": {"file": "ba7816bf8f01cfea.png", "format": "png", "caption": None}},
    }
    assert (journal.path.parent / "journal.pictures/ba7816bf8f01cfea.png").read_bytes() == b"abc"


def test_many_threads_write_whole_lines_with_ascending_numbers(journal):
    def work(thread):
        for step in range(200):
            journal.row({f"thread/{thread}": step}, step)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    lines, broken = read_lines(journal.path)

    assert broken == 0
    assert [line["n"] for line in lines] == list(range(1600))
    for number in range(8):
        name = f"thread/{number}"
        assert [line["step"] for line in lines if name in line["values"]] == list(range(200))


def test_a_signal_handler_that_records_does_not_wait_for_the_line_it_interrupted(
    journal, monkeypatch
):
    """Here the interruption comes from inside the system call."""
    write = os.write

    def interrupted(file, line):
        monkeypatch.setattr(os, "write", write)
        journal.row({"inner": 1}, 2)
        return write(file, line)

    monkeypatch.setattr(os, "write", interrupted)
    done = threading.Thread(target=lambda: journal.row({"outer": 1}, 1), daemon=True)
    done.start()
    done.join(10.0)

    assert not done.is_alive()
    assert sorted(read_rows(journal.path)) == [(1, {"outer": 1}), (2, {"inner": 1})]
