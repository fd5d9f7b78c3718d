"""`pahcl sweep`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pahcl_cli import options
from pahcl_cli.tracking_options import with_tracking

if TYPE_CHECKING:
    from pahcl_cli.tracking import Tracking


@with_tracking
def sweep(
    file: Annotated[
        Path, typer.Argument(help="What to vary, and how: docs/sweeps.md.", show_default=False)
    ],
    trials: Annotated[
        int | None, typer.Option("--trials", min=1, help="In place of the file's.")
    ] = None,
    storage: Annotated[
        str | None,
        typer.Option(
            "--storage",
            metavar="URL",
            help="A database that several machines reach: postgresql://USER@HOST/DATABASE, "
            "sqlite:///FILE.",
            show_default="a file in the sweep's folder",
        ),
    ] = None,
    wandb_sweep: Annotated[
        bool,
        typer.Option("--wandb-sweep", help="Print the sweep for `wandb sweep` and do nothing."),
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
    data: options.Data = None,
    data_dir: options.DataDir = None,
    output_dir: options.OutputDir = None,
    experiment_name: Annotated[
        str | None,
        typer.Option("--experiment-name", help="The sweep's folder.", show_default="as the file"),
    ] = None,
    device: options.Device = None,
    num_workers: options.NumWorkers = None,
    settings: options.Set = None,
    *,
    tracking: "Tracking",
) -> None:
    """Try settings out: a grid, at random or near what did well, judged by the validation.

    The same command goes on with a sweep that was interrupted, and works on one that runs already:
    begin it as often as there are processors, or machines.
    """
    from pahcl_cli.collections import collections_given
    from pahcl_cli.sweep import run_sweep

    run_sweep(
        file,
        named={
            "data": collections_given(data or ()),
            "data_dir": data_dir and str(data_dir),
            "output_dir": output_dir and str(output_dir),
            "experiment_name": experiment_name,
            "device": device,
            "num_workers": num_workers,
        },
        overrides=settings or (),
        tracking=tracking,
        num_trials=trials,
        storage=storage,
        for_wandb=wandb_sweep,
        in_json=as_json,
    )
