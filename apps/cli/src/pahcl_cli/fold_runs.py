"""Runs one method over folds and seeds for the command line, and says what came out of all."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import typer

from pahcl_cli.launch import headlines, kind_of, tested_classes
from pahcl_cli.progress import progress_bar
from pahcl_cli.run_files import complete
from pahcl_cli.tracking import TrackingConfig, build_tracker
from pahcl_core.report.report import write_report
from pahcl_core.studies.begun_with import Settings
from pahcl_core.studies.fold_study import run_folds
from pahcl_core.studies.folds import F, planned_folds
from pahcl_core.training.run_directory import METRICS, PREDICTIONS
from pahcl_core.training.run_report import made_report
from pahcl_track import Tracker


@dataclass(frozen=True, kw_only=True, slots=True)
class InGroup:
    """How the runs of a study are reported: all in one group, and not on the terminal."""

    tracked: TrackingConfig
    group: str

    def tracker(self) -> Tracker:
        """Those asked for but the console, on which several runs could not be told apart."""
        names = tuple(name for name in self.tracked.trackers if name != "console")
        options = tuple(one for one in self.tracked.options if not one.startswith("console."))
        return build_tracker(replace(self.tracked, trackers=names, options=options))

    def described(self, config: Settings) -> Mapping[str, Any]:
        """What a tracker is told of a run."""
        return {
            "config": complete(config, self.tracked),
            "project": self.tracked.project,
            "group": self.tracked.group or self.group,
            "tags": self.tracked.tags,
            "notes": self.tracked.notes,
        }


def run_in_folds(
    config: F,
    tracked: TrackingConfig,
    *,
    folds: int,
    num_seeds: int,
    jobs: int,
) -> None:
    """Do the runs that are not complete, and print what came out of all."""
    plan = planned_folds(config, folds=folds, num_seeds=num_seeds)
    in_group = InGroup(tracked=tracked, group=plan.base.name)
    in_group.tracker()  # refuses a tracker that there is not, before anything is done
    metrics = run_folds(
        plan,
        tracked=in_group,
        jobs=jobs,
        tell=lambda line: typer.echo(line, err=True),
        progress=progress_bar(plan.base.name),
    )
    typer.echo("\n".join(_lines(metrics, len(plan.runs), plan.directory)))


def _where(directory: Path) -> str:
    """What was written, a report among it if one could be made."""
    report = made_report(write_report, directory)
    files = [METRICS, PREDICTIONS, *([] if report is None else [report.name])]
    return f"in {directory}/: {', '.join(files)}, and the runs"


def _lines(metrics: Mapping[str, Any], num_runs: int, directory: Path) -> list[str]:
    folds = f"{metrics['folds']} folds" if metrics["folds"] else "held out once"
    seeds = len(metrics["seeds"])
    return [
        f"{metrics['task']}, {metrics['n']['test']} {metrics['unit']}s "
        f"({tested_classes(metrics)}), {kind_of(metrics)} data; "
        f"{num_runs} runs: {folds}, {seeds} seed{'' if seeds == 1 else 's'}",
        *headlines(metrics),
        _where(directory),
    ]
