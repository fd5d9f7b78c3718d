"""Runs an ablation for the command line, and says in one table what came out."""

import json
from collections.abc import Sequence
from dataclasses import replace

import typer

from pahcl_cli.exit_codes import FAILED
from pahcl_cli.launch import pretrain_settings
from pahcl_cli.progress import progress_bar, show_warnings
from pahcl_cli.run_files import Layers, complete
from pahcl_cli.tables import format_table
from pahcl_cli.tracking import Tracking, TrackingConfig, build_tracker
from pahcl_core.data.tasks import task_named
from pahcl_core.errors import SettingError
from pahcl_core.metrics.paired import Comparison
from pahcl_core.studies.ablation import ablate
from pahcl_core.studies.ablation_plan import (
    AblationPlan,
    describe_ablation_run,
    planned_ablation,
    state_of,
)
from pahcl_core.studies.axes import AXES, axis_named
from pahcl_core.studies.comparison import Row
from pahcl_core.studies.report import CSV, JSON, Ablation, as_json
from pahcl_core.studies.study import PlannedRun
from pahcl_core.studies.variants import BASE, Variant, crossed, varied
from pahcl_core.training.run_directory import LOG
from pahcl_core.training.settings import PretrainConfig
from pahcl_track import Run

_SYNTHETIC = (
    "The patients are SYNTHETIC: these figures show that the software works, and nothing about "
    "hearts."
)


def list_axes(*, in_json: bool) -> None:
    """Print what can be varied by name."""
    if in_json:
        listed = [
            {
                "name": axis.name,
                "question": axis.question,
                "variants": {one.name: list(one.settings) for one in axis.variants},
            }
            for axis in AXES.values()
        ]
        typer.echo(json.dumps({"axes": listed}, indent=2))
        return
    for axis in AXES.values():
        typer.echo(f"{axis.name}: {axis.question}")
        width = max(len(value) for value in axis.values)
        for value, settings in axis.values.items():
            typer.echo(f"  {value:<{width}}  {' '.join(settings)}")
    typer.echo("Your own: --vary section.key=value,value")


def variants_asked_for(
    axes: Sequence[str], vary: Sequence[str], *, cross: bool
) -> tuple[Variant, ...]:
    """Those of the axes named and of the `--vary` options.

    Raises:
        SettingError: If there are none, or one makes no sense.
    """
    chosen = [axis_named(name).variants for name in axes] + [varied(option) for option in vary]
    if not chosen:
        raise SettingError(
            "no axis given; `pahcl ablate --list` shows them, --vary section.key=value,value makes "
            "one"
        )
    return crossed(chosen) if cross else tuple(one for axis in chosen for one in axis)


def run_ablation(
    variants: Sequence[Variant],
    layers: Layers,
    tracking: Tracking,
    *,
    num_seeds: int,
    dry_run: bool,
    in_json: bool,
) -> None:
    """Do the runs that are not complete, and print the table; or say which runs these would be.

    Raises:
        typer.Exit: If a run failed.
    """
    show_warnings()
    config, tracked = pretrain_settings(layers, tracking, command="ablate levels")
    plan = planned_ablation(config, variants, num_seeds=num_seeds)
    if dry_run:
        typer.echo(json.dumps(_plan_table(plan), indent=2) if in_json else _plan_text(plan))
        return
    result = ablate(
        plan,
        tracker=lambda: build_tracker(tracked),
        describe=lambda run: _described(plan, run, tracked),
        tell=lambda line: typer.echo(line, err=True),
        progress=progress_bar,
    )
    typer.echo(json.dumps(as_json(result), indent=2) if in_json else _result_text(result))
    for name, failure in result.failures.items():
        where = result.directory / LOG
        typer.echo(f"error: {name} failed: {failure.reason} (more in {where})", err=True)
    if result.failures:
        raise typer.Exit(FAILED)


def _described(plan: AblationPlan, run: PlannedRun[PretrainConfig], tracked: TrackingConfig) -> Run:
    described = describe_ablation_run(plan, run)
    return replace(
        described,
        config=complete(run.config, tracked),
        project=tracked.project,
        group=tracked.group or described.group,
        tags=tracked.tags,
        notes=tracked.notes,
    )


def _plan_table(plan: AblationPlan) -> dict[str, object]:
    runs = [
        {"name": run.name, "state": state_of(run), "settings": list(run.variant.settings)}
        for run in plan.everything
    ]
    return {"study": plan.base.name, "tasks": [task.name for task in plan.tasks], "runs": runs}


def _plan_text(plan: AblationPlan) -> str:
    rows = [
        [run.name, state_of(run), " ".join(run.variant.settings) or "–"] for run in plan.everything
    ]
    return "\n".join(
        [
            format_table(["run", "state", "differs from the base in"], rows, num_left=3),
            *_alike(plan),
            f"{len(plan.runs)} pretrainings and {len(plan.references)} encoders with random "
            f"weights, probed on {', '.join(task.name for task in plan.tasks)}",
        ]
    )


def _alike(plan: AblationPlan) -> list[str]:
    return [
        f"{variant.name} is {', '.join(variant.same_as)}"
        for variant in plan.variants
        if variant.same_as
    ]


def _result_text(result: Ablation) -> str:
    heads = ["task", "variant", "n", "seeds", "AUROC", "from base [95 %]", "p", "better", "s/run"]
    rows = [_cells(row, result.seconds[row.variant]) for row in result.rows]
    num_compared = sum(row.difference is not None for row in result.rows)
    undefined = [
        f"{row.variant}, {row.task}: {row.undefined}" for row in result.rows if row.undefined
    ]
    return "\n".join(
        [
            format_table(heads, rows, num_left=2),
            *_alike(result.plan),
            *undefined,
            "AUROC: macro, of a linear probe, the mean ± deviation over seeds. Differences are of "
            "runs with the same seed; better: with so many seeds. Intervals and p are over "
            "persons, not over what other seeds would do; p is not corrected for there being "
            f"{num_compared} of them.",
            *([_SYNTHETIC] if result.provenance == "synthetic" else []),
            f"in {result.directory}/: {JSON}, {CSV}",
        ]
    )


def _cells(row: Row, seconds: float | None) -> list[str]:
    area = "–" if row.mean is None else f"{row.mean:.3f}"
    spread = "" if row.spread is None else f" ± {row.spread:.3f}"
    unit = task_named(row.task).unit
    return [
        row.task,
        row.variant,
        f"{row.num_units} {unit}s",
        str(len(row.by_seed)),
        area + spread,
        *_apart(row.difference),
        "" if row.num_better is None else str(row.num_better),
        "–" if seconds is None else f"{seconds:.0f}",
    ]


def _apart(difference: Comparison | None) -> tuple[str, str]:
    """The size first, p after."""
    if difference is None:
        return BASE.name, ""
    if difference.difference is None:
        return "–", "–"
    if difference.low is None or difference.high is None:
        return f"{difference.difference:+.3f}", "–"
    interval = f"[{difference.low:+.3f}, {difference.high:+.3f}]"
    return f"{difference.difference:+.3f} {interval}", f"{difference.p:.4f}"
