"""How long `pahcl runs list` takes over many runs.

    python benchmarks/runs.py [--runs N] [--journal-mib M] [--json]

500 run directories as a fine-tuning leaves them are made up in a scratch folder and listed by the
command itself, in a process of its own, as often as `--rounds` says. The budget is a second of the
processor for the best round, its start and the printing included; the clock on the wall, which
tells as much of who else wants the processor, stands beside it.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from _checks import Check, report

MOST_S = 1.0
_METRICS = ("auroc", "auprc", "f1_macro", "accuracy", "sensitivity", "specificity", "loss")


def main() -> int:
    """Make up, list, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=500)
    parser.add_argument("--journal-mib", type=float, default=0.1)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        root = Path(scratch) / "outputs"
        for number in range(options.runs):
            make_up(root / f"run_{number:04}", number, int(options.journal_mib * 2**20))
        rounds = [listed(root, options.runs) for _ in range(options.rounds)]
    name = f"pahcl runs list, {options.runs} runs"
    processor, wall = (min(one[n] for one in rounds) for n in (0, 1))
    checks = [
        Check(name=f"{name}, processor", value=processor, unit="s", most=MOST_S),
        Check(name=f"{name}, wall clock", value=wall, unit="s"),
    ]
    return report(checks, as_json=options.json)


def make_up(directory: Path, number: int, journal_bytes: int) -> None:
    """One run, complete; the size of its journal is that of a training of some hours."""
    directory.mkdir(parents=True)
    config = {
        "task": "circor_murmur",
        "seed": number % 5,
        **{f"section_{n}": {f"setting_{m}": m / 7 for m in range(8)} for n in range(6)},
    }
    run = {"name": directory.name, "group": f"g{number % 7}", "tags": ["bench"], "config": config}
    row = {"n": 1, "t": 1.0, "step": 1, "values": {f"train/{name}": 0.1234 for name in _METRICS}}
    end = {"n": 9, "t": 2.0, "finish": {"status": "completed", "error": None, "summary": {}}}
    line = json.dumps(row) + "\n"
    with (directory / "journal.jsonl").open("w") as file:
        file.write(json.dumps({"n": 0, "t": 1.7e9 + number, "run": run}) + "\n")
        file.write(line * (journal_bytes // len(line)))
        file.write(json.dumps(end) + "\n")
    groups = {
        f"group_{n}": {"n": 30, "metrics": {m: {"value": 0.8, "low": 0.7, "high": 0.9} for m in
                       _METRICS}} for n in range(12)
    }  # fmt: skip
    metrics = {
        "task": "circor_murmur",
        **{f"{split}_{m}": 0.8 + number / 5000 for split in ("val", "test") for m in _METRICS},
        "intervals": {s: {m: [0.7, 0.9] for m in _METRICS} for s in ("val", "test")},
        "subgroups": {"age": groups},
    }
    (directory / "final_metrics.json").write_text(json.dumps(metrics, indent=2))
    (directory / "config.toml").write_text("seed = 1\n")
    (directory / "train.log").write_text("begun\n" * 100)
    (directory / "best_model.pt").write_bytes(bytes(1000))


def listed(root: Path, num_runs: int) -> tuple[float, float]:
    """Seconds of the command on the processor and on the wall, from its start to its end."""
    command = [sys.executable, "-m", "pahcl_cli", "runs", "list", str(root), "--json"]
    before, begun = os.times(), time.perf_counter()
    done = subprocess.run(command, capture_output=True, check=True)
    wall, after = time.perf_counter() - begun, os.times()
    found = json.loads(done.stdout)["runs"]
    assert len(found) == num_runs
    assert all(one["state"] == "complete" and one["metric"]["low"] == 0.7 for one in found)
    used = after.children_user - before.children_user
    return used + after.children_system - before.children_system, wall


if __name__ == "__main__":
    sys.exit(main())
