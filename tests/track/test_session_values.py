"""What a program may report: numbers of any library; what is none costs a warning, not the row."""

import math
from decimal import Decimal

import numpy as np
import pytest
import torch

from oracles.journal_reader import read_lines, read_rows
from pahcl_track import Histogram, Image, Session, Table
from support.trackers import Recorder


@pytest.fixture
def tracker():
    return Recorder()


@pytest.fixture
def session(make_run, tracker, completed):
    session = Session({"mine": tracker})
    session.start(make_run())
    yield session
    session.finish(completed)


@pytest.fixture
def recorded(session, tracker, journal_path, completed):
    """The rows in the journal, after the tracker was seen to have the same ones."""

    def recorded():
        session.finish(completed)
        rows = read_rows(journal_path)
        assert [step for step, _ in rows] == tracker.steps
        assert [list(values) for _, values in rows] == [list(values) for _, values in tracker.rows]
        assert read_lines(journal_path)[1] == 0
        return rows

    return recorded


NUMBERS = {
    "float": (0.1, 0.1),
    "int": (3, 3),
    "huge": (-(2**80), -(2**80)),
    "true": (True, True),
    "nan": (math.nan, "NaN"),
    "inf": (math.inf, "Infinity"),
    "-inf": (-math.inf, "-Infinity"),
    "float32": (np.float32(0.1), 0.10000000149011612),
    "float64": (np.float64(0.1), 0.1),
    "nan32": (np.float32("nan"), "NaN"),
    "int64": (np.int64(2**62 + 1), 2**62 + 1),
    "bool_": (np.bool_(False), False),
    "array": (np.array([2.5]), 2.5),
    "tensor": (torch.tensor(0.5), 0.5),
    "one element": (torch.tensor([[7]]), 7),
    "bfloat16": (torch.tensor(0.1, dtype=torch.bfloat16), 0.10009765625),
    "decimal": (Decimal("0.1"), 0.1),
}


@pytest.mark.parametrize("name", NUMBERS)
def test_a_number_of_any_library(session, recorded, tracker, name):
    value, expected = NUMBERS[name]
    session.log({"a": value}, step=1)

    assert recorded() == [(1, {"a": expected})]
    assert type(tracker.rows[0][1]["a"]) in (float, int, bool)


def test_all_of_them_in_one_row(session, recorded):
    session.log({name: value for name, (value, _) in NUMBERS.items()}, step=1)

    assert recorded() == [(1, {name: expected for name, (_, expected) in NUMBERS.items()})]
    assert session.non_finite == 4


def test_an_array_of_pythons_kind_of_float_alone(session, recorded, tracker):
    """Even where each row holds nothing but float64, trackers get Python's own."""
    for step in range(3):
        session.log({"a": np.float64(step)}, step=step)

    assert recorded() == [(step, {"a": float(step)}) for step in range(3)]
    assert {type(values["a"]) for _, values in tracker.rows} == {float}


NAMES = [
    "",
    " ",
    "a/b/c",
    "Geräusch",
    "心音",
    "🫀",
    "\ud83d",
    'quo"te',
    "new\nline",
    "\0",
    "100 %d %",
    "n",
    "t",
]


def test_names_of_any_letters(session, recorded):
    values = {name: float(number) for number, name in enumerate(NAMES)}
    session.log(values, step=1)
    session.log(values, step=2)  # the fast way

    assert recorded() == [(1, values), (2, values)]


def test_thousands_of_names(session, recorded):
    values = {f"layer/{number}": number / 7 for number in range(5000)}
    session.log(values, step=1)
    session.log(values, step=2)

    assert recorded() == [(1, values), (2, values)]


def test_a_name_that_appears_late(session, recorded):
    session.log({"a": 0.5}, step=1)
    session.log({"a": 0.25, "b": 1.5}, step=2)

    assert recorded() == [(1, {"a": 0.5}), (2, {"a": 0.25, "b": 1.5})]


def test_an_empty_row(session, recorded):
    session.log({}, step=1)

    assert recorded() == [(1, {})]


def test_steps_are_data(session, recorded):
    """Late ones, the same again, negative and huge ones."""
    steps = [5, 3, 5, 5, -1, 2**70, 0]
    for step in steps:
        session.log({"a": 0.5}, step=step)

    assert [step for step, _ in recorded()] == steps


