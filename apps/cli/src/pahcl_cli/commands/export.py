"""`pahcl export`."""

from pathlib import Path
from typing import Annotated

import typer

from pahcl_cli import options
from pahcl_core.errors import SettingError


def export(
    model: options.Model,
    to: Annotated[
        Path | None,
        typer.Option("--to", help="A file to write: FILE.safetensors.", show_default=False),
    ] = None,
    onnx: Annotated[
        Path | None,
        typer.Option("--onnx", help="A file to write: FILE.onnx.", show_default=False),
    ] = None,
) -> None:
    """Write a model so that it can be passed on: numbers and their description, no code.

    A safetensors file holds all that it takes to use the model, and every command that takes one
    reads it. An ONNX file is for other programs: windows of cycles in, what is said out.
    """
    from pahcl_core.training.checkpoint import export_checkpoint, load_checkpoint

    if to is None and onnx is None:
        raise SettingError("nothing to write: give --to FILE.safetensors, --onnx FILE.onnx or both")
    if to is not None:
        export_checkpoint(to, load_checkpoint(model))
        typer.echo(f"{to}: {to.stat().st_size / 1e6:.2f} MB")
    if onnx is not None:
        from pahcl_core.evaluation.onnx_file import export_onnx

        difference = export_onnx(model, onnx)
        size = onnx.stat().st_size / 1e6
        typer.echo(f"{onnx}: {size:.2f} MB, within {difference:.1g} of PyTorch")
