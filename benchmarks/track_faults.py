"""Everything that can go wrong with tracking, many times: nothing is lost, nothing is held up.

    python benchmarks/track_faults.py [--json] [--kills N] [--runs N] [--server N] ...

- Kills: a program that logs is killed (SIGKILL) at random moments, goes on from a checkpoint, is
  killed again, and in the end finishes. Counted are values whose `log` had returned and that the
  journal lacks, and what the finished history and a tracker have twice, not at all, or wrongly.
- Online: the same with wandb itself as a second tracker, against a server on loopback.
- Troubles: short trainings beside a tracker that raises, hangs, is slow, returns late or ends its
  thread, or on a disk that is full; each beside the same training without a tracker.
- Server: wandb itself, online, against a server on loopback that answers 500, 401, 429 or garbage,
  closes the connection, or never answers: from the start, in mid run, at the end, or until it comes
  back. The program ends within its deadlines, and a replay completes the run on the server.
"""

import argparse
import itertools
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from _checks import Check, format_table, report
from _track_kills import Kills, kill_often
from _track_troubles import REPORT_EVERY, TROUBLES, Result, many_runs
from _track_wandb import FAULTS, WHEN, Ending, one_ending

_AT_ONCE = 3
"""Runs against servers; they mostly wait."""


def none(name: str, count: int) -> Check:
    """A count that has to be zero."""
    return Check(name=name, value=float(count), most=0.0)


def checks_of_kills(part: str, found: Kills) -> list[Check]:
    """The budgets of the kills."""
    return [
        Check(name=part, value=found.kills, least=1),
        none(f"{part}: values lost of those whose log had returned", found.lost),
        none(f"{part}: duplicates of (name, step) after resuming", found.duplicates),
        none(f"{part}: (name, step) missing, left over or wrong in the end", found.wrong),
        none(f"{part}: (name, step) sent to a tracker twice", found.sent_twice),
        none(f"{part}: (name, step) not sent to it", found.not_sent),
        none(f"{part}: processes that ended otherwise than they should", len(found.errors)),
    ]


def checks_of_troubles(results: Sequence[Result]) -> list[Check]:
    """The budgets of the trainings."""
    full = [result for result in results if "disk" in result.trouble]
    longer = 100 * statistics.median(result.longer for result in results)
    return [
        Check(name="troubles: trainings", value=len(results), least=1),
        none("troubles: trainings with another result", sum(not one.same for one in results)),
        none("troubles: lines missing in journals", sum(one.missing for one in results)),
        none("troubles: rows not accounted for", sum(one.unaccounted for one in results)),
        none("troubles: runs beyond their deadlines", sum(not one.in_time for one in results)),
        none(
            "troubles: full disks not warned about exactly once",
            sum(one.journal_warnings != 1 for one in full),
        ),
        Check(name="troubles: training longer by, median", value=longer, unit="%", most=2.0),
    ]


def checks_of_server(endings: Sequence[Ending]) -> list[Check]:
    """The budgets of the runs against a server."""
    return [
        Check(name="server: runs", value=len(endings), least=1),
        none("server: programs that did not end well", sum(bool(one.error) for one in endings)),
        none("server: runs beyond their deadlines", sum(not one.in_time for one in endings)),
        none("server: values missing in journals", sum(one.journal_missing for one in endings)),
        none("server: replays that failed", sum(bool(one.replay_error) for one in endings)),
        none("server: rows missing after the replay", sum(one.missing for one in endings)),
        none("server: rows there twice", sum(one.duplicates for one in endings)),
    ]


def table_of_troubles(results: Sequence[Result]) -> str:
    """One line for each trouble."""
    rows = []
    for trouble in TROUBLES:
        chosen = [result for result in results if result.trouble == trouble]
        if chosen:
            longer = 100 * statistics.median(one.longer for one in chosen)
            longer_cpu = 100 * statistics.median(one.longer_cpu for one in chosen)
            rows.append([trouble, str(len(chosen)), f"{longer:.1f}", f"{longer_cpu:.1f}"])
    heads = ["the tracker or the disk", "runs", "longer by %, median", "processor time by %"]
    return format_table(heads, rows)


