"""`pahcl probe`."""

import json
from typing import TYPE_CHECKING, Annotated

import typer

from pahcl_cli import options

if TYPE_CHECKING:
    from pahcl_core.evaluation.probing import ProbeResult

_FIRST = ("auroc", "auprc", "f1_macro", "balanced_accuracy", "weighted_accuracy", "cost", "macc")


def probe(
    model: options.Model,
    task: Annotated[str, typer.Argument(help="`pahcl tasks` lists them.")],
    data_dir: options.DataDir = None,
    method: Annotated[
        str | None, typer.Option("--method", help="linear, knn or anomaly.", show_default="linear")
    ] = None,
    neighbours: Annotated[
        int | None, typer.Option("--neighbours", help="How many vote, of knn.", show_default="20")
    ] = None,
    seed: options.Seed = None,
    output_dir: options.OutputDir = None,
    device: options.Device = None,
    num_workers: options.NumWorkers = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Score what a model's embeddings tell of a task, without training it: 5 folds by person.

    linear is a logistic regression, knn a vote of the nearest recordings, anomaly the distance from
    normal recordings. Each recording is asked about by people it is not of.
    """
    from pahcl_cli.progress import progress_bar, show_warnings
    from pahcl_core.config import from_dict
    from pahcl_core.data.tasks import task_named
    from pahcl_core.evaluation.probing import ProbeConfig
    from pahcl_core.evaluation.probing import probe as run_probe

    show_warnings()
    given = {
        "model": str(model),
        "task": task,
        "data_dir": data_dir and str(data_dir),
        "method": method,
        "neighbours": neighbours,
        "seed": seed,
        "output_dir": output_dir and str(output_dir),
        "device": device,
        "num_workers": num_workers,
    }
    table: dict[str, object] = {key: value for key, value in given.items() if value is not None}
    options.require_data(table, f"probe {model} {task}", task_named(task).collection)
    config = from_dict(ProbeConfig, table, source="settings")
    result = run_probe(config, progress=progress_bar(f"probe {task}"))
    if as_json:
        typer.echo(json.dumps(result.as_dict(), indent=2, ensure_ascii=False))
    else:
        typer.echo("\n".join(_lines(result)))


def _lines(result: "ProbeResult") -> list[str]:
    told = result.as_dict()
    classes = ", ".join(f"{count} {name}" for name, count in told["n_by_class"].items())
    kind = "SYNTHETIC" if told["provenance"] == "synthetic" else "real"
    lines = [
        f"{told['task']}, {told['method']} probe in {told['folds']} folds by person: {told['n']} "
        f"{told['unit']}s ({classes}), {kind} data"
    ]
    shown = [name for name in told["scores"] if name in _FIRST or name.startswith("auroc_")]
    for name in shown:
        one = told["scores"][name]
        if one["value"] is None or one["low"] is None:
            lines.append(f"  {name:<18} undefined: {one['undefined']}")
        else:
            lines.append(f"  {name:<18} {one['value']:.3f}  [{one['low']:.3f}, {one['high']:.3f}]")
    return [*lines, "  in brackets: 95 % over persons"]
