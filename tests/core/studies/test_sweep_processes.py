"""Two processes at one sweep, in a file and in a database, and one of them is killed."""

import json
import subprocess
import sys
import time
from pathlib import Path

import pytest

pytest.importorskip("optuna", reason="sweeps need optuna")

from support import sweep_process
from support.sweep_process import NUM_TRIALS

pytestmark = pytest.mark.slow

LONG_S = 300.0  # nothing takes so long, however busy the machine
STORAGES = {"file": "", "sqlite": "sqlite:///{folder}/study.db"}


@pytest.fixture(params=STORAGES)
def begin(request, tmp_path):
    """Begins a process of the sweep in the test's folder."""
    storage = STORAGES[request.param].format(folder=tmp_path)
    begun = []

    def start(seconds):
        command = [sys.executable, str(Path(sweep_process.__file__)), tmp_path, storage, seconds]
        tests = Path(sweep_process.__file__).parents[1]
        begun.append(
            subprocess.Popen(list(map(str, command)), cwd=tests, stderr=subprocess.PIPE, text=True)
        )
        return begun[-1]

    yield start
    for process in begun:
        process.kill()
        process.communicate()


def lines(folder):
    file = folder / "done"
    return [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []


def wait_for(condition, process):
    until = time.monotonic() + LONG_S
    while not condition():
        assert process.poll() is None, process.stderr.read()
        assert time.monotonic() < until
        time.sleep(0.05)


def test_each_trial_is_done_once_and_what_a_killed_process_was_at_by_another(begin, tmp_path):
    victim = begin(3600)
    others = [begin(0.5), begin(0.5)]
    wait_for(lambda: any(pid == victim.pid for _, pid, *_ in lines(tmp_path)), victim)
    (lost,) = [line for line in lines(tmp_path) if line[1] == victim.pid]
    victim.kill()

    for process in others:
        _, err = process.communicate(timeout=LONG_S)
        assert process.returncode == 0, err

    done = [line for line in lines(tmp_path) if line[0] == "ended"]
    assert sorted(line[2] for line in done) == [f"trial_{n:03}" for n in range(NUM_TRIALS)]
    assert {pid for _, pid, *_ in done} <= {process.pid for process in others}
    assert len({line[3] for line in done}) == NUM_TRIALS, "two trials drew the same"
    (again,) = [line for line in done if line[2] == lost[2]]
    assert again[3:] == lost[3:], "it was gone on with, with other values"
    trials = json.loads((tmp_path / "sweep" / "sweep.json").read_text())["trials"]
    assert [one["value"] for one in trials] == sorted((line[3] for line in done), reverse=True)
    assert {one["state"] for one in trials} == {"complete"}
