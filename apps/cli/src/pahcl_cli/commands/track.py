"""`pahcl track`."""

import typer

app = typer.Typer(help="Experiment trackers.", no_args_is_help=True)


@app.callback()
def _group() -> None:
    pass


@app.command("list")
def list_trackers() -> None:
    """List the installed trackers, and which distribution each comes from."""
    from pahcl_track import installed_trackers

    found = installed_trackers()
    width = max((len(tracker.name) for tracker in found), default=0)
    for tracker in found:
        typer.echo(f"{tracker.name:<{width}}  {tracker.distribution} {tracker.version}")
