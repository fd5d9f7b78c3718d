"""What takes long takes no more memory for it: a recording of an hour, a run of 24 hours.

    python benchmarks/long_runs.py [--json] [--minutes 60] [--hours 24]

- A recording of an hour (4000 Hz) is segmented, prepared, and asked about with a model that comes
  with the package. The process's peak is compared with that of the same command on a minute.
- A run of 24 hours, in which the clock is moved on by hand: a row each second, a file each minute,
  to the journal, to a tracker and to one that fails. Memory and open files are counted in its last
  hours and compared with its first.
"""

import argparse
import gc
import itertools
import logging
import os
import resource
import statistics
import sys
import time
import wave
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
from _checks import Check, format_table, report
from _forked import forked, import_all, scratch_folder

from pahcl_core.data.synthetic_circor import write_synthetic_circor
from pahcl_track import NullTracker, Outcome, Run, Session

_RATE = 4000
_COMMANDS = {
    "segment": lambda root: ["segment", root / "a.wav"],
    "prepare": lambda root: ["data", "prepare", root, "--collection", "folder",
                             "--store", root / "store", "--num-workers", "1"],  # here, not beside
    "predict": lambda root: ["predict", "circor_murmur", root / "a.wav"],
}  # fmt: skip
_MOST_MB = 1500
"""Beyond the same command on a minute, for an hour: what any machine has."""

_STEP_S = 1.0
_SAVE_EVERY = 60


def main() -> int:
    """Measure, report."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--json", action="store_true", help="print the figures as JSON")
    parser.add_argument("--minutes", type=float, default=60, help="of a recording (60)")
    parser.add_argument("--hours", type=float, default=24, help="of a run (24)")
    options = parser.parse_args()
    import_all()
    checks, rows = [], []
    with scratch_folder() as folder:
        short, long = folder / "short", folder / "long"
        write_synthetic_circor(folder / "circor", num_patients=1, seed=1, duration_s=(60.0, 61.0))
        source = min((folder / "circor").rglob("*.wav"))
        for root, minutes in ((short, 1.0), (long, options.minutes)):
            _write_recording(source, root, minutes)
        for name, command in _COMMANDS.items():
            before, after = (_peak_mb(command(root), folder) for root in (short, long))
            rows.append([name, f"{before:.0f}", f"{after:.0f}"])
            checks.append(
                Check(name=f"{name}: more memory for {options.minutes:g} minutes than for one",
                      value=after - before, unit="MB", most=_MOST_MB)
            )  # fmt: skip
        grown_mb, files, logged = _long_run(folder, options.hours)
    checks += [
        Check(name="rows logged", value=logged, least=options.hours * 3600),
        Check(name="memory grown in the last half of the run", value=grown_mb, unit="MB", most=2),
        Check(name="more files open at its end than at its beginning", value=files, most=0),
    ]
    table = format_table(["command", "MB, a minute", f"MB, {options.minutes:g} minutes"], rows)
    return report(checks, as_json=options.json, table=table)


def _write_recording(source: Path, root: Path, minutes: float) -> None:
    """The same minute, again and again."""
    root.mkdir()
    with wave.open(str(source)) as file:
        samples = np.frombuffer(file.readframes(file.getnframes()), "<i2")
    wanted = np.resize(samples, round(minutes * 60 * _RATE))
    with wave.open(str(root / "a.wav"), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(_RATE)
        file.writeframes(wanted.tobytes())
    (root / "table.csv").write_text("path,subject\na.wav,1\n")


def _peak_mb(arguments: list[str | Path], folder: Path) -> float:
    """What a command had in memory at most, beyond what it shares with this process."""
    measured = folder / "peak"

    def command() -> None:
        from pahcl_cli.main import main

        sys.argv = ["pahcl", *map(str, arguments)]
        try:
            main()
        finally:
            measured.write_text(str(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss))

    ended = forked(command, folder)
    if ended.code != 0:
        raise RuntimeError(f"{arguments[0]} ended with {ended.code}: {ended.said[-500:]}")
    return int(measured.read_text()) / (2**20 if sys.platform == "darwin" else 2**10)


class _Failing(NullTracker):
    """Raises at every row."""

    def log(self, values: Mapping[str, object], *, step: int) -> None:
        """Fail."""
        raise ConnectionError("no network")


def _long_run(folder: Path, hours: float) -> tuple[float, int, int]:
    """Megabytes grown in the second half, files left open, and rows."""
    logging.getLogger("pahcl_track").setLevel(logging.CRITICAL)
    clock, restore = itertools.count(0.0, _STEP_S), time.time
    tick: Callable[[], float] = clock.__next__
    time.time = tick
    try:
        session = Session({"null": NullTracker(), "failing": _Failing()})
        session.start(Run(name="long", directory=folder / "run"))
        before, memory = _open_files(), []
        number = round(hours * 3600 / _STEP_S)
        (folder / "run/model.pt").write_bytes(b"weights")
        for step in range(number):
            session.log({"train/loss": 1 / (step + 1), "lr": 1e-3}, step=step)
            if step % _SAVE_EVERY == 0:
                session.save(folder / "run/model.pt", kind="checkpoint")
            if step % max(1, number // 48) == 0:
                gc.collect()
                memory.append(_resident_mb())
        files = _open_files() - before
        session.finish(Outcome(status="completed"))
    finally:
        time.time = restore
    third = len(memory) // 3
    grown = statistics.median(memory[-third:]) - statistics.median(memory[third:-third])
    return grown, files, number


def _open_files() -> int:
    return sum(1 for _ in Path("/proc/self/fd").iterdir())


def _resident_mb() -> float:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


if __name__ == "__main__":
    sys.exit(main())
