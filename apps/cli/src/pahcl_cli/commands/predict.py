"""`pahcl predict`."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pahcl_cli import options
from pahcl_cli.exit_codes import REFUSED
from pahcl_core.errors import DataError

if TYPE_CHECKING:
    from pahcl_core.evaluation.answers import Answer


def predict(
    files: Annotated[
        list[Path],
        typer.Argument(
            metavar="[MODEL] FILE...",
            help="A model, as `pahcl embed` takes it, or the one that comes with pahcl; then WAV "
            "or FLAC files of any rate, or folders of them.",
        ),
    ],
    patient: Annotated[
        str | None, typer.Option("--patient", metavar="NAME", help="All files are of this one.")
    ] = None,
    by_name: Annotated[
        bool,
        typer.Option("--by-name", help="Files are called <patient>_<anything>, as in CirCor."),
    ] = False,
    any_quality: Annotated[
        bool, typer.Option("--any-quality", help="Answer also where no heart can be heard.")
    ] = False,
    segment_anew: Annotated[
        bool, typer.Option("--segment-anew", help="Do not use <stem>.tsv beside a recording.")
    ] = False,
    plot: Annotated[
        bool, typer.Option("--plot", help="Also draw what counted: <stem>_answer.png.")
    ] = False,
    output_dir: Annotated[
        Path | None,
        typer.Option("--output-dir", help="Of pictures.", show_default="beside each recording"),
    ] = None,
    device: options.Device = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Say what a fine-tuned model hears in recordings, how sure it is, and in which cycles.

    Each file is answered for by itself unless --patient or --by-name puts files together. Nothing
    is said from recordings in which no heart can be heard (exit code 3). Research software, not a
    medical device.
    """
    from pahcl_cli.progress import show_warnings
    from pahcl_core.evaluation.answering import answers
    from pahcl_core.evaluation.answers import NOTICE
    from pahcl_core.evaluation.pictures import PictureFolder
    from pahcl_core.evaluation.recordings_given import given_recordings
    from pahcl_core.training.device import resolve_device
    from pahcl_core.training.shipped import model_and_files
    from pahcl_core.training.trained_model import trained_model

    show_warnings()
    named, files = model_and_files(files)
    model = trained_model(named, resolve_device(device or "auto"))
    given = given_recordings(files, model.task, patient=patient, by_name=by_name)
    pictures = PictureFolder(given, output_dir) if plot else None
    told = list["Answer"]()
    try:
        for answer in answers(model, given, any_quality=any_quality, segment_anew=segment_anew):
            told.append(answer)
            for problem in answer.failed:
                typer.echo(f"error: {problem}", err=True)
            if not as_json:
                typer.echo("\n".join(answer.lines()))
            if pictures is not None:
                pictures.draw(answer)
    finally:  # whatever ends it: what was said so far is not lost
        if as_json:
            content = {"model": model.as_dict(), "notice": NOTICE} | {
                "answers": [one.as_dict() for one in told]
            }
            typer.echo(json.dumps(content, indent=2, ensure_ascii=False))
        else:
            typer.echo(f"({NOTICE})")
    _end(told)


def _end(told: "list[Answer]") -> None:
    """With the exit code that says what came of it."""
    failed = sum(len(one.failed) for one in told)
    if failed:
        number = failed + sum(len(one.recordings) for one in told)
        raise DataError(f"{failed} of {number} recordings could not be read")
    if any(not one.verdicts for one in told):
        raise typer.Exit(REFUSED)
