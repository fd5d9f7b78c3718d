"""`pahcl batch`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pahcl_cli import options
from pahcl_cli.tracking_options import with_tracking

if TYPE_CHECKING:
    from pahcl_cli.tracking import Tracking


@with_tracking
def batch(
    file: Annotated[Path, typer.Argument(help="A batch file: tasks, modes, shots, folds, seeds.")],
    data: options.Data = None,
    folds: options.Folds = None,
    seeds: options.Seeds = None,
    jobs: options.Jobs = 1,
    output_dir: options.OutputDir = None,
    store: Annotated[
        Path | None,
        typer.Option("--store", help="Prepared recordings.", show_default="OUTPUT_DIR/.prepared"),
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show the runs, and do none.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
    *,
    tracking: "Tracking",
) -> None:
    """Train many ways on many tasks, over folds and seeds, and compare them in one table.

    The same command goes on with a batch that was interrupted, and does again what failed. How a
    batch file is written is told by benchmarks/results.toml, and by pahcl_core.studies.batch_plan.
    """
    from pahcl_cli.batch_runs import run_batch_file
    from pahcl_cli.collections import collections_given

    run_batch_file(
        file,
        {name: Path(path) for name, path in (collections_given(data or ()) or {}).items()},
        {
            "folds": folds,
            "seeds": seeds,
            "output_dir": output_dir and str(output_dir),
            "store": store and str(store),
        },
        tracking,
        jobs=jobs,
        dry_run=dry_run,
        in_json=as_json,
    )
