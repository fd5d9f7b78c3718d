"""Reports a run as CSV, one line for each number: `step,name,value`."""

import csv
from collections.abc import Mapping
from pathlib import Path
from typing import SupportsFloat

from pahcl_track import Outcome, Run, Value


class CsvTracker:
    """Adds to a file in the run's directory; a resumed run goes on in it."""

    def __init__(self, *, file: str = "metrics.csv") -> None:
        """Take the file's name; nothing is opened before `start`."""
        self._name = file

    def start(self, run: Run) -> None:
        """Open the file."""
        path = run.directory / self._name
        self._file = path.open("a", newline="", encoding="utf-8")
        self._writer = csv.writer(self._file)

    def log(self, values: Mapping[str, Value], *, step: int) -> None:
        """Add the numbers; other kinds of values have no place in a column."""
        for name, value in values.items():
            if isinstance(value, SupportsFloat):
                self._writer.writerow([step, name, float(value)])
        self._file.flush()

    def save(self, path: Path, *, kind: str) -> None:
        """Files stay where they are."""

    def finish(self, outcome: Outcome) -> None:
        """Say how the run ended in a last line, which has no step."""
        self._writer.writerow(["", "outcome", outcome.status])
        self._file.close()
