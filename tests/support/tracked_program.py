"""Programs that track a run, to be run by themselves."""

from pathlib import Path

BEGINNING = """
import logging, os, signal, sys, threading, time
from pathlib import Path
from pahcl_track import Outcome, Run, Session
logging.basicConfig(format="%(message)s")
DIRECTORY = Path(sys.argv[1])
RUN = Run(name="quiet", directory=DIRECTORY)
COMPLETED = Outcome(status="completed")

class Lines:
    '''Writes what it is told to a file, and by which process.'''
    def start(self, run): self.write("start")
    def log(self, values, *, step): self.write(f"log {step}")
    def save(self, path, *, kind): self.write(f"save {path.name}")
    def finish(self, outcome): self.write(f"finish {outcome.status}")
    def write(self, line):
        with open(DIRECTORY / "lines.txt", "a") as file:
            file.write(f"{os.getpid() == MAIN} {line}\\n")

MAIN = os.getpid()
"""
"""What such a program begins with."""


def lines_of(directory: Path) -> list[str]:
    """What the tracker of such a program wrote."""
    return (directory / "lines.txt").read_text().splitlines()