def table_of_server(endings: Sequence[Ending]) -> str:
    """One line for each run against a server."""
    rows = [
        [
            f"{one.fault}, {one.when}",
            f"{one.took_s:.1f}",
            f"{one.looped_s:.1f}",
            str(one.live),
            one.error or one.replay_error,
        ]
        for one in endings
    ]
    heads = ["the server", "ended after s", "of which the loop", "rows there before replay", ""]
    return format_table(heads, rows)


def run_kills(directory: Path, arguments: argparse.Namespace) -> tuple[list[Check], str]:
    """The first part."""
    found = kill_often(arguments.kills, directory, seed=arguments.seed)
    return checks_of_kills("kills", found), _kills_told(found)


def run_online(directory: Path, arguments: argparse.Namespace) -> tuple[list[Check], str]:
    """The second part."""
    found = kill_often(arguments.online, directory, seed=arguments.seed, online=True)
    return checks_of_kills("kills online", found), _kills_told(found)


def _kills_told(found: Kills) -> str:
    told = (
        f"{found.kills} kills in {found.runs} runs, {found.before_first} before a first row, "
        f"{found.torn} lines cut short, {found.acknowledged} values acknowledged"
    )
    return "\n".join([told, *found.errors])


def run_troubles(directory: Path, arguments: argparse.Namespace) -> tuple[list[Check], str]:
    """The third part."""
    results = many_runs(arguments.runs, arguments.steps)
    step_ms = 1e3 * statistics.median(result.step_s for result in results)
    told = f"steps of {step_ms:.2f} ms without a tracker, of which every {REPORT_EVERY}th is logged"
    return checks_of_troubles(results), f"{told}\n{table_of_troubles(results)}"


def run_server(directory: Path, arguments: argparse.Namespace) -> tuple[list[Check], str]:
    """The fourth part."""
    cases = itertools.cycle((fault, when) for when in WHEN for fault in FAULTS)
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        endings = list(
            pool.map(
                lambda number, case: one_ending(*case, directory / str(number)),
                range(arguments.server),
                cases,
            )
        )
    return checks_of_server(endings), table_of_server(endings)


Part = Callable[[Path, argparse.Namespace], tuple[list[Check], str]]
PARTS: dict[str, Part] = {
    "kills": run_kills,
    "online": run_online,
    "troubles": run_troubles,
    "server": run_server,
}


def main() -> int:
    """Go through the parts; 1 when anything was lost, held up or wrong."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", action="store_true", help="print the counts as JSON")
    parser.add_argument("--only", action="append", choices=PARTS, help="this part; repeatable")
    parser.add_argument("--kills", type=int, default=200, help="(%(default)s)")
    parser.add_argument("--online", type=int, default=20, help="kills online (%(default)s)")
    parser.add_argument("--runs", type=int, default=1000, help="in trouble (%(default)s)")
    parser.add_argument("--steps", type=int, default=80, help="of these runs (%(default)s)")
    parser.add_argument("--server", type=int, default=24, help="runs against it (%(default)s)")
    parser.add_argument("--seed", type=int, default=0, help="of the kills' moments (%(default)s)")
    arguments = parser.parse_args()
    checks: list[Check] = []
    tables, details = [], {}
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        for name in arguments.only or PARTS:
            began = time.monotonic()
            found, table = PARTS[name](Path(folder) / name, arguments)
            took_s = time.monotonic() - began
            load = os.getloadavg()[0]
            checks += found
            tables.append(f"{name}: {took_s:.0f} s, load of the machine {load:.1f}\n{table}")
            details[name] = tables[-1].splitlines()
    return report(checks, as_json=arguments.json, table="\n\n".join(tables), details=details)


if __name__ == "__main__":
    sys.exit(main())
