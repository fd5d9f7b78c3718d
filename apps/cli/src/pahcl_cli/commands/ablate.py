"""`pahcl ablate`."""

from typing import TYPE_CHECKING, Annotated

import typer

from pahcl_cli import options
from pahcl_cli.tracking_options import with_tracking

if TYPE_CHECKING:
    from pahcl_cli.tracking import Tracking


@with_tracking
def ablate(
    axes: Annotated[
        list[str] | None,
        typer.Argument(metavar="[AXIS]...", help="What to vary: --list.", show_default=False),
    ] = None,
    vary: Annotated[
        list[str] | None,
        typer.Option(
            "--vary",
            metavar="KEY=VALUE,VALUE",
            help="A setting of your own: objective.temperature=0.05,0.2. Repeatable.",
        ),
    ] = None,
    cross: Annotated[
        bool, typer.Option("--cross", help="Every combination, not one change at a time.")
    ] = False,
    seeds: Annotated[
        int, typer.Option("--seeds", min=1, help="Runs of each variant, from --seed on.")
    ] = 3,
    list_: Annotated[
        bool, typer.Option("--list", help="Show the axes and their variants.")
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show the runs, and what they differ in.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
    data: options.Data = None,
    data_dir: options.DataDir = None,
    collection: Annotated[
        str | None,
        typer.Option(
            "--collection", help="Which one --data-dir holds, if one is all.", show_default="circor"
        ),
    ] = None,
    epochs: options.Epochs = None,
    lr: options.LearningRate = None,
    batch_size: options.BatchSize = None,
    seed: options.Seed = None,
    output_dir: options.OutputDir = None,
    experiment_name: Annotated[
        str, typer.Option("--experiment-name", help="The study's folder there.")
    ] = "ablation",
    device: options.Device = None,
    precision: options.Precision = None,
    compile_: options.Compile = None,
    num_workers: options.NumWorkers = None,
    config: options.ConfigFile = None,
    settings: options.Set = None,
    *,
    tracking: "Tracking",
) -> None:
    """Pretrain with one thing changed at a time, and compare what linear probes make of it.

    The same command goes on with a study that was interrupted. More axes or seeds may be added.
    """
    from pahcl_cli.ablation import list_axes, run_ablation, variants_asked_for
    from pahcl_cli.collections import collections_given
    from pahcl_cli.run_files import Layers

    if list_:
        list_axes(in_json=as_json)
        return
    variants = variants_asked_for(axes or (), vary or (), cross=cross)
    named = {
        "data": collections_given(data or ()),
        "data_dir": data_dir and str(data_dir),
        "collection": collection,
        "training.epochs": epochs,
        "optimiser.lr": lr,
        "training.batch_size": batch_size,
        "seed": seed,
        "output_dir": output_dir and str(output_dir),
        "experiment_name": experiment_name,
        "device": device,
        "machine.precision": precision,
        "machine.compile": compile_,
        "num_workers": num_workers,
    }
    run_ablation(
        variants,
        Layers(file=config, overrides=settings or (), named=named),
        tracking,
        num_seeds=seeds,
        dry_run=dry_run,
        in_json=as_json,
    )
