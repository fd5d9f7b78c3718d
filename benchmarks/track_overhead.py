"""What tracking costs the program that reports: ours beside what others offer, in one run.

    python benchmarks/track_overhead.py [--json] [--only CASE] [--rounds N] ...

Every case runs in fresh processes, and the cases take turns, round by round, so that whatever else
the machine does falls on all of them. A row is ten scalars of full precision. The table has medians
over the rounds, also of the median and the 99th percentile that a round found:

- back to back: rows one after the other, as fast as they are taken;
- in the loop: one row at each step of a loop of matrix products (torch, 2 ms a step), and by how
  much that loop takes longer than the same loop before and after it without a tracker;
- import, start, finish: seconds, of the first import of the libraries in the process, from then to
  the first row, and from the last row until everything is delivered.

wandb is offline everywhere. What is not installed is left out, and named.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from _checks import Check, format_table, report
from _track_timing import CASES, missing

_TIMING = Path(__file__).with_name("_track_timing.py")
_COLUMNS = (
    ("calls", "median_us", "back to back: median µs", 1.0),
    ("calls", "p99_us", "99th", 1.0),
    ("loop", "median_us", "in the loop: median µs", 1.0),
    ("loop", "p99_us", "99th", 1.0),
    ("loop", "longer", "loop longer by %", 100.0),
    ("loop", "longer_cpu", "its processor time by %", 100.0),
    ("calls", "import_s", "import s", 1.0),
    ("calls", "start_s", "start s", 1.0),
    ("calls", "finish_s", "finish s", 1.0),
)
_BUDGETS = (
    ("null", "calls", "median_us", "log of 10 scalars, null, median", "µs", 0.5),
    ("journal + wandb", "calls", "median_us", "the same, journal + wandb, median", "µs", 10.0),
    ("journal + wandb", "calls", "p99_us", "the same, 99th percentile", "µs", 60.0),
    ("journal", "loop", "longer", "loop of 2 ms steps, journal, longer by", "%", 3.0),
    ("journal + wandb", "loop", "longer", "loop, journal + wandb, longer by", "%", 6.0),
)

_NOTHING = "pass"
_IMPORTS = (
    "import pahcl_track",
    "from pahcl_track import NullTracker, Outcome, Run",
    "from pahcl_track import Session",
)

Measured = dict[str, dict[str, list[dict[str, Any]]]]
"""The rounds of each mode, by case."""


def measure(cases: Sequence[str], arguments: argparse.Namespace) -> Measured:
    """All rounds of all cases."""
    threads = arguments.threads
    options = {"calls": {"calls": arguments.calls}}
    if arguments.steps:
        calibration = {"threads": threads, "step_ms": arguments.step_ms}
        size = _run(cases[0], "calibrate", calibration, threads)["size"]
        options["loop"] = {"steps": arguments.steps, "threads": threads, "size": size}
    measured: Measured = {case: {mode: [] for mode in options} for case in cases}
    for _ in range(arguments.rounds):
        for mode, chosen in options.items():
            for case in cases:
                measured[case][mode].append(_run(case, mode, chosen, threads))
    return measured


def _run(case: str, mode: str, options: Mapping[str, Any], threads: int) -> dict[str, Any]:
    """One round of one case in a process of its own."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as home:
        done = subprocess.run(
            [sys.executable, str(_TIMING), case, mode, json.dumps(options)],
            env=_environment(home, threads),
            cwd=home,
            capture_output=True,
            text=True,
            check=False,
        )
    if done.returncode != 0:
        raise RuntimeError(f"{case}, {mode}: {done.stderr.strip()}")
    figures: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return figures


def _environment(home: str, threads: int) -> dict[str, str]:
    """Nobody's settings, no network, and idle threads that sleep instead of spinning."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("WANDB_", "TRACKIO_", "HF_", "RANK", "LOCAL_RANK", "OMP_"))
    }
    return kept | {
        "HOME": home,
        "HF_HUB_OFFLINE": "1",
        "WANDB_SILENT": "true",
        "WANDB_MODE": "offline",
        "OMP_NUM_THREADS": str(threads),
        "OMP_WAIT_POLICY": "PASSIVE",
    }


def import_times_ms(repeats: int) -> dict[str, list[float]]:
    """How long fresh interpreters take, the first of which does nothing; they take turns."""
    times: dict[str, list[float]] = {program: [] for program in (_NOTHING, *_IMPORTS)}
    for _ in range(repeats):
        for program, taken_ms in times.items():
            taken_ms.append(_interpreter_ms(program))
    return times


def _interpreter_ms(program: str) -> float:
    began = time.perf_counter()
    subprocess.run([sys.executable, "-c", program], check=True)
    return 1000 * (time.perf_counter() - began)


def third_party_modules() -> list[str]:
    """The modules that `import pahcl_track` brings and that are not Python's own."""
    program = (
        "import sys; before = set(sys.modules); import pahcl_track;"
        "print(*{name.partition('.')[0] for name in set(sys.modules) - before})"
    )
    done = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True)
    return sorted(set(done.stdout.decode().split()) - sys.stdlib_module_names - {"pahcl_track"})


