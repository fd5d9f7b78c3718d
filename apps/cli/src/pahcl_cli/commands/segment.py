"""`pahcl segment`."""

import json
from pathlib import Path
from typing import Annotated

import typer

from pahcl_core.errors import DataError


def segment(
    files: Annotated[list[Path], typer.Argument(metavar="FILE...", help="WAV or FLAC, any rate.")],
    output_dir: Annotated[
        Path | None,
        typer.Option("--output-dir", help="Where to write.", show_default="beside each recording"),
    ] = None,
    plot: Annotated[
        bool, typer.Option("--plot", help="Also draw each recording and its states: <stem>.png.")
    ] = False,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace files that are there.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Find S1, systole, S2 and diastole, and write them as CirCor does: <stem>.tsv.

    A row has the start and the end in seconds and the state: 1 S1, 2 systole, 3 S2, 4 diastole.
    """
    from pahcl_core.data.collection import Problem
    from pahcl_core.data.segmented_file import segment_files
    from pahcl_core.plots.figure import require_matplotlib
    from pahcl_core.plots.segmentation_plot import draw_segmentation

    if plot:
        require_matplotlib()
    done, failed = [], []
    for one in segment_files(
        files,
        output_dir=output_dir,
        overwrite=overwrite,
        draw=draw_segmentation if plot else None,
    ):
        if isinstance(one, Problem):
            failed.append({"file": one.file, "reason": one.reason})
            if len(files) > 1:
                typer.echo(f"error: {one}", err=True)
        elif as_json:
            done.append(one.as_dict())
        else:
            typer.echo(one.line())
    if as_json:
        typer.echo(json.dumps({"recordings": done, "failed": failed}, indent=2, ensure_ascii=False))
    if failed and len(files) == 1:
        raise DataError("{file}: {reason}".format(**failed[0]))
    if failed:
        raise DataError(f"{len(failed)} of {len(files)} recordings could not be segmented")
