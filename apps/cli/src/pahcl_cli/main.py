"""The `pahcl` command. A command reads its options and calls one function of the library.

Nothing heavy is imported before a command runs: `pahcl --help` answers at once.
"""

import contextlib
import io
import os
import signal
import sys
from types import FrameType
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from pahcl_cli.commands import (
    ablate,
    baseline,
    batch,
    data,
    demo,
    doctor,
    embed,
    export,
    finetune,
    predict,
    pretrain,
    probe,
    report,
    runs,
    segment,
    sweep,
    tasks,
    track,
)
from pahcl_cli.exit_codes import FAILED, INTERRUPTED, WRONG_USAGE
from pahcl_cli.speaking import speaks
from pahcl_core import __version__
from pahcl_core.errors import (
    DataError,
    RankLostError,
    SettingError,
    TrainingError,
    disk_trouble,
)
from pahcl_track import TrackerError


class _Commands(TyperGroup):
    """Turns what a user can mend into one line and an exit code."""

    def invoke(self, ctx: Any) -> Any:  # noqa: ANN401  the framework's own types
        try:
            return super().invoke(ctx)
        except (SettingError, TrackerError) as error:
            _complain(error)
            raise typer.Exit(WRONG_USAGE) from error
        except (DataError, TrainingError) as error:
            _complain(error)
            raise typer.Exit(FAILED) from error
        except OSError as error:
            trouble = disk_trouble(error, then="run the same again")
            if trouble is None:
                raise
            where = f"{error.filename}: " if error.filename else ""
            typer.echo(f"error: {where}{trouble}", err=True)
            raise typer.Exit(FAILED) from error
        except KeyboardInterrupt as error:
            if speaks():
                notes = getattr(error, "__notes__", None)
                then = f": {notes[-1]}" if notes else "; what was written so far is kept"
                typer.echo(f"interrupted{then}", err=True)
            raise typer.Exit(INTERRUPTED) from error


def _complain(error: Exception) -> None:
    if not isinstance(error, RankLostError) or error.tells:  # else another process says it
        typer.echo(f"error: {error}", err=True)


app = typer.Typer(
    cls=_Commands,
    help="Learn from heart sounds: pretrain and fine-tune on phonocardiograms.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)
app.command("finetune")(finetune.finetune)
app.command("pretrain")(pretrain.pretrain)
app.command("ablate")(ablate.ablate)
app.command("sweep")(sweep.sweep)
app.command("baseline", epilog=baseline.EPILOG)(baseline.baseline)
app.command("batch")(batch.batch)
app.command("probe")(probe.probe)
app.command("embed")(embed.embed)
app.command("predict")(predict.predict)
app.command("export")(export.export)
app.command("report")(report.report)
app.command("segment")(segment.segment)
app.command("demo")(demo.demo)
app.command("doctor")(doctor.doctor)
app.command("tasks")(tasks.tasks)
app.add_typer(data.app, name="data")
app.add_typer(runs.app, name="runs")
app.add_typer(track.app, name="track")


def _show_version(asked: bool) -> None:
    if asked:
        typer.echo(f"pahcl {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool,
        typer.Option("--version", callback=_show_version, is_eager=True, help="Say which it is."),
    ] = False,
) -> None:
    pass


def _interrupt(signum: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def main() -> None:
    """Run the command line."""
    # Before torch is imported: its threads wait asleep, not spinning. Where another program wants
    # the same cores, spinning made a training step many times slower.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    signal.signal(signal.SIGTERM, _interrupt)  # ends a run as Ctrl-C does: in good order
    if isinstance(sys.stdout, io.TextIOWrapper):  # of some encoding, which may lack a character
        with contextlib.suppress(OSError):  # it may have become a pipe since it was opened
            sys.stdout.reconfigure(errors="backslashreplace")
    sys.exit(app())
