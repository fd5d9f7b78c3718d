"""`pahcl track`."""

import json
from pathlib import Path
from typing import Annotated

import typer

from pahcl_cli import options
from pahcl_cli.exit_codes import FAILED

app = typer.Typer(help="Experiment trackers.", no_args_is_help=True)

Json = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]


@app.callback()
def _group() -> None:
    pass


@app.command("list")
def list_trackers(as_json: Json = False) -> None:
    """List the installed trackers, and which distribution each comes from."""
    from dataclasses import asdict

    from pahcl_track import installed_trackers

    found = installed_trackers()
    if as_json:
        typer.echo(json.dumps({"trackers": [asdict(tracker) for tracker in found]}, indent=2))
        return
    width = max((len(tracker.name) for tracker in found), default=0)
    for tracker in found:
        typer.echo(f"{tracker.name:<{width}}  {tracker.distribution} {tracker.version}")


@app.command()
def check(
    tracker_option: options.TrackerOptions = None,
    as_json: Json = False,
) -> None:
    """Say of each installed tracker whether it can start here, and if not, what to do."""
    from pahcl_cli.tracker_check import check_trackers

    found = check_trackers(tracker_option or ())
    if as_json:
        typer.echo(json.dumps({"trackers": [one.as_dict() for one in found]}, indent=2))
    else:
        typer.echo("\n".join(str(one) for one in found))
    if any(one.problem for one in found):
        raise typer.Exit(FAILED)


@app.command()
def replay(
    run: Annotated[Path, typer.Argument(help="A run's directory, or its journal.jsonl.")],
    tracker: Annotated[str, typer.Option("--tracker", help="Where to send it.")] = "console",
    tracker_option: options.TrackerOptions = None,
    as_json: Json = False,
) -> None:
    """Send a run to a tracker after the fact; what it holds already is not sent again."""
    from pahcl_cli.tracker_replay import replay_to

    report = replay_to(tracker, run, tracker_option or ())
    if as_json:
        typer.echo(json.dumps(report.as_dict(), indent=2))
    else:
        typer.echo(str(report), err=report.problem is not None)
        for path in report.missing:
            typer.echo(f"not sent, because it is gone: {path}", err=True)
    if report.problem is not None:
        raise typer.Exit(FAILED)
