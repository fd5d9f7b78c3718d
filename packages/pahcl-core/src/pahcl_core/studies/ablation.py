"""An ablation: what pretraining is worth to a linear probe when one thing about it is changed.

Each variant is pretrained with each seed, then probed on every task that the collections have
labels for (`training.probe`). With them come encoders with random weights, one of each shape: what
is no better than they are has learnt nothing that a probe can use.
"""

from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np

from pahcl_core.data.preparation import Progress
from pahcl_core.studies.ablation_plan import AblationPlan, state_of
from pahcl_core.studies.ablation_run import pretrained_and_probed, random_and_probed
from pahcl_core.studies.comparison import compared
from pahcl_core.studies.holding import HeldOpen
from pahcl_core.studies.probing import Probed
from pahcl_core.studies.report import Ablation, write_reports
from pahcl_core.studies.study import Failure, PlannedRun, carried_out, held
from pahcl_core.studies.variants import BASE
from pahcl_core.training.cohorts import read_cohorts
from pahcl_core.training.settings import PretrainConfig
from pahcl_track import Run, Tracker


def ablate(
    plan: AblationPlan,
    *,
    tracker: Callable[[], Tracker],
    describe: Callable[[PlannedRun[PretrainConfig]], Run],
    tell: Callable[[str], None] = lambda line: None,
    progress: Callable[[str], Progress] = lambda name: lambda items, total: items,
) -> Ablation:
    """Do all runs that are not complete, and compare.

    Writes `ablation.json` and `ablation.csv` to the study's directory. A run that fails leaves its
    row without it.

    Args:
        plan: What to do.
        tracker: A fresh one for each run.
        describe: What it is told of a run.
        tell: Given a line before each run.
        progress: For each run by its name, shown what `pretrain` shows.

    Raises:
        SettingError: As `held`.
        DataError: If a collection cannot be used at all.
    """
    with held(plan.base, plan.runs) as directory:
        if any(state_of(run) != "complete" for run in plan.everything):
            read_cohorts(plan.base, progress("reading"))  # a wrong path is not the fault of one run

        def do(run: PlannedRun[PretrainConfig]) -> Probed:
            if run in plan.references:
                return random_and_probed(run, plan.tasks, progress(run.name))
            return pretrained_and_probed(
                run,
                plan.tasks,
                tracker=HeldOpen(tracker()),
                described=describe(run),
                progress=progress(run.name),
            )

        outcomes = carried_out(plan.everything, do, tell=tell)
        result = _concluded(directory, plan, outcomes)
        write_reports(result)
    return result


def _concluded(
    directory: Path, plan: AblationPlan, outcomes: Mapping[str, Probed | Failure]
) -> Ablation:
    found: dict[str, dict[int, Probed]] = {}
    for run in (*plan.runs, *plan.references):
        by_seed = found.setdefault(run.variant.name, {})
        outcome = outcomes[run.name]
        if isinstance(outcome, Probed):
            by_seed[run.config.seed] = outcome
    return Ablation(
        directory=directory,
        plan=plan,
        rows=compared(BASE.name, found, plan.tasks),
        seconds={name: _mean_seconds(by_seed) for name, by_seed in found.items()},
        provenance=next((o.provenance for o in outcomes.values() if isinstance(o, Probed)), None),
        failures={name: one for name, one in outcomes.items() if isinstance(one, Failure)},
    )


def _mean_seconds(by_seed: Mapping[int, Probed]) -> float | None:
    known = [one.seconds for one in by_seed.values() if one.seconds is not None]
    return float(np.mean(known)) if known else None
