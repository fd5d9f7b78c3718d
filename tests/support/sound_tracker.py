"""A tracker without a bug, the kit on it, and how a bug is planted in it."""

import json
import sys
from pathlib import Path
from typing import ClassVar, NamedTuple, SupportsFloat

from pahcl_track.testing import Recorded, TrackerConformance


class Planted(NamedTuple):
    """One bug."""

    file: Path
    """Where it is planted."""

    test: str
    """The test of the kit that has to fail."""


BROKEN: dict[str, Planted] = {}
"""By the class of tests that runs on the broken tracker."""


class Keeping:
    """The one without a bug: a line of JSON for each number, and a copy of each file."""

    def __init__(self, directory):
        self.directory = directory

    def start(self, run):
        self.file = (run.directory / "numbers.jsonl").open("a", encoding="utf-8")

    def write(self, *cells):
        self.file.write(json.dumps(cells) + "\n")
        self.file.flush()

    def number(self, step, name, value):
        self.write(step, name, float(value))

    def log(self, values, *, step):
        for name, value in values.items():
            if isinstance(value, SupportsFloat):
                self.number(step, name, value)

    def save(self, path, *, kind):
        data = path.read_bytes()
        (self.directory / "kept").mkdir(exist_ok=True)
        (self.directory / "kept" / path.name).write_bytes(data)

    def finish(self, outcome):
        self.write(outcome.status)
        self.file.close()


class Conformance(TrackerConformance):
    kind: ClassVar = Keeping

    def make_tracker(self, tmp_path):
        return self.kind(tmp_path)

    def read_back(self, tmp_path):
        lines = (tmp_path / "numbers.jsonl").read_text(encoding="utf-8").splitlines()
        cells = [json.loads(line) for line in lines]
        return Recorded(
            rows=[row for row in cells if len(row) == 3],
            files={path.name: path.read_bytes() for path in tmp_path.glob("kept/*")},
            outcome=next((row[0] for row in cells if len(row) == 1), None),
        )


def breaks(test):
    """Plant a bug: have a class of tests for that tracker, registered under the test it fails."""

    def plant(kind):
        name, module = f"Test{kind.__name__}", sys.modules[kind.__module__]
        tests = type(name, (Conformance,), {"kind": kind, "__module__": kind.__module__})
        setattr(module, name, tests)
        BROKEN[name] = Planted(Path(module.__file__), test)
        return kind

    return plant
