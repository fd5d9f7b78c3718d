"""`pahcl tasks`."""

import json
from dataclasses import asdict
from typing import Annotated

import typer


def tasks(
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
    from pahcl_core.data.tasks import TASKS

    if as_json:
        listed = [
            {
                "name": task.name,
                "collection": task.collection,
                "classes": list(task.classes),
                "description": task.description,
            }
            for task in TASKS.values()
        ]
        typer.echo(json.dumps({"tasks": listed}, indent=2))
        return
    width = max(map(len, TASKS))
    for task in TASKS.values():
        classes = " / ".join(task.classes)
        typer.echo(f"{task.name:<{width}}  {classes:<26}  {task.description}")
