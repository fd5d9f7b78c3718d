"""Runs a batch file for the command line, and prints its table."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import typer

from pahcl_cli.exit_codes import FAILED
from pahcl_cli.fold_runs import InGroup
from pahcl_cli.progress import progress_bar
from pahcl_cli.tracking import Tracking, TrackingConfig
from pahcl_core.config import from_dict
from pahcl_core.studies.batch import run_batch
from pahcl_core.studies.batch_markdown import markdown
from pahcl_core.studies.batch_plan import BatchPlan, planned_batch, read_batch
from pahcl_core.studies.batch_report import JSON, MARKDOWN
from pahcl_core.training.run_directory import is_complete


def run_batch_file(
    file: Path,
    data: Mapping[str, Path],
    over: Mapping[str, Any],
    tracking: Tracking,
    *,
    jobs: int,
    dry_run: bool,
    in_json: bool,
) -> None:
    """Do what a batch file says and is not done, and print the table; or say what there is to do.

    Raises:
        typer.Exit: If a run failed.
    """
    config, settings = read_batch(file, data, over=over)
    plan = planned_batch(config, settings, source=str(file))
    if dry_run:
        typer.echo("\n".join(_plan_lines(plan)))
        return
    tracked = from_dict(TrackingConfig, tracking.over({}), source="tracking")
    in_group = InGroup(tracked=tracked, group=config.name)
    in_group.tracker()  # refuses a tracker that there is not, before anything is done
    result = run_batch(
        plan,
        tracked=in_group,
        jobs=jobs,
        tell=lambda line: typer.echo(line, err=True),
        progress=progress_bar("reading"),
    )
    if in_json:
        typer.echo(json.dumps(result.content, indent=2, ensure_ascii=False))
    else:
        typer.echo("\n".join(markdown(result.content)))
        typer.echo(f"in {plan.directory}/: {JSON}, {MARKDOWN}, and the runs")
    for name, reason in result.failures.items():
        typer.echo(f"error: {name} failed: {reason}", err=True)
    if result.failures:
        raise typer.Exit(FAILED)


def _plan_lines(plan: BatchPlan) -> list[str]:
    runs = [*plan.pretrainings, *plan.runs]
    done = [is_complete(run.directory) for run in runs]
    return [
        *(
            f"{'complete' if complete else 'to do':<8}  {run.name}"
            for run, complete in zip(runs, done, strict=True)
        ),
        f"{len(plan.pretrainings)} pretrainings and {len(plan.runs)} runs of {len(plan.cells)} "
        f"methods; {sum(done)} complete",
    ]
