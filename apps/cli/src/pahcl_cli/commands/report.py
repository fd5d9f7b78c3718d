"""`pahcl report`."""

from pathlib import Path
from typing import Annotated

import typer


def report(
    run: Annotated[Path, typer.Argument(help="A run's directory.")],
    to: Annotated[
        Path | None, typer.Option("--to", help="The file to write.  [report.html in the run]")
    ] = None,
) -> None:
    """Write a page of HTML that says what a run came to, and needs no network and no other file."""
    from pahcl_core.report.report import write_report

    path = write_report(run, to=to)
    typer.echo(f"{path}: {path.stat().st_size / 1e6:.2f} MB")
