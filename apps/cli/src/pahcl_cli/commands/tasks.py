"""`pahcl tasks`."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer


def tasks(
    task: Annotated[
        Path | None,
        typer.Argument(metavar="[TASK.toml]", help="One of your own, to see how it is understood."),
    ] = None,
    models: Annotated[
        bool, typer.Option("--models", help="The encoders instead, measured on this machine.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """List the clinical tasks, or the encoders and what they cost."""
    if models:
        from pahcl_cli.encoder_costs import encoder_costs, show_costs

        if as_json:
            found = [asdict(one) for one in encoder_costs()]
            typer.echo(json.dumps({"models": found}, indent=2))
        else:
            show_costs(encoder_costs())
        return
    from pahcl_core.config import to_dict
    from pahcl_core.data.tasks import TASKS, read_task

    if task is not None:
        told = to_dict(read_task(task))
        lines = [f"{key} = {json.dumps(value, ensure_ascii=False)}" for key, value in told.items()]
        typer.echo(json.dumps({"tasks": [told]}, indent=2) if as_json else "\n".join(lines))
        return
    if as_json:
        listed = [to_dict(one) for one in TASKS.values()]
        typer.echo(json.dumps({"tasks": listed}, indent=2))
        return
    width = max(map(len, TASKS))
    for one in TASKS.values():
        classes = " / ".join(one.classes)
        typer.echo(f"{one.name:<{width}}  {classes:<26}  {one.description}")
