"""Programs that track a run in processes of their own."""

import json
import os
import subprocess
import sys
from pathlib import Path

TESTS = Path(__file__).parents[1]


def lines_of_one_process(directory, script, *arguments, launcher=()):
    """The journal of a run that one process alone has reported, whichever others there were.

    The script is given the run's directory and the arguments; its tracker is `StartedBy`.
    """
    result = subprocess.run(
        [sys.executable, *launcher, str(script), str(directory), *arguments],
        cwd=script.parent,
        env=os.environ | {"PYTHONPATH": str(TESTS)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    assert len(list(directory.glob("started-*"))) == 1
    journals = list(directory.parent.rglob("journal*.jsonl"))
    assert journals == [directory / "journal.jsonl"]
    return [json.loads(line) for line in journals[0].read_text().splitlines()]
