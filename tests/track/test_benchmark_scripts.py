"""The benchmarks of tracking run to their end and print what their readers rely on.

Their counts are tiny here and nothing is said about a time: a figure over budget is no failure.
"""

import importlib.util
import json
import subprocess
import sys
from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).resolve().parents[2] / "benchmarks"
TINY_OVERHEAD = ["--rounds=1", "--calls=20", "--imports=1", "--only=null", "--only=journal"]


@pytest.fixture(scope="module")
def checks():
    """The module that every benchmark reports with."""
    spec = importlib.util.spec_from_file_location("_checks", BENCHMARKS / "_checks.py")
    module = sys.modules["_checks"] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    yield module
    del sys.modules["_checks"]


def run(script, *arguments):
    """A benchmark's standard output and error; it may be over budget, but must not break."""
    done = subprocess.run(
        [sys.executable, str(BENCHMARKS / script), *arguments],
        capture_output=True,
        text=True,
        check=False,
    )
    assert "Traceback" not in done.stderr, done.stderr
    assert done.returncode == ("missed: " in done.stderr), done.stderr
    return done.stdout


def checks_in(output):
    """The checks by name, each complete."""
    checks = json.loads(output)["checks"]
    assert all(check.keys() == {"name", "value", "unit", "budget", "ok"} for check in checks)
    return {check["name"]: check for check in checks}


def test_overhead_prints_checks_and_the_figures_behind_them():
    output = run("track_overhead.py", "--json", "--steps=0", *TINY_OVERHEAD)

    found = checks_in(output)
    assert found["third-party modules it imports"]["value"] == 0
    assert found["log of 10 scalars, null, median"]["budget"] == "<= 0.5"
    assert not any("wandb" in name for name in found)  # it was not asked for
    cases = json.loads(output)["cases"]
    assert {case: list(modes) for case, modes in cases.items()} == {
        "null": ["calls"],
        "journal": ["calls"],
    }


@pytest.mark.slow
def test_overhead_in_a_loop_is_measured_where_there_is_one():
    output = run("track_overhead.py", "--json", "--steps=3", "--step-ms=0.1", *TINY_OVERHEAD)

    assert checks_in(output)["loop of 2 ms steps, journal, longer by"]["unit"] == "%"
    (rounds,) = json.loads(output)["cases"]["journal"]["loop"]
    assert rounds.keys() == {"median_us", "p99_us", "longer", "longer_cpu", "step_ms"}


def test_faults_of_every_kind_are_counted():
    output = run(
        "track_faults.py", "--json", "--only=kills", "--only=troubles",
        "--kills=2", "--runs=7", "--steps=40",
    )  # fmt: skip

    counted = {
        name: check["value"] for name, check in checks_in(output).items() if check["unit"] != "%"
    }
    assert len(counted) == 13
    # All but how often it was tried are faults.
    assert {name: value for name, value in counted.items() if value} == {
        "kills": 2,
        "troubles: trainings": 7,
    }


@pytest.mark.slow
def test_a_failing_server_is_replayed_to_when_it_is_sound():
    pytest.importorskip("wandb", reason="needs the wandb client")

    found = checks_in(run("track_faults.py", "--json", "--only=server", "--server=1"))

    assert len(found) == 7
    assert {name: check["value"] for name, check in found.items() if check["value"]} == {
        "server: runs": 1
    }


@pytest.mark.slow
def test_training_with_and_without_trackers_is_compared():
    pytest.importorskip("wandb", reason="needs the wandb client")
    output = run(
        "track_training.py", "--json", "--pairs=1", "--block=2", "--patients=16", "--cycles=8",
        "--threads=1",
    )  # fmt: skip

    found = checks_in(output)
    assert found["rows and files not delivered"]["value"] == 0
    assert found["training longer, by the clock, median"]["budget"] == "<= 1"
    (note,) = json.loads(output)["notes"]
    assert "wandb offline, " in note
    assert "; 1 pairs of blocks of 2 steps; " in note


def test_the_interval_of_a_median_is_that_of_the_tables():
    """Ranks 2 and 9 of 10, 14 and 27 of 40."""
    code = (
        "from track_training import interval; print(interval(range(1, 11)), interval(range(1, 41)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=BENCHMARKS, capture_output=True, text=True, check=True
    )

    assert done.stdout == "(2, 9) (14, 27)\n"


def test_report_says_what_was_missed(checks, capsys):
    figures = [
        checks.Check(name="speed", value=9.5, unit="x", least=10),
        checks.Check(name="wait", value=2.0, unit="s", most=2.0),
        checks.Check(name="size", value=3.0),
        checks.Check(name="loss", value=None, most=1.0),
    ]

    assert checks.report(figures, as_json=True, details={"load": 1}) == 1

    printed = capsys.readouterr()
    assert printed.err == "missed: speed; loss\n"
    assert json.loads(printed.out) == {
        "checks": [
            {"name": "speed", "value": 9.5, "unit": "x", "budget": ">= 10", "ok": False},
            {"name": "wait", "value": 2.0, "unit": "s", "budget": "<= 2", "ok": True},
            {"name": "size", "value": 3.0, "unit": "", "budget": None, "ok": True},
            {"name": "loss", "value": None, "unit": "", "budget": "<= 1", "ok": False},
        ],
        "load": 1,
    }


def test_report_for_people_marks_the_budgets(checks, capsys):
    figures = [checks.Check(name="wait", value=0.123456, unit="s", most=2.0)]

    assert checks.report(figures, as_json=False, table="heading") == 0
    assert capsys.readouterr().out.splitlines() == [
        "heading",
        "",
        "figure     value  budget",
        "wait    0.1235 s    <= 2  ok",
    ]
