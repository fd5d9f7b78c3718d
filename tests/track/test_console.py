"""The table on the terminal, to the letter."""

import io
import math
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from pahcl_track import Histogram, Image, Outcome, Run, Table
from pahcl_track.backends import console as console_module
from pahcl_track.backends.console import ConsoleTracker


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.fixture(autouse=True)
def _wide_terminal(monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")


@pytest.fixture
def stream(monkeypatch):
    monkeypatch.delenv("NO_COLOR", raising=False)
    stream = io.StringIO()
    # In the module alone, because pytest puts its own streams in the place of these.
    monkeypatch.setattr(console_module, "sys", SimpleNamespace(stderr=stream))
    return stream


@pytest.fixture
def terminal(monkeypatch, stream):
    terminal = console_module.sys.stderr = Terminal()
    return terminal


@pytest.fixture
def clock(monkeypatch):
    clock = SimpleNamespace(now=1000.0)
    monkeypatch.setattr(console_module, "time", SimpleNamespace(monotonic=lambda: clock.now))
    return clock


@pytest.fixture
def start(make_run, stream):
    """A started tracker whose first line is already taken away."""

    def start(**options):
        tracker = ConsoleTracker(**options)
        tracker.start(make_run())
        console_module.sys.stderr.seek(0)
        console_module.sys.stderr.truncate()
        return tracker

    return start


def table_of(stream):
    return stream.getvalue().splitlines()


def test_it_says_which_run_this_is(make_run, stream, tmp_path):
    ConsoleTracker().start(make_run())
    ConsoleTracker().start(make_run(resumed_from_step=70))

    assert table_of(stream) == [
        f"quiet in {tmp_path}/run",
        f"quiet in {tmp_path}/run, from step 70",
    ]


def test_one_line_for_each_epoch_under_its_heads(start, stream):
    """Columns end where their heads end, whatever they hold."""
    tracker = start()
    for epoch, (train, val, auroc) in enumerate([(1.25, 1.5, 0.5), (0.5, 2000.5, 0.75)], 1):
        values = {"epoch": epoch, "train/loss": train, "val/loss": val, "val/auroc": auroc}
        tracker.log(values, step=10 * epoch)
    tracker.log({"epoch": 3, "val/auroc": math.nan, "val/loss": math.inf}, step=30)

    assert table_of(stream) == [
        "  epoch   step  train/loss  val/loss  val/auroc",
        "      1     10      1.2500    1.5000     0.5000 * best",
        "      2     20      0.5000      2000     0.7500 * best",
        "      3     30           –       inf        nan",
    ]  # fmt: skip


def test_the_figures_that_people_look_at_come_first(start, stream):
    """Six of them; the loss on what it was trained on before all."""
    tracker = start()
    values = {
        "epoch": 1, "val/specificity": 1, "lr/encoder": 1, "val/auroc": 1, "train/accuracy": 1,
        "val/other": 1, "val/f1_macro": 1, "train/loss": 1, "val/loss": 1, "val/sensitivity": 1,
    }  # fmt: skip
    tracker.log(values, step=1)

    assert table_of(stream)[0].split() == [
        "epoch", "step",
        "train/loss", "val/loss", "val/auroc", "val/f1_macro", "val/sensitivity",
        "val/specificity",
    ]  # fmt: skip


def test_an_epoch_that_says_nothing_else(start, stream):
    """Has the same heads as the one before."""
    tracker = start()
    for epoch in (1, 2):
        tracker.log({"epoch": epoch}, step=epoch)
    tracker.log({"epoch": 3, "val/loss": 0.5}, step=3)

    assert table_of(stream) == [
        "  epoch   step",
        "      1      1",
        "      2      2",
        "  epoch   step  val/loss",
        "      3      3    0.5000 * best",
    ]


def test_another_table_for_other_figures(start, stream):
    """The test at the end has heads of its own; what lacks a few columns has not."""
    tracker = start()
    tracker.log({"epoch": 1, "val/loss": 0.5, "val/auroc": 0.5}, step=1)
    tracker.log({"epoch": 2, "val/loss": 0.25}, step=2)
    tracker.log({"test/loss": 0.5}, step=2)

    assert [line.split() for line in table_of(stream)] == [
        ["epoch", "step", "val/loss", "val/auroc"],
        ["1", "1", "0.5000", "0.5000", "*", "best"],
        ["2", "2", "0.2500", "–"],
        ["epoch", "step", "test/loss"],
        ["2", "0.5000"],
    ]


NAN = math.nan


@pytest.mark.parametrize(
    ("options", "name", "values", "best"),
    [
        ({}, "val/auroc", [0.5, 0.75, 0.75, 0.7, 0.8], [0, 1, 4]),
        ({}, "val/loss", [0.5, 0.75, 0.5, 0.25], [0, 3]),
        ({"best": "val/macc"}, "val/macc", [0.5, 0.4, 0.6], [0, 2]),
        ({"best": "val/cost", "direction": "min"}, "val/cost", [5, 4, 6, 3], [0, 1, 3]),
        ({"best": "val/loss", "direction": "max"}, "val/loss", [5, 4, 6], [0, 2]),
        ({}, "val/auroc", [NAN, 0.5, NAN, 0.6, -math.inf], [1, 3]),
        ({}, "val/loss", [NAN, math.inf, 3.0, NAN, -math.inf], [1, 2, 4]),
        ({}, "val/f1_macro", [0.5, 0.6], []),
        ({"best": "val/other"}, "val/auroc", [0.5, 0.6], []),
    ],
    ids=range(9),
)
def test_the_best_line_is_marked(start, stream, options, name, values, best):
    """More is better unless it is a loss; an equal one and NaN are no better."""
    tracker = start(**options)
    for step, value in enumerate(values):
        tracker.log({"epoch": step, name: value}, step=step)

    marked = [line.endswith(" * best") for line in table_of(stream)[1:]]
    assert [step for step, mark in enumerate(marked) if mark] == best


@pytest.mark.parametrize("name", ["val/x", "valid/x", "validation/x", "test/x", "eval/x", "epoch"])
def test_what_makes_a_line_of_the_table(start, stream, name):
    start(every_s=1e9).log({name: 1.0, "train/loss": 0.5}, step=1)

    assert table_of(stream)[0].startswith("  epoch   step")


def test_other_rows_are_shown_once_in_a_while(start, stream, clock):
    tracker = start(every_s=30.0)
    for now in (0.0, 29.9, 30.0, 59.9, 61.0):
        clock.now = 1000.0 + now
        tracker.log({"train/loss": now, "lr/encoder": 1e-4}, step=int(now))

    assert table_of(stream) == [
        "step 0  lr/encoder 0.0001  train/loss 0",
        "step 30  lr/encoder 0.0001  train/loss 30",
        "step 61  lr/encoder 0.0001  train/loss 61",
    ]


def test_epochs_are_shown_whenever_they_come(start, stream, clock):
    tracker = start(every_s=30.0)
    tracker.log({"train/loss": 1}, step=1)
    for epoch in range(3):
        tracker.log({"epoch": epoch, "val/loss": 1}, step=1)

    assert len(table_of(stream)) == 5


def test_every_row_if_one_wants_it(start, stream, clock):
    tracker = start(every_s=0.0)
    for step in range(3):
        tracker.log({"a": 1}, step=step)

    assert len(table_of(stream)) == 3


def test_a_terminal_has_a_progress_bar_instead(start, terminal, clock):
    """Which is cleared for each line of the table."""
    tracker = start()
    tracker.log({"train/loss": 0.5}, step=1)
    assert terminal.getvalue() == ""
    tracker.log({"epoch": 1, "val/loss": 0.5}, step=1)

    assert terminal.getvalue() == (
        "\r\x1b[K\x1b[2m  epoch   step  val/loss\x1b[0m\n"
        "\r\x1b[K      1      1    0.5000\x1b[32m * best\x1b[0m\n"
    )


def test_no_colours_where_they_are_not_wanted(make_run, terminal, monkeypatch):
    monkeypatch.setenv("NO_COLOR", "1")
    tracker = ConsoleTracker()
    tracker.start(make_run())
    tracker.log({"epoch": 1, "val/loss": 0.5}, step=1)
    tracker.finish(Outcome(status="failed"))

    lines = terminal.getvalue().split("\n")
    assert [line.removeprefix("\r\x1b[K") for line in lines[1:]] == [
        "  epoch   step  val/loss",
        "      1      1    0.5000 * best",
        "failed",
        "",
    ]
    assert "\x1b[" not in terminal.getvalue().replace("\r\x1b[K", "")


def test_an_empty_no_color_is_none(start, terminal, monkeypatch):
    monkeypatch.setenv("NO_COLOR", "")
    start().finish(Outcome(status="failed"))

    assert terminal.getvalue() == "\r\x1b[K\x1b[1mfailed\x1b[0m\n"


def test_no_colours_in_a_file(start, stream):
    tracker = start()
    tracker.log({"epoch": 1, "val/loss": 0.5}, step=1)
    tracker.finish(Outcome(status="failed", error="ValueError: no"))

    assert "\x1b" not in stream.getvalue()
    assert "\r" not in stream.getvalue()


@pytest.mark.parametrize(
    ("outcome", "line"),
    [
        (Outcome(status="completed"), ""),
        (Outcome(status="interrupted"), "interrupted\n"),
        (Outcome(status="failed", error="ValueError: no"), "failed: ValueError: no\n"),
    ],
    ids=lambda value: getattr(value, "status", ""),
)
def test_how_it_ended(start, stream, outcome, line):
    start().finish(outcome)

    assert stream.getvalue() == line


@pytest.mark.parametrize("value", [-1.25e100, -123456.0, 1e-300, 1e308, -math.inf], ids=repr)
def test_a_long_figure_does_not_touch_the_one_before(start, stream, value):
    start().log({"epoch": 1, "train/loss": value, "val/loss": value, "val/x": value}, step=10**8)

    assert len(table_of(stream)[1].removesuffix(" * best").split()) == 5


def test_values_of_every_kind(start, stream, clock):
    """Numbers of any library are shown; pictures, histograms and tables are not, nor nothing."""
    tracker = start(every_s=0.0)
    odd = {
        "h": Histogram(counts=[1], edges=[0, 1]),
        "i": Image(data=b""),
        "t": Table(columns=[], rows=[]),
    }
    tracker.log(odd, step=1)
    tracker.log({}, step=2)
    tracker.log(odd | {"a": np.float32(0.5), "b": torch.tensor(2), "c": True, "🫀": -0.0}, step=3)
    tracker.log({"epoch": NAN, "val/x": np.int64(3)}, step=np.int64(4))
    tracker.log({"epoch": 1.0} | odd, step=5)

    assert table_of(stream)[0] == "step 3  a 0.5  b 2  c 1  🫀 -0"
    assert [line.split() for line in table_of(stream)[1:3]] == [
        ["epoch", "step", "val/x"],
        ["nan", "4", "3.0000"],
    ]


def test_it_can_be_given_everything_again(start):
    assert start().position() == 0


def test_files_are_not_mentioned(start, stream, tmp_path):
    start().save(tmp_path / "x", kind="report")

    assert stream.getvalue() == ""


def test_a_stream_that_is_replaced_before_the_run_starts(make_run, stream):
    """By a program that sets up its progress bar."""
    tracker = ConsoleTracker()
    other = console_module.sys.stderr = io.StringIO()
    tracker.start(make_run())

    assert stream.getvalue() == ""
    assert other.getvalue() != ""


def test_a_line_fits_the_terminal(monkeypatch, capsys, tmp_path):
    """Columns that have no room are left out; the mark of the best has room, too."""
    monkeypatch.setenv("COLUMNS", "60")
    tracker = ConsoleTracker()
    tracker.start(Run(name="r", directory=tmp_path))
    capsys.readouterr()
    row = {f"val/a_rather_long_name_{number}": 0.5 for number in range(4)} | {"val/loss": 1.0}

    tracker.log(row | {"epoch": 1}, step=10)

    head, line = capsys.readouterr().err.splitlines()
    assert head.split() == ["epoch", "step", "val/loss", "val/a_rather_long_name_0"]
    assert line.endswith(" * best")
    assert max(len(head), len(line)) <= 60


def test_a_program_that_says_which_epoch_is_best_is_believed(start, stream):
    """Ties of the score are the program's to break."""
    tracker = start()
    for epoch, best in ((1, 1), (2, 2), (3, 2)):
        tracker.log({"epoch": epoch, "best_epoch": best, "val/auroc": 1.0}, step=epoch)

    assert [line.endswith("* best") for line in table_of(stream)] == [False, True, True, False]
