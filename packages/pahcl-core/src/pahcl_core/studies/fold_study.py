"""Carrying a plan over folds and seeds out, and putting its runs together."""

import functools
from collections.abc import Callable, Mapping
from typing import Any

from pahcl_core.data.preparation import Progress
from pahcl_core.errors import TrainingError
from pahcl_core.studies.folds import FoldPlan
from pahcl_core.studies.members import Tracked, member_done
from pahcl_core.studies.out_of_fold import conclude
from pahcl_core.studies.study import Failure, held
from pahcl_core.studies.workers import carried_out_by
from pahcl_core.training.people import read_cohort


def run_folds(
    plan: FoldPlan[Any],
    *,
    tracked: Tracked,
    jobs: int = 1,
    tell: Callable[[str], None] = lambda line: None,
    progress: Progress = lambda items, total: items,
) -> Mapping[str, Any]:
    """Do all runs that are not complete, and write the result of all.

    Args:
        plan: What to do.
        tracked: How runs are reported.
        jobs: Processes that do them.
        tell: Given a line before each run.
        progress: Shown the recordings as they are read, before the first run.

    Returns:
        The content of `final_metrics.json`.

    Raises:
        SettingError: As `held`.
        DataError: If the collection cannot be used at all, or its runs do not fit together.
        TrainingError: If a run failed; names the first. The others are kept, and the same command
            does those that failed again.
    """
    with held(plan.base, plan.runs):
        if not plan.is_complete:
            read_first(plan, progress)
        do = functools.partial(member_done, tracked=tracked)
        outcomes = carried_out_by(jobs, plan.runs, do, tell=tell)
        failed = {name: one for name, one in outcomes.items() if isinstance(one, Failure)}
        if failed:
            name, one = next(iter(failed.items()))
            raise TrainingError(
                f"{len(failed)} of {len(plan.runs)} runs failed, the first {name}: {one.reason}; "
                "the same command does them again"
            )
        return conclude(plan)


def read_first(plan: FoldPlan[Any], progress: Progress) -> None:
    """Read and prepare the collection, since a wrong path is not the fault of one run.

    Raises:
        DataError: If it cannot be used.
    """
    config = plan.runs[0].config
    read_cohort(getattr(config, "as_finetune", config), progress)
