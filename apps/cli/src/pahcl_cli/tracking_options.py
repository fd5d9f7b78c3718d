"""The options that say where a command reports, which all commands that train have in common."""

import functools
import inspect
from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated

import typer

from pahcl_cli.options import TrackerOptions

if TYPE_CHECKING:
    from pahcl_cli.tracking import Tracking

_TAKEN = "tracking"


def _tracking(
    tracker: Annotated[
        list[str] | None,
        typer.Option(
            "--tracker",
            help="Where to report: `pahcl track list`. Repeatable.",
            show_default="console",
        ),
    ] = None,
    tracker_option: TrackerOptions = None,
    project: Annotated[
        str | None,
        typer.Option(
            "--project", "--wandb-project", help="To report under.", show_default="PA-HCL"
        ),
    ] = None,
    entity: Annotated[
        str | None, typer.Option("--entity", "--wandb-entity", help="W&B team or user.")
    ] = None,
    group: Annotated[str | None, typer.Option("--group", help="Runs that belong together.")] = None,
    tag: Annotated[list[str] | None, typer.Option("--tag", help="Of the run. Repeatable.")] = None,
    notes: Annotated[str | None, typer.Option("--notes", help="A sentence about the run.")] = None,
    wandb: Annotated[
        bool, typer.Option("--wandb", help="The same as another --tracker wandb.")
    ] = False,
    strict_tracking: Annotated[
        bool | None,
        typer.Option(
            "--strict-tracking", help="Stop if a tracker cannot start.", show_default=False
        ),
    ] = None,
) -> "Tracking":
    from pahcl_cli.tracking import Tracking

    return Tracking(
        trackers=tracker or (),
        options=tracker_option or (),
        project=project,
        entity=entity,
        group=group,
        tags=tag or (),
        notes=notes,
        wandb=wandb,
        strict=strict_tracking,
    )


def with_tracking(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command these options at the end of its own.

    Args:
        command: Takes what they come to as `tracking`, a `Tracking`.
    """
    own = inspect.signature(command).parameters
    options = inspect.signature(_tracking).parameters

    @functools.wraps(command)
    def with_options(**given: object) -> None:
        told = {name: given.pop(name) for name in options}
        command(**given, **{_TAKEN: _tracking(**told)})  # type: ignore[arg-type]

    shown = [*(one for name, one in own.items() if name != _TAKEN), *options.values()]
    # Which is what typer reads.
    with_options.__signature__ = inspect.Signature(shown)  # type: ignore[attr-defined]
    with_options.__annotations__ = {one.name: one.annotation for one in shown}
    return with_options
