"""`pahcl data`."""

import json
from pathlib import Path
from typing import Annotated

import typer

from pahcl_cli import options
from pahcl_cli.commands import data_download, data_prepare

app = typer.Typer(help="Make and check collections of recordings.", no_args_is_help=True)
synth = typer.Typer(help="Write a synthetic collection in a native layout.", no_args_is_help=True)
app.add_typer(synth, name="synth")
app.command("download")(data_download.download)
app.command("prepare")(data_prepare.prepare)


@synth.callback()
def _group() -> None:
    pass


@synth.command("circor")
def synth_circor(
    directory: Annotated[Path, typer.Argument(help="Where to write; new or empty.")],
    patients: Annotated[int, typer.Option("--patients", help="How many.", min=1)] = 100,
    seed: Annotated[int, typer.Option("--seed", help="The same seed, the same bytes.")] = 0,
) -> None:
    """Write synthetic recordings as CirCor DigiScope comes: WAV, states, training_data.csv."""
    from pahcl_core.data.synthetic_circor import write_synthetic_circor

    write_synthetic_circor(directory, num_patients=patients, seed=seed)
    typer.echo(f"{directory}: {patients} synthetic patients, in CirCor's native layout")


@app.command()
def check(
    directory: Annotated[Path, typer.Argument(help="The collection as downloaded.")],
    collection: options.CollectionOption = "circor",
    strict: Annotated[
        bool, typer.Option("--strict", help="Stop at the first damaged recording.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Read a collection to the last sample, and say what is there and what is wrong."""
    from pahcl_cli.progress import progress_bar
    from pahcl_core.data.check import check_collection
    from pahcl_core.data.readers import MAX_DAMAGED, reader_of

    reader = reader_of(collection)
    found = reader.read(directory, max_damaged=MAX_DAMAGED, strict=strict)
    report = check_collection(found, progress=progress_bar("checking"))
    if as_json:
        typer.echo(json.dumps(report.as_dict(), indent=2, ensure_ascii=False))
    else:
        typer.echo("\n".join(report.lines()))
