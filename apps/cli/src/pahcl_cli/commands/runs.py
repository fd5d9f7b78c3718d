"""`pahcl runs`."""

import json
from pathlib import Path
from typing import Annotated, Literal

import typer

from pahcl_cli.exit_codes import FAILED
from pahcl_core.errors import DataError, SettingError

app = typer.Typer(help="What runs came to, and which is better.", no_args_is_help=True)

Json = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]
Sort = Literal["name", "date", "metric", "task", "state", "seed"]


@app.callback()
def _group() -> None:
    pass


@app.command("list")
def list_(
    directory: Annotated[
        Path,
        typer.Argument(metavar="[DIR]", help="Runs lie here or below."),
    ] = Path("outputs"),
    task: Annotated[
        str | None, typer.Option("--task", help="Of this task alone, or `pretrain`.")
    ] = None,
    metric: Annotated[
        str, typer.Option("--metric", help="Shown of the test, such as weighted_accuracy.")
    ] = "auroc",
    sort: Annotated[
        Sort, typer.Option("--sort", help="By what; the latest and the best come first.")
    ] = "name",
    as_json: Json = False,
) -> None:
    """List the runs in a folder: their task, how they stand, and their main figure."""
    from pahcl_cli.runs_text import list_as_dict, list_lines, shown_metric
    from pahcl_core.evaluation.runs import RunSummary, list_runs, lower_is_better

    runs = [run for run in list_runs(directory) if task is None or run.task == task]
    if task is not None and not runs:
        from pahcl_core.data.tasks import task_named
        from pahcl_core.evaluation.runs import PRETRAIN

        if task != PRETRAIN:
            task_named(task)  # refuses one that there is not

    def place(run: RunSummary) -> tuple[bool, float | str]:
        """Those without a value go last."""
        if sort == "date":
            return run.begun_s is None, -(run.begun_s or 0.0)
        if sort == "seed":
            return run.seed is None, run.seed or 0
        if sort == "metric":
            value = run.metric(shown_metric(run, metric))[0]
            lower = lower_is_better(shown_metric(run, metric).partition("_")[2])
            return value is None, (value or 0.0) * (1 if lower else -1)
        text = {"name": run.name, "task": run.task, "state": run.state}[sort]
        return text is None, text or ""

    runs.sort(key=place)
    if as_json:
        typer.echo(json.dumps({"runs": [list_as_dict(run, metric) for run in runs]}, indent=2))
    elif runs:
        typer.echo("\n".join(list_lines(runs, metric)))
    else:
        typer.echo(f"no runs in {directory}" + (f" of {task}" if task else ""))


@app.command()
def export(
    directory: Annotated[
        Path,
        typer.Argument(metavar="[DIR]", help="Runs lie here or below."),
    ] = Path("outputs"),
    format_: Annotated[
        Literal["csv", "latex", "markdown"], typer.Option("--format", help="Of the table.")
    ] = "csv",
    task: Annotated[str | None, typer.Option("--task", help="Of this task alone.")] = None,
    metric: Annotated[
        list[str] | None,
        typer.Option(
            "--metric", help="Such as cost, or val_auroc. Repeatable.", show_default="auroc"
        ),
    ] = None,
) -> None:
    """Print runs as a table: all of them as CSV, those that are complete for a paper."""
    from pahcl_cli.runs_export import csv_text, latex_text, markdown_text, named_metrics
    from pahcl_core.evaluation.runs import list_runs

    runs = [run for run in list_runs(directory) if task is None or run.task == task]
    write = {"csv": csv_text, "latex": latex_text, "markdown": markdown_text}[format_]
    typer.echo(write(runs, named_metrics(runs, metric or ["auroc"])), nl=False)


