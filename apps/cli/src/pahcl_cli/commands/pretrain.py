"""`pahcl pretrain`."""

from typing import TYPE_CHECKING, Annotated

import typer

from pahcl_cli import options
from pahcl_cli.tracking_options import with_tracking

if TYPE_CHECKING:
    from pahcl_cli.tracking import Tracking


@with_tracking
def pretrain(
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
    experiment_name: options.ExperimentName = None,
    device: options.Device = None,
    precision: options.Precision = None,
    compile_: options.Compile = None,
    num_workers: options.NumWorkers = None,
    config: options.ConfigFile = None,
    resume: options.Resume = None,
    settings: options.Set = None,
    *,
    tracking: "Tracking",
) -> None:
    """Train an encoder on cycles and their phases, without labels."""
    from pahcl_cli.collections import collections_given
    from pahcl_cli.launch import run_pretrain
    from pahcl_cli.run_files import Layers

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
    run_pretrain(
        Layers(file=config, overrides=settings or (), named=named),
        tracking,
        resume=resume,
    )