def checks_of(measured: Measured, imports_ms: Mapping[str, Sequence[float]]) -> list[Check]:
    """The figures that have a budget."""
    checks = [
        Check(
            name=name,
            value=_median(measured[case][mode], figure) * (100 if unit == "%" else 1),
            unit=unit,
            most=most,
        )
        for case, mode, figure, name, unit, most in _BUDGETS
        if mode in measured.get(case, {})
    ]
    bare_ms = imports_ms[_NOTHING]
    for program in _IMPORTS if bare_ms else ():
        pairs = zip(imports_ms[program], bare_ms, strict=True)
        median_ms = statistics.median(one - other for one, other in pairs)
        least_ms = min(imports_ms[program]) - min(bare_ms)
        most_ms = 20.0 if program == _IMPORTS[0] else None
        checks += [
            Check(name=f"{program}, median", value=median_ms, unit="ms", most=most_ms),
            Check(name=f"{program}, of the minima", value=least_ms, unit="ms"),
        ]
    foreign = len(third_party_modules())
    checks.append(Check(name="third-party modules it imports", value=float(foreign), most=0.0))
    return checks


def _median(rounds: Sequence[Mapping[str, Any]], figure: str) -> float:
    return statistics.median(one[figure] for one in rounds)


def table_of(measured: Measured) -> str:
    """One line for each case: medians over the rounds."""
    modes = next(iter(measured.values())).keys()
    columns = [column for column in _COLUMNS if column[0] in modes]
    rows = [
        [case, *(f"{scale * _median(rounds[mode], name):.3g}" for mode, name, _, scale in columns)]
        for case, rounds in measured.items()
    ]
    return format_table(["", *(head for _, _, head, _ in columns)], rows)


def main() -> int:
    """Measure; 1 when a budget is missed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", action="store_true", help="print the figures as JSON")
    parser.add_argument("--only", action="append", choices=CASES, help="this case; repeatable")
    parser.add_argument("--rounds", type=int, default=5, help="of all cases (%(default)s)")
    parser.add_argument("--calls", type=int, default=5000, help="back to back (%(default)s)")
    parser.add_argument(
        "--steps", type=int, default=1500, help="of a loop; 0: no loop (%(default)s)"
    )
    parser.add_argument("--step-ms", type=float, default=2.0, help="work a step (%(default)s)")
    parser.add_argument("--threads", type=int, default=2, help="of torch (%(default)s)")
    parser.add_argument("--imports", type=int, default=40, help="fresh imports (%(default)s)")
    arguments = parser.parse_args()
    wanted = arguments.only or list(CASES)
    absent = {case: names for case in wanted if (names := missing(case))}
    cases = [case for case in wanted if case not in absent]
    load = [os.getloadavg()[0]]
    imports_ms = import_times_ms(arguments.imports)
    measured = measure(cases, arguments)
    load.append(os.getloadavg()[0])
    notes = [
        f"{arguments.rounds} rounds; load of the machine {load[0]:.1f} before, {load[1]:.1f} after",
        *(f"left out: {case}, not installed: {', '.join(absent[case])}" for case in absent),
    ]
    steps = [one["step_ms"] for modes in measured.values() for one in modes.get("loop", [])]
    if steps:
        step_ms = statistics.median(steps)
        threads = f"{arguments.threads} torch threads"
        notes.append(f"{threads}; a step without a tracker took {step_ms:.2f} ms")
    return report(
        checks_of(measured, imports_ms),
        as_json=arguments.json,
        table="\n".join([table_of(measured), "", *notes]),
        details={"cases": measured, "notes": notes},
    )


if __name__ == "__main__":
    sys.exit(main())
