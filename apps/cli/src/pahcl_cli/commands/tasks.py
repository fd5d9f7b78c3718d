"""`pahcl tasks`."""

import typer


def tasks() -> None:
    """List the clinical tasks."""
    from pahcl_core.data.tasks import TASKS

    width = max(map(len, TASKS))
    for task in TASKS.values():
        classes = " / ".join(task.classes)
        typer.echo(f"{task.name:<{width}}  {classes:<26}  {task.description}")
