"""`pahcl export`."""

from pathlib import Path
from typing import Annotated

import typer

from pahcl_cli import options


def export(
    model: options.Model,
    to: Annotated[
        Path, typer.Option("--to", help="The file to write: FILE.safetensors.", show_default=False)
    ],
) -> None:
    """Write a model so that it can be passed on: numbers and their description, no code.

    The file holds all that it takes to use the model, and every command that takes one reads it.
    """
    from pahcl_core.training.checkpoint import export_checkpoint, load_checkpoint

    export_checkpoint(to, load_checkpoint(model))
    typer.echo(f"{to}: {to.stat().st_size / 1e6:.2f} MB")
