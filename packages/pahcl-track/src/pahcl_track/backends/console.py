"""A table on the terminal: one line per epoch, the best one marked.

A row of values that has an `epoch`, or scores on a split other than `train`, makes a line of the
table. Other rows (losses of single batches, learning rates) are shown once in a while, and only
where there is no terminal with a progress bar to look at.
"""

import itertools
import os
import shutil
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Literal, SupportsFloat, TextIO

from pahcl_track.protocol import Outcome, Run
from pahcl_track.values import Value

_NUM_COLUMNS = 6
_WIDTH = 10
_FIRST = ("loss", "auroc", "auprc", "f1_macro", "accuracy", "sensitivity", "specificity")
"""Metrics that people look at first, whatever the split."""

_BOLD, _DIM, _GREEN, _RESET = "\x1b[1m", "\x1b[2m", "\x1b[32m", "\x1b[0m"
_CLEAR_LINE = "\r\x1b[K"  # a progress bar may be on it; it is drawn again below


class ConsoleTracker:
    """Prints to standard error, so that what a program prints as its result stays apart."""

    def __init__(
        self,
        *,
        best: str | None = None,
        direction: Literal["max", "min"] | None = None,
        every_s: float = 30.0,
    ) -> None:
        """Print to whatever standard error is when the run starts.

        Args:
            best: The value whose best line is marked; by default `val/auroc`, or else `val/loss`.
                A program that logs a `best_epoch` beside its `epoch` decides for itself.
            direction: Whether more of it is better; by default it is, unless the name says loss.
            every_s: Seconds between two lines about anything but epochs; 0 for every row.
        """
        self._best_name = best
        self._direction = direction
        self._every_s = every_s
        self._stream: TextIO = sys.stderr
        self._columns: tuple[str, ...] | None = None
        self._best: float | None = None
        self._shown_at = -float("inf")

    def start(self, run: Run) -> None:
        """Say which run this is."""
        self._stream = sys.stderr
        resumed = "" if run.resumed_from_step is None else f", from step {run.resumed_from_step}"
        self._print(f"{self._styled(run.name, _BOLD)} in {run.directory}{resumed}")

    def position(self) -> int:
        """It keeps nothing, so it can be given everything again."""
        return 0

    def log(self, values: Mapping[str, Value], *, step: int) -> None:
        """Print a line, if it is time for one."""
        numbers = {
            name: float(value) for name, value in values.items() if isinstance(value, SupportsFloat)
        }
        if _is_epoch(numbers):
            self._print_epoch(numbers, step)
        elif numbers and not self._on_terminal and self._is_time():
            shown = "  ".join(f"{name} {value:.4g}" for name, value in sorted(numbers.items()))
            self._print(f"step {step}  {shown}")

    def save(self, path: Path, *, kind: str) -> None:
        """Nothing to print: the program says in the end what it made."""

    def finish(self, outcome: Outcome) -> None:
        """Say how it ended, unless it just ended."""
        if outcome.status != "completed":
            reason = f": {outcome.error}" if outcome.error else ""
            self._print(self._styled(f"{outcome.status}{reason}", _BOLD))

    def _print_epoch(self, numbers: Mapping[str, float], step: int) -> None:
        columns = _columns(numbers)
        if self._columns is None or (columns and not set(self._columns) & numbers.keys()):
            self._columns = _fitting(columns, shutil.get_terminal_size((100, 24)).columns)
            self._best_name = self._best_name or _best_name(numbers)
            heads = ["epoch", "step", *self._columns]
            self._print(self._styled("".join(f"{head:>{_wide(head)}}" for head in heads), _DIM))
        epoch = f"{numbers['epoch']:.0f}" if "epoch" in numbers else ""
        cells = [f"{epoch:>{_wide('epoch')}}", f" {step}".rjust(_wide("step"))]
        cells += [_cell(numbers.get(name), _wide(name)) for name in self._columns]
        best = self._is_best(numbers)
        mark = self._styled(" * best", _GREEN) if best else ""
        self._print("".join(cells) + mark)

    def _is_best(self, numbers: Mapping[str, float]) -> bool:
        if {"epoch", "best_epoch"} <= numbers.keys():  # the program knows better
            return numbers["epoch"] == numbers["best_epoch"]
        value = numbers.get(self._best_name or "")
        if value is None or value != value:  # NaN is nobody's best
            return False
        low = self._direction == "min" or (self._direction is None and "loss" in self._best_name)  # type: ignore[operator]
        if self._best is not None and (value >= self._best if low else value <= self._best):
            return False
        self._best = value
        return True

    @property
    def _on_terminal(self) -> bool:
        return self._stream.isatty()

    def _is_time(self) -> bool:
        now = time.monotonic()
        if now - self._shown_at < self._every_s:
            return False
        self._shown_at = now
        return True

    def _styled(self, text: str, style: str) -> str:
        plain = not self._on_terminal or os.environ.get("NO_COLOR")
        return text if plain else f"{style}{text}{_RESET}"

    def _print(self, line: str) -> None:
        before = _CLEAR_LINE if self._on_terminal else ""
        self._stream.write(f"{before}{line}\n")
        self._stream.flush()


def _is_epoch(numbers: Mapping[str, float]) -> bool:
    splits = {name.partition("/")[0] for name in numbers if "/" in name}
    return "epoch" in numbers or bool(splits & {"val", "valid", "validation", "test", "eval"})


def _columns(numbers: Mapping[str, float]) -> tuple[str, ...]:
    """The scores of the split that is judged, the loss on what it was trained on before them."""
    judged = [name for name in numbers if "/" in name and not name.startswith("train/")]
    metrics = {name.partition("/")[2]: name for name in judged}
    first = [metrics[metric] for metric in _FIRST if metric in metrics]
    trained = [name for name in ("train/loss",) if name in numbers]
    others = [name for name in numbers if name not in (*first, "epoch", "best_epoch")]
    return tuple(dict.fromkeys([*trained, *first, *others]))[:_NUM_COLUMNS]


def _fitting(names: tuple[str, ...], width: int) -> tuple[str, ...]:
    """As many as a line of the terminal has room for, with the mark behind them; two at least."""
    room = width - _wide("epoch") - _wide("step") - len(" * best")
    ends = itertools.accumulate(_wide(name) for name in names)
    return tuple(
        name for i, (name, end) in enumerate(zip(names, ends, strict=True)) if end <= room or i < 2
    )


def _best_name(numbers: Mapping[str, float]) -> str | None:
    return next((name for name in ("val/auroc", "val/loss") if name in numbers), None)


def _wide(head: str) -> int:
    if head in ("epoch", "step"):
        return 7
    return max(_WIDTH, len(head) + 2)


def _cell(value: float | None, width: int) -> str:
    if value is None:
        return f"{'–':>{width}}"
    shown = f"{value:.4f}" if abs(value) < 1000 else f"{value:.4g}"
    return f" {shown}".rjust(width)  # however long it is, it does not touch the one before
