"""The campaign: its page has what was counted, and all that it does can be done."""

import importlib.util
import json
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPTS = Path(__file__).resolve().parents[2] / "scripts"


@pytest.fixture(scope="module")
def campaign():
    spec = importlib.util.spec_from_file_location("campaign", SCRIPTS / "campaign.py")
    module = sys.modules["campaign"] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    yield module
    del sys.modules["campaign"]


def run(*arguments):
    return subprocess.run(
        [sys.executable, str(SCRIPTS / "campaign.py"), *map(str, arguments)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip


def test_the_page_has_what_was_counted_and_marks_what_failed(campaign):
    checks = [
        {"name": "kills", "value": 100, "unit": "", "budget": ">= 100", "ok": True},
        {"name": "longer", "value": 2.5, "unit": "%", "budget": "<= 2", "ok": False},
        {"name": "not measured", "value": None, "unit": "", "budget": None, "ok": True},
    ]
    one = {"command": "python benchmarks/x.py", "environment": "Python 3", "checks": checks}

    page = campaign.written({"resume_kills.py": one, "prepare_kills.py": {**one, "skipped": "why"}})

    assert "`python benchmarks/x.py`, Python 3:\n\n| counted | | allowed |" in page
    assert "| kills | 100 | at least 100 |\n| longer | **2.5 %** | at most 2 |" in page
    assert "| not measured | – |  |" in page
    assert page.count("Not done yet.") == len(campaign.PARTS) - 2
    assert page.count("\nwhy\n") == 1


def test_each_part_is_a_benchmark_that_prints_json(campaign):
    for part in campaign.PARTS:
        assert '"--json"' in (SCRIPTS.parent / "benchmarks" / part.script).read_text()


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
def test_a_little_of_it_is_done_and_found_in_order(tmp_path):
    """Ctrl-C in each phase of pretraining, files that mean harm, and a long run."""
    parts = ("interruptions.py", "hostile_inputs.py")
    done = run("--quick", "--kept", tmp_path, *(f"--only={part}" for part in parts))

    assert done.returncode == 0, done.stderr
    page = (tmp_path / "quick/reliability.md").read_text()
    assert "| interruptions | 9 | at least 1 |" in page
    assert "| code that was run | 0 | at most 0 |" in page
    found = json.loads((tmp_path / "quick/interruptions.py.json").read_text())
    assert all(check["ok"] for check in found["checks"])
    again = run("--quick", "--kept", tmp_path, *(f"--only={part}" for part in parts))
    assert again.stderr == ""  # nothing is done twice
