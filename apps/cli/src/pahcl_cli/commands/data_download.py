"""`pahcl data download`."""

import json
from pathlib import Path
from typing import Annotated

import typer

from pahcl_core.errors import SettingError, closest


def download(
    name: Annotated[
        str, typer.Argument(metavar="COLLECTION", help="circor, physionet2016, pascal.")
    ],
    directory: Annotated[
        Path | None, typer.Argument(help="Where it goes.", show_default="./COLLECTION")
    ] = None,
    url: Annotated[
        str | None, typer.Option("--url", help="A mirror, instead of the public address.")
    ] = None,
    connections: Annotated[
        int, typer.Option("--connections", help="Files fetched at once, 1 to 16.")
    ] = 4,
    timeout_s: Annotated[
        float, typer.Option("--timeout", help="Longest silence of the server, in seconds.")
    ] = 30.0,
    everything: Annotated[
        bool, typer.Option("--all", help="Also the files that nothing here uses.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Download a public collection, or what is missing of it, and verify it."""
    from pahcl_cli.progress import progress_bar
    from pahcl_core.data.download import download as fetch
    from pahcl_core.data.download_collections import COLLECTIONS
    from pahcl_core.data.download_file import Patience

    if name not in COLLECTIONS:
        raise SettingError(
            f"no collection named {name!r}{closest(name, COLLECTIONS)}; "
            f"known: {', '.join(COLLECTIONS)}"
        )
    remote = COLLECTIONS[name]
    typer.echo(remote.notice(), err=True)
    result = fetch(
        remote,
        directory or Path(name),
        url=url,
        connections=connections,
        everything=everything,
        patience=Patience(timeout_s=timeout_s),
        progress=progress_bar("downloading"),
    )
    if as_json:
        about = {"collection": name, "licence": remote.licence, "citation": remote.citation}
        typer.echo(json.dumps(about | result.as_dict(), indent=2, ensure_ascii=False))
    else:
        typer.echo("\n".join(result.lines()))
