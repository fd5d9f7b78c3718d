"""A batch: many methods over the same folds and seeds, and one table of what they come to."""

import functools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pahcl_core.data.output_folder import make_folder
from pahcl_core.data.preparation import Progress
from pahcl_core.errors import DataError
from pahcl_core.studies.batch_plan import BatchPlan, Cell
from pahcl_core.studies.batch_report import reported, write_batch
from pahcl_core.studies.fold_study import read_first
from pahcl_core.studies.members import Tracked, member_done
from pahcl_core.studies.out_of_fold import conclude
from pahcl_core.studies.study import Failure, PlannedRun, reason_of, write_base
from pahcl_core.studies.workers import carried_out_by
from pahcl_core.training.run_directory import is_complete, resumed_directory


@dataclass(frozen=True, kw_only=True, slots=True)
class Batch:
    """What a batch came to."""

    content: Mapping[str, Any]
    """Of `batch.json`."""

    failures: Mapping[str, str]
    """Why a run failed, by its name."""


def run_batch(
    plan: BatchPlan,
    *,
    tracked: Tracked,
    jobs: int = 1,
    tell: Callable[[str], None] = lambda line: None,
    progress: Progress = lambda items, total: items,
) -> Batch:
    """Pretrain, do all runs that are not complete, and write the table.

    Writes `batch.json` and `batch.md` to the batch's directory. A run that fails leaves its row of
    the table empty; the others go on. The same plan again does what is missing.

    Args:
        plan: What to do.
        tracked: How runs are reported.
        jobs: Processes that do them.
        tell: Given a line before each run.
        progress: Shown the recordings as they are read, before the first run.

    Raises:
        SettingError: If another process is at work there, or it cannot be written to.
        DataError: If a collection cannot be used at all.
    """
    make_folder(plan.directory)
    with resumed_directory(plan.directory):
        steps = [
            [run for run in runs if not is_complete(run.directory)]
            for runs in (plan.pretrainings, plan.runs)
        ]
        if any(steps):
            _prepare(plan.cells, progress)
        failures: dict[str, str] = {}
        for todo in steps:
            failures |= _done(todo, tracked, jobs, tell)
        results = {}
        for cell in plan.cells:
            tell(f"putting together {cell.plan.base.name}")
            metrics = _concluded(cell, failures)
            if metrics is not None:
                results[cell.key] = metrics
        content = reported(plan, results, failures)
        write_batch(plan.directory, content)
    return Batch(content=content, failures=failures)


def _prepare(cells: Sequence[Cell], progress: Progress) -> None:
    """Each collection once, before several processes want it; and a folder for each cell."""
    for cell in {cell.task: cell for cell in cells}.values():
        read_first(cell.plan, progress)
    for cell in cells:
        make_folder(cell.plan.directory)
        write_base(cell.plan.base)


def _done(
    runs: Sequence[PlannedRun[Any]], tracked: Tracked, jobs: int, tell: Callable[[str], None]
) -> dict[str, str]:
    """Why runs failed, by name; those that did."""
    do = functools.partial(member_done, tracked=tracked)
    outcomes = carried_out_by(jobs, runs, do, tell=tell) if runs else {}
    return {name: one.reason for name, one in outcomes.items() if isinstance(one, Failure)}


def _concluded(cell: Cell, failures: dict[str, str]) -> dict[str, Any] | None:
    """The result of a cell; None where a run of it failed, or its runs do not fit together."""
    if not all(is_complete(run.directory) for run in cell.plan.runs):
        return None
    try:
        return conclude(cell.plan)
    except DataError as error:
        failures[cell.plan.base.name] = reason_of(error)
        return None
