"""`pahcl demo`."""

from pathlib import Path
from typing import Annotated

import typer

NUM_PATIENTS = 120
PRETRAIN_EPOCHS = 4
FINETUNE_EPOCHS = 8


def demo(
    directory: Annotated[Path, typer.Option("--output-dir", help="Where everything goes.")] = Path(
        "demo"
    ),
    seed: Annotated[int, typer.Option("--seed", help="Of data, splits and training.")] = 42,
) -> None:
    """Everything once, on synthetic patients: make data, pretrain, fine-tune, score."""
    from pahcl_cli.launch import run_finetune, run_pretrain
    from pahcl_cli.run_files import Layers
    from pahcl_cli.tracking import Tracking
    from pahcl_core.data.provenance import read_provenance
    from pahcl_core.data.synthetic_circor import write_synthetic_circor
    from pahcl_core.errors import DataError

    data_dir, output_dir = directory / "data", directory / "outputs"
    if not data_dir.exists():
        typer.echo(f"1/3 writing {NUM_PATIENTS} synthetic patients to {data_dir}")
        write_synthetic_circor(data_dir, num_patients=NUM_PATIENTS, seed=seed)
    elif read_provenance(data_dir) == "synthetic":
        typer.echo(f"1/3 {data_dir} is there already")
    else:
        raise DataError(f"{data_dir} is not synthetic data; give the demo another --output-dir")
    common = {"data_dir": str(data_dir), "output_dir": str(output_dir), "seed": seed}

    typer.echo("2/3 pretraining on cycles and their phases, without labels")
    pretrained = run_pretrain(
        Layers(file=None, overrides=(), named={**common, "training.epochs": PRETRAIN_EPOCHS}),
        Tracking(),
    )
    typer.echo("3/3 fine-tuning circor_murmur, scored on patients it has not seen")
    run_finetune(
        Layers(
            file=None,
            overrides=(),
            named={
                **common,
                "task": "circor_murmur",
                "pretrained": str(pretrained.checkpoint),
                "training.epochs": FINETUNE_EPOCHS,
            },
        ),
        Tracking(),
    )
    typer.echo(
        "The patients are SYNTHETIC: these figures show that the software works, and nothing about "
        "hearts.\nNext, with CirCor DigiScope downloaded: "
        "pahcl finetune circor_murmur --data-dir DIR --tracker wandb"
    )