@pytest.mark.parametrize(
    ("step", "recorded_step"),
    [(np.int64(3), 3), (torch.tensor(3), 3), (True, 1), (np.uint8(3), 3)],
    ids=repr,
)
def test_a_step_of_any_integer_type(session, recorded, tracker, step, recorded_step):
    session.log({"a": 0.5}, step=0)  # so that the name is known
    session.log({"a": 0.5}, step=step)

    assert recorded()[1] == (recorded_step, {"a": 0.5})
    assert type(tracker.steps[1]) is int


@pytest.mark.parametrize("step", [1.0, "1", None, math.nan], ids=repr)
def test_what_is_no_step_costs_the_row_and_one_warning(session, recorded, told, step):
    session.log({"a": 0.5}, step=0)
    for _ in range(3):
        session.log({"a": 0.5}, step=step)

    assert recorded() == [(0, {"a": 0.5})]
    assert len(told()) == 1
    assert told()[0].startswith("a row was not recorded: TypeError:")
    assert "cannot be interpreted as an integer" in told()[0]


class Hostile:
    """Raises whatever it is asked."""

    def __getattr__(self, name):
        raise RuntimeError(name)


class Late:
    """A number that cannot be had."""

    def __float__(self):
        raise ZeroDivisionError("late")


class Broken:
    """A tensor that cannot be copied."""

    device = type("Device", (), {"type": "cuda"})

    def detach(self):
        raise RuntimeError("out of memory")


NO_VALUES = [
    None, "0.5", b"1", [1.0], (), {"a": 1}, object(), 1j, np.zeros(2), torch.zeros(2), 10**400,
    Hostile(), Late(), Broken(), Histogram(counts=["x"], edges=[0, 1]),
    Table(columns=["a"], rows=[[object()]]), Image(data=None),
]  # fmt: skip


@pytest.mark.parametrize("value", NO_VALUES, ids=lambda value: type(value).__name__)
def test_what_is_no_value_costs_one_warning_and_not_the_row(session, recorded, told, value):
    for step in range(3):
        session.log({"before": 1.5, "odd": value, "after": step}, step=step)

    assert recorded() == [(step, {"before": 1.5, "after": step}) for step in range(3)]
    assert len(told()) == 1
    assert told()[0].startswith("odd was not recorded: ")


def test_the_warning_says_what_it_was(session, told, completed):
    session.log({"val/auroc": None}, step=1)

    assert told() == ["val/auroc was not recorded: TypeError: NoneType is not a number"]


def test_each_name_is_told_of(session, told):
    for step in range(3):
        session.log({"a": "x", "b": None, "c": "y"}, step=step)

    assert [message.split(" ")[0] for message in told()] == ["a", "b", "c"]


def test_names_that_are_no_text_are_left_out(session, recorded, told):
    for step in range(2):
        session.log({3: 1.0, "a": 0.5, None: 2.0, ("b",): 1.0}, step=step)

    assert recorded() == [(step, {"a": 0.5}) for step in range(2)]
    assert told() == [
        f"the name {name!r} was not recorded: TypeError: a name is a text"
        for name in (3, None, ("b",))
    ]


@pytest.mark.parametrize("values", [None, [("a", 1)], "a", 3, Hostile()], ids=range(5))
def test_what_is_no_mapping_costs_one_warning(session, recorded, told, values):
    for _ in range(2):
        session.log(values, step=1)
    session.log({"a": 0.5}, step=2)

    assert recorded() == [(2, {"a": 0.5})]
    assert len(told()) == 1


def test_what_the_caller_changes_later_changes_nothing(session, recorded, tracker):
    """A mapping that is used again and again, and an array that counts are kept in."""
    values, counts = {"a": 0.0}, np.zeros(2)
    for step in range(5):
        values["a"] = float(step)
        counts[:] = step
        session.log(values, step=step)
        session.log({"h": Histogram(counts=counts, edges=[0, 1, 2])}, step=step)
    values.clear()
    counts[:] = -1

    histograms = [values["h"] for _, values in recorded()[1::2]]
    assert [one["histogram"]["counts"] for one in histograms] == [[s, s] for s in range(5)]
    assert [values["a"] for _, values in tracker.rows[::2]] == list(range(5))
    assert [values["h"].counts for _, values in tracker.rows[1::2]] == [(s, s) for s in range(5)]


def test_pictures_and_tables_reach_the_tracker_whole(session, recorded, tracker):
    picture = Image(data=b"abc", caption="Ton")
    table = Table(columns=["id", "p"], rows=[["x", np.float32(0.5)], [None, math.inf]])
    session.log({"i": picture, "t": table}, step=1)
    recorded()

    expected = Table(columns=("id", "p"), rows=(("x", 0.5), (None, math.inf)))
    assert tracker.rows == [(1, {"i": picture, "t": expected})]
