"""`pahcl doctor`."""

import json
from pathlib import Path
from typing import Annotated

import typer

from pahcl_cli import options
from pahcl_cli.exit_codes import FAILED


def doctor(
    data: options.Data = None,
    output_dir: Annotated[
        Path, typer.Option("--output-dir", help="Where runs are to be written.")
    ] = Path("outputs"),
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Say what is wrong with this machine and installation, and what to do about it."""
    from pahcl_cli.collections import collections_given
    from pahcl_cli.doctor import examined, finding_lines
    from pahcl_cli.doctor_checks import checks_of

    folders = {name: Path(one) for name, one in (collections_given(data or ()) or {}).items()}
    found = examined(checks_of(output_dir, folders))
    broken = any(one.state == "broken" for one in found)
    if as_json:
        checks = [one.as_dict() for one in found]
        typer.echo(json.dumps({"ok": not broken, "checks": checks}, indent=2))
    else:
        typer.echo("\n".join(finding_lines(found)))
    if broken:
        raise typer.Exit(FAILED)