@app.command()
def clean(
    directory: Annotated[Path, typer.Argument(metavar="DIR", help="Runs lie here or below.")],
    older_than: Annotated[
        str | None,
        typer.Option("--older-than", metavar="AGE", help="Untouched for 12h, 30d or 8w."),
    ] = None,
    state: Annotated[
        list[str] | None,
        typer.Option("--state", help="Such as failed or interrupted. Repeatable."),
    ] = None,
    tag: Annotated[
        list[str] | None, typer.Option("--tag", help="Those with this tag. Repeatable.")
    ] = None,
    metric: Annotated[
        str, typer.Option("--metric", help="By which the best run of a task is known; it stays.")
    ] = "auroc",
    yes: Annotated[
        bool, typer.Option("--yes", help="Remove them, and not only list them.")
    ] = False,
    as_json: Json = False,
) -> None:
    """List what may go, and how much that is; with --yes, remove it.

    What is asked for by age, state and tag has to be all of these. A run that a process is at stays
    in any case, and so does the best of each task; what belongs together goes as a whole.
    """
    import time

    from pahcl_cli.runs_clean import cleaned, seconds_of, states_of
    from pahcl_core.evaluation.cleaning import Wanted, planned_cleaning

    if older_than is None and not state and not tag:
        raise SettingError("say which runs: --older-than 30d, --state failed, --tag NAME")
    wanted = Wanted(
        older_than_s=None if older_than is None else seconds_of(older_than),
        states=states_of(state or ()),
        tags=tuple(tag or ()),
    )
    plan = planned_cleaning(directory, wanted, now_s=time.time(), metric=metric)
    if cleaned(plan, really=yes, in_json=as_json):
        raise typer.Exit(FAILED)


@app.command()
def show(
    run: Annotated[Path, typer.Argument(help="A run's directory.")],
    check: Annotated[
        bool,
        typer.Option("--check", help="Also compute its metrics again from predictions.csv."),
    ] = False,
    as_json: Json = False,
) -> None:
    """Show one run in full: metrics with intervals, classes, calibration, subgroups, settings."""
    from pahcl_cli.runs_text import list_as_dict, show_lines
    from pahcl_core.evaluation.runs import read_run

    if not run.is_dir():
        raise DataError(f"{run}: there is no such run")
    found = read_run(run)
    if found.state == "damaged":
        raise DataError(found.reason)
    if not found.config and not found.metrics and found.begun_s is None:
        raise DataError(f"{run}: is no run: it has neither settings, nor metrics, nor a journal")
    shown = {
        **list_as_dict(found, "auroc"),
        "metrics": dict(found.metrics),
        "config": dict(found.config),
    }
    lines = list(show_lines(found))
    if check:
        from pahcl_core.evaluation.recomputing import recomputed
        from pahcl_core.evaluation.run_results import read_results

        again = recomputed(*read_results(run))
        shown["recomputed"] = {"equal": again.num_equal, "differing": dict(again.differing)}
        lines += ["", f"{again.num_equal} figures follow from predictions.csv to the bit"]
        lines += [f"  {name}: {was} written, {now} now" for name, (was, now) in
                  again.differing.items()]  # fmt: skip
    typer.echo(json.dumps(shown, indent=2, ensure_ascii=False) if as_json else "\n".join(lines))
    if check and again.differing:
        raise typer.Exit(FAILED)


@app.command()
def compare(
    runs: Annotated[list[Path], typer.Argument(metavar="RUN...", help="Directories of runs.")],
    by: Annotated[
        Literal["settings", "group", "run"],
        typer.Option(
            "--by",
            help="Which runs are of one method: those whose settings agree but for the seed and "
            "the split's file, those of one group, or each by itself.",
        ),
    ] = "settings",
    metric: Annotated[
        list[str] | None,
        typer.Option("--metric", help="May be repeated.", show_default="those of the task"),
    ] = None,
    as_json: Json = False,
) -> None:
    """Compare the first run, or the first method, with each of the others, person by person."""
    from pahcl_cli.runs_text import comparison_lines
    from pahcl_core.evaluation.comparison import compared
    from pahcl_core.evaluation.run_results import read_results

    if len({path.resolve() for path in runs}) < len(runs):
        raise SettingError("a run is given twice; it cannot be compared with itself")
    results = [one for run in runs for one in read_results(run)]
    found = [one.as_dict() for one in compared(results, by, names=metric)]
    if as_json:
        typer.echo(json.dumps({"comparisons": found}, indent=2, ensure_ascii=False))
        return
    for number, one in enumerate(found):
        typer.echo("\n".join([*([""] if number else []), *comparison_lines(one)]))
    if len(found) > 1:
        typer.echo(
            "\neach p is of one comparison by one metric; none is corrected for their number"
        )
