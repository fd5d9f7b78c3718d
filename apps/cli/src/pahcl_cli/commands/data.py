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

SynthDirectory = Annotated[Path, typer.Argument(help="Where to write; new or empty.")]
SynthSeed = Annotated[int, typer.Option("--seed", help="The same seed, the same bytes.")]


@synth.callback()
def _group() -> None:
    pass


@synth.command("circor")
def synth_circor(
    directory: SynthDirectory,
    patients: Annotated[int, typer.Option("--patients", help="How many.", min=1)] = 100,
    seed: SynthSeed = 0,
) -> None:
    """Write synthetic recordings as CirCor DigiScope comes: WAV, states, training_data.csv."""
    from pahcl_core.data.synthetic_circor import write_synthetic_circor

    write_synthetic_circor(directory, num_patients=patients, seed=seed)
    typer.echo(f"{directory}: {patients} synthetic patients, in CirCor's native layout")


@synth.command("physionet2016")
def synth_physionet2016(
    directory: SynthDirectory,
    recordings: Annotated[
        int, typer.Option("--recordings", help="How many, of all six databases.")
    ] = 200,
    seed: SynthSeed = 0,
) -> None:
    """Write synthetic recordings as the Challenge 2016 comes: WAV, tables, states as .mat."""
    from pahcl_core.data.synthetic_physionet2016 import write_synthetic_physionet2016

    write_synthetic_physionet2016(directory, num_recordings=recordings, seed=seed)
    typer.echo(f"{directory}: {recordings} synthetic recordings, in the Challenge 2016's layout")


@synth.command("pascal")
def synth_pascal(
    directory: SynthDirectory,
    recordings: Annotated[int, typer.Option("--recordings", help="How many, of both sets.")] = 250,
    seed: SynthSeed = 0,
) -> None:
    """Write synthetic recordings as PASCAL comes: set_a at 44.1 kHz, set_b at 4 kHz, tables."""
    from pahcl_core.data.synthetic_pascal import write_synthetic_pascal

    write_synthetic_pascal(directory, num_recordings=recordings, seed=seed)
    typer.echo(f"{directory}: {recordings} synthetic recordings, in PASCAL's native layout")


@synth.command("folder")
def synth_folder(
    directory: SynthDirectory,
    subjects: Annotated[
        int, typer.Option("--subjects", help="How many; each is recorded twice.")
    ] = 40,
    seed: SynthSeed = 0,
) -> None:
    """Write synthetic recordings as one's own may be: WAV of several kinds, recordings.csv."""
    from pahcl_core.data.synthetic_folder import write_synthetic_folder

    write_synthetic_folder(directory, num_subjects=subjects, seed=seed)
    typer.echo(f"{directory}: recordings of {subjects} synthetic subjects, and a table of them")


@app.command()
def check(
    directory: Annotated[Path, typer.Argument(help="The collection as downloaded.")],
    collection: options.CollectionOption = "circor",
    strict: Annotated[
        bool, typer.Option("--strict", help="Stop at the first damaged recording.")
    ] = False,
    segment: Annotated[
        bool,
        typer.Option("--segment", help="Find heart rates also where nothing is annotated: slower."),
    ] = False,
    plot: Annotated[
        Path | None,
        typer.Option("--plot", metavar="FILE.png", help="Also draw it.", show_default=False),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Read a collection to the last sample, and say what is there and what is wrong."""
    from pahcl_cli.progress import progress_bar
    from pahcl_core.data.check import check_collection
    from pahcl_core.data.readers import MAX_DAMAGED, reader_of
    from pahcl_core.plots.collection_plot import draw_collection
    from pahcl_core.plots.figure import require_picture

    if plot is not None:
        require_picture(plot)
    reader = reader_of(collection)
    found = reader.read(directory, max_damaged=MAX_DAMAGED, strict=strict)
    report = check_collection(
        found,
        split_by=reader.labels,
        segment=segment,
        progress=progress_bar("checking"),
    )
    if plot is not None:
        draw_collection(report, plot)
    if as_json:
        typer.echo(json.dumps(report.as_dict(), indent=2, ensure_ascii=False))
    else:
        typer.echo("\n".join(report.lines()))
