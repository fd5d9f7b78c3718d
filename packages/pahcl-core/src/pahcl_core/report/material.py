"""What a report is made of: everything that a run's folder says, and why something is not there."""

import contextlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from pahcl_core.data.tasks import Task
from pahcl_core.errors import DataError, SettingError
from pahcl_core.evaluation.run_results import SEEDS, RunResult, result_of
from pahcl_core.evaluation.runs import PRETRAIN, RunSummary, read_run, section
from pahcl_track.errors import TrackerError
from pahcl_track.history import History, read_history


@dataclass(frozen=True, kw_only=True, slots=True)
class Material:
    """One run."""

    run: RunSummary
    results: tuple[RunResult, ...]
    """What was said of whom, by seed; empty where there is nothing of the kind."""

    no_results: str
    """Why."""

    history: History | None
    no_history: str
    members: tuple[History, ...] = ()
    """Of the runs that it was put together of, as far as they have journals."""

    @property
    def metrics(self) -> Mapping[str, Any]:
        """The content of `final_metrics.json`; empty where there is none."""
        return self.run.metrics

    @property
    def task(self) -> Task | None:
        """What was told; None for a pretraining, and where it is not known."""
        return self.results[0].task if self.results else None

    def section(self, *path: str) -> Mapping[str, Any]:
        """A table within the metrics; empty where there is none."""
        return section(self.metrics, *path)


def read_material(directory: Path, *, ending: bool = False) -> Material:
    """What a run's folder says.

    Args:
        directory: Of the run, whatever came of it.
        ending: All has been written but the run's end, which follows.

    Raises:
        DataError: If there is no such run, or nothing of it can be read.
    """
    if not directory.is_dir():
        raise DataError(f"{directory}: there is no such run")
    run = read_run(directory)
    if run.state == "damaged":
        raise DataError(run.reason)
    if not run.config and not run.metrics:
        raise DataError(f"{directory}: is no run: it has neither settings nor metrics")
    if ending:
        run = replace(run, state="complete", reason="")
    results, no_results = _results(run)
    history, no_history = _history(run)
    return Material(
        run=run,
        results=results,
        no_results=no_results,
        history=history,
        no_history=no_history,
        members=tuple(_members(run)),
    )


def _results(run: RunSummary) -> tuple[tuple[RunResult, ...], str]:
    if run.state != "complete":
        return (), f"the run has no result yet; it is {run.state}"
    if run.task == PRETRAIN:
        return (), "a pretraining uses no labels, so there is nothing that it could be right about"
    seeds = run.metrics.get(SEEDS)
    try:
        if isinstance(seeds, list):
            return tuple(result_of(run, seed=seed) for seed in seeds), ""
        return (result_of(run),), ""
    except (DataError, SettingError) as error:
        return (), str(error)


def _history(run: RunSummary) -> tuple[History | None, str]:
    try:
        return read_history(run.directory), ""
    except TrackerError as error:
        if SEEDS in run.metrics:
            return None, "this is the result of several runs, each with a journal of its own"
        return None, str(error)


def _members(run: RunSummary) -> Iterator[History]:
    """Of a study over folds and seeds."""
    root = run.directory.resolve()
    named = run.metrics.get("runs")
    for one in named if isinstance(named, list) else ():
        name = one.get("name") if isinstance(one, Mapping) else None
        directory = root / str(name)
        if name and directory.resolve().is_relative_to(root):
            with contextlib.suppress(TrackerError):
                yield read_history(directory)
