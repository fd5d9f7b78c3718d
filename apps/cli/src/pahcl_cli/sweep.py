"""Runs a sweep for the command line, and says in one table what came out."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from pahcl_cli.exit_codes import FAILED
from pahcl_cli.launch import identity
from pahcl_cli.progress import progress_bar, show_warnings
from pahcl_cli.run_files import complete
from pahcl_cli.sweep_files import read_sweep
from pahcl_cli.tables import format_table
from pahcl_cli.tracking import Tracking, TrackingConfig, build_tracker
from pahcl_cli.wandb_sweep import wandb_sweep
from pahcl_core.evaluation.runs import read_run
from pahcl_core.studies.sweep_plan import SweepPlan, require_optuna
from pahcl_core.studies.variants import RunConfig
from pahcl_core.training.finetune import describe_finetune
from pahcl_core.training.pretrain import describe_pretrain
from pahcl_core.training.run_directory import SWEEP
from pahcl_core.training.settings import FinetuneConfig
from pahcl_track import Run

if TYPE_CHECKING:
    from pahcl_core.studies.sweep_report import Sweep, TrialRow


def run_sweep(
    file: Path,
    *,
    named: Mapping[str, Any],
    overrides: Sequence[str],
    tracking: Tracking,
    num_trials: int | None,
    storage: str | None,
    for_wandb: bool,
    in_json: bool,
) -> None:
    """Do what is left of a sweep and print the table; or print the sweep for W&B.

    Raises:
        typer.Exit: If no trial was completed.
    """
    show_warnings()
    given = read_sweep(
        file, named=named, overrides=overrides, tracking=tracking, num_trials=num_trials
    )
    if for_wandb:
        typer.echo(json.dumps(wandb_sweep(given.plan, given.tracked), indent=2))
        return
    require_optuna()
    from pahcl_core.studies.sweep import sweep
    from pahcl_core.studies.sweep_report import as_json

    result = sweep(
        given.plan,
        storage=storage,
        tracker=lambda: build_tracker(given.tracked),
        describe=lambda config: _described(given.plan, config, given.tracked),
        tell=lambda line: typer.echo(line, err=True),
        progress=progress_bar,
    )
    typer.echo(
        json.dumps(as_json(given.plan, result), indent=2) if in_json else _result_text(result)
    )
    for row in result.rows:
        if row.state == "failed":
            typer.echo(f"error: {row.name} failed: {row.reason}", err=True)
    if result.best is None:
        raise typer.Exit(FAILED)


def _described(plan: SweepPlan, config: RunConfig, tracked: TrackingConfig) -> Run:
    """A trial as a tracker is told of it: all of them in the sweep's group."""
    tracked = replace(tracked, group=tracked.group or plan.name)
    fields = {"config": complete(config, tracked), **identity(tracked)}
    if isinstance(config, FinetuneConfig):
        return describe_finetune(config, **fields)
    return describe_pretrain(config, **fields)


def _result_text(result: "Sweep") -> str:
    keys = list(dict.fromkeys(key for row in result.rows for key in row.values))
    heads = ["trial", "state", f"val {result.metric}", *keys]
    lines = [format_table(heads, [_cells(row, keys) for row in result.rows], num_left=2)]
    if result.importance:
        shares = ", ".join(f"{key} {share:.0%}" for key, share in result.importance.items())
        lines.append(f"what mattered (PED-ANOVA): {shares}")
    if (best := result.best) is not None:
        directory = result.directory / best.name
        lines.append(
            f"best on the validation: {directory}; `pahcl runs show {directory}` tells its test"
        )
        if read_run(directory).metrics.get("provenance") == "synthetic":
            lines.append("the recordings are SYNTHETIC: these figures say nothing about hearts")
    return "\n".join([*lines, f"in {result.directory}/: {SWEEP}, a folder for each trial"])


def _cells(row: "TrialRow", keys: Sequence[str]) -> list[str]:
    state = f"pruned after {row.epochs} epochs" if row.state == "pruned" else row.state
    value = "–" if row.value is None else f"{row.value:.3f}"
    return [row.name, state, value, *(_shown(row.values.get(key)) for key in keys)]


def _shown(value: object) -> str:
    if value is None:
        return "–"
    return f"{value:.4g}" if isinstance(value, float) else str(value)
