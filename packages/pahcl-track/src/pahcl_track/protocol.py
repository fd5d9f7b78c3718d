"""The contract between a program that reports and a backend that records.

Four calls, in this order: `start` once, `log` and `save` any number of times, `finish` once.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, Protocol, runtime_checkable

from pahcl_track.values import Value


@dataclass(frozen=True, kw_only=True, slots=True)
class Run:
    """One run of a program, as described to every backend."""

    name: str
    """What people call it; the experiment's name."""

    directory: Path
    """Where the run writes. A backend that writes files does so below it."""

    project: str = "PA-HCL"
    id: str | None = None
    """Stable identity, for a backend that can resume; None lets the backend choose."""

    group: str | None = None
    job_type: str | None = None
    tags: Sequence[str] = ()
    notes: str | None = None
    config: Mapping[str, Any] = field(default_factory=dict)
    """The full resolved configuration, nested mappings of plain values."""

    resumed_from_step: int | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Outcome:
    """How a run ended."""

    status: Literal["completed", "failed", "interrupted"]
    error: str | None = None
    """The error's one-line message, when it failed."""

    summary: Mapping[str, Value] = field(default_factory=dict)
    """The run's final figures, such as the test metrics of the best checkpoint."""


@runtime_checkable
class Tracker(Protocol):
    """Records one run. A class with these four methods is a tracker; nothing is inherited."""

    def start(self, run: Run) -> None:
        """Begin; called once and first."""
        ...

    def log(self, values: Mapping[str, Value], *, step: int) -> None:
        """Record values at a step.

        Args:
            values: By name, `<split>/<metric>` by convention: `train/loss`, `val/auroc`. NaN and
                infinities are values. A kind of value that the backend cannot show is skipped.
            step: The global optimiser step. It is data, not an order: values may come late or
                again for the same step, and a backend keeps them all the same.
        """
        ...

    def save(self, path: Path, *, kind: str) -> None:
        """Keep a file with the run.

        Args:
            path: The file, complete by now.
            kind: What it is: `checkpoint`, `predictions`, `config`, `report`.
        """
        ...

    def finish(self, outcome: Outcome) -> None:
        """End; called once and last."""
        ...


@runtime_checkable
class Positioned(Protocol):
    """A tracker that can tell how much of a resumed run it holds already.

    With it, a run that was killed and resumed, or that is replayed after a night without network,
    reaches the tracker complete and without anything twice.
    """

    def position(self) -> int | None:
        """How many calls of `log` of this run it holds; asked after `start`.

        None where it cannot tell: then it is given nothing of what was logged before.
        """
        ...
