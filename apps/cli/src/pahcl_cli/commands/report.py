"""`pahcl report`."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from pahcl_core.errors import SettingError


def report(
    runs: Annotated[list[Path], typer.Argument(metavar="RUN...", help="Directories of runs.")],
    to: Annotated[
        Path | None,
        typer.Option(
            "--to",
            help="The file to write.",
            show_default="report.html in the run; of several, comparison.html here",
        ),
    ] = None,
    data_dir: Annotated[
        Path | None,
        typer.Option(
            "--data-dir",
            help="Where the recordings are, if not where they were.",
            show_default=False,
        ),
    ] = None,
    sounds: Annotated[
        bool | None,
        typer.Option(
            "--sounds/--no-sounds",
            help="Hold sound to listen to; unasked, of public and synthetic collections alone.",
            show_default=False,
        ),
    ] = None,
    by: Annotated[
        Literal["settings", "group", "run"],
        typer.Option("--by", help="Of several: which are of one method, as in `runs compare`."),
    ] = "settings",
) -> None:
    """Write a page of HTML that says what a run came to, or how several compare.

    It needs no network and no other file. A run writes its own at its end.
    """
    if len(runs) == 1:
        from pahcl_core.report.report import write_report

        path = write_report(runs[0], to=to, sounds=sounds, data_dir=data_dir)
    else:
        from pahcl_core.report.comparing import COMPARISON, write_comparison

        if data_dir is not None:
            raise SettingError("a comparison shows no recordings: leave out --data-dir")
        path = write_comparison(runs, to=to or Path(COMPARISON), by=by)
    typer.echo(f"{path}: {path.stat().st_size / 1e6:.2f} MB")
