"""Draw what the README's first lines print: run them on a terminal, and keep its picture.

    python scripts/first_run_figure.py docs/figures/first-run.svg

The lines are taken from the README itself; they run in an empty folder. Needs `rich`, which comes
with typer.
"""

import io
import os
import pty
import re
import struct
import sys
import tempfile
import termios
from fcntl import ioctl
from pathlib import Path

from rich.console import Console
from rich.text import Text

REPOSITORY = Path(__file__).resolve().parents[1]
WIDTH, HEIGHT = 112, 60
_FONT_FACES = re.compile(r"@font-face \{.*?\}", re.DOTALL)  # they would be fetched from elsewhere
_SHOWN_COMMANDS = ("pahcl data check", "pahcl pretrain", "pahcl finetune")


def first_lines() -> list[str]:
    """The commands of the README's second block, one to an entry."""
    block = (REPOSITORY / "README.md").read_text(encoding="utf-8").split("```sh\n")[2]
    joined = block.partition("```")[0].replace("\\\n", "")
    lines = [re.sub(r"\s+", " ", line.partition("#")[0]).strip() for line in joined.splitlines()]
    return [line for line in lines if line.startswith("pahcl")]


def on_terminal(command: str, folder: Path) -> str:
    """What a command shows on a terminal, without what a progress bar has overwritten."""
    pid, terminal = pty.fork()
    if pid == 0:
        ioctl(1, termios.TIOCSWINSZ, struct.pack("HHHH", HEIGHT, WIDTH, 0, 0))
        os.chdir(folder)
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        environment = os.environ | {"PATH": path, "TERM": "xterm-256color", "WANDB_SILENT": "true"}
        os.execvpe("/bin/sh", ["sh", "-c", command], environment)
    shown = b""
    while True:
        try:
            part = os.read(terminal, 65536)
        except OSError:
            break
        if not part:
            break
        shown += part
    if os.waitpid(pid, 0)[1] != 0:
        raise SystemExit(f"{command} failed:\n{shown.decode()}")
    text = shown.decode().replace("\x1b[K", "").replace("\r\n", "\n")
    return "\n".join(line.rpartition("\r")[2] for line in text.split("\n"))


def main(target: Path) -> None:
    """Run the lines and draw those whose output says something."""
    console = Console(record=True, width=WIDTH, file=io.StringIO(), force_terminal=True)
    with tempfile.TemporaryDirectory() as folder:
        for command in first_lines():
            shown = on_terminal(command, Path(folder))
            if command.startswith(_SHOWN_COMMANDS):
                console.print(Text(f"$ {command}", style="bold"))
                console.print(Text.from_ansi(shown))
    target.parent.mkdir(parents=True, exist_ok=True)
    svg = console.export_svg(title="pahcl", unique_id="first-run")
    target.write_text(_FONT_FACES.sub("", svg), encoding="utf-8")


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    main(Path(sys.argv[1]))
