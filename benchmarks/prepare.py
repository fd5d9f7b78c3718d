"""How fast recordings are prepared, beside the original research code's steps, on one core.

    PAHCL_REAL_DATA=DATA python benchmarks/prepare.py [--json]

Both prepare the same recordings, whole: ours reads, hashes, resamples, removes spikes, filters,
finds cycles, rates quality and writes the store; the original's steps are those of
`_prepare_plainly`. They take turns, so that a noisy machine is noisy for both. Beside them stands
the time that reading and filtering alone take, which no preparation can do without. Memory is the
most that a process held which prepared some of the recordings, and one that prepared all.
"""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

os.environ["OMP_NUM_THREADS"] = "1"

import _prepare_plainly as original
from _checks import Check, real_data, report

from pahcl_core.data.audio import read_audio
from pahcl_core.data.collection import Collection
from pahcl_core.data.preparation import SignalConfig
from pahcl_core.data.readers import READERS
from pahcl_core.data.store import prepare
from pahcl_core.signal.filtering import bandpass, resample

MIN_RATIO = 10.0
MAX_GROWTH_MB = 20.0  # between 100 recordings and six times as many, which are 100 MB of samples
_FEW = 100

_MEMORY = """
import resource, sys
from dataclasses import replace
from pathlib import Path
from pahcl_core.data.preparation import SignalConfig
from pahcl_core.data.readers import READERS
from pahcl_core.data.store import prepare

root, store, count = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])
collection = READERS["circor"].read(root, max_damaged=1.0, strict=False)
collection = replace(collection, recordings=collection.recordings[:count])
cycles, *_ = prepare(collection, SignalConfig(), store=store)
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, cycles.samples.nbytes / 1e6)
"""


def main() -> int:
    """Measure and report."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--json", action="store_true", help="print the figures as JSON")
    parser.add_argument("--recordings", type=int, default=120, help="per block (120)")
    parser.add_argument("--rounds", type=int, default=3, help="of all blocks (3)")
    options = parser.parse_args()
    data = real_data(as_json=options.json)
    if data is None:
        return 0
    root = data / "circor"
    whole = READERS["circor"].read(root, max_damaged=1.0, strict=False)
    collection = replace(whole, recordings=whole.recordings[: options.recordings])
    cases: dict[str, Callable[[], None]] = {
        "the original's steps": lambda: _original(collection),
        "this, cycles annotated": lambda: _ours(collection, SignalConfig()),
        "this, cycles segmented": lambda: _ours(collection, SignalConfig(cycles="segmentation")),
        "reading alone": lambda: _read(collection),
        "reading and filtering alone": lambda: _filter(collection),
    }
    rounds: dict[str, list[float]] = {name: [] for name in cases}
    for _ in range(options.rounds):
        for name, work in cases.items():
            began = time.process_time()
            work()
            rounds[name].append((time.process_time() - began) / len(collection.recordings))
    ms = {name: 1000 * statistics.median(times) for name, times in rounds.items()}
    theirs = ms["the original's steps"]
    few_mb, some = _memory(root, _FEW)
    all_mb, much = _memory(root, len(whole.recordings))
    sound_s = sum(one.duration_s for one in collection.recordings) / len(collection.recordings)
    lines = ["per recording, one core                ms    a second   original / this"]
    for name, each in ms.items():
        lines.append(f"{name:<30} {each:>10.2f} {1000 / each:>11.0f} {theirs / each:>17.1f}")
    lines += [
        "",
        f"{len(collection.recordings)} recordings of {sound_s:.1f} s on average, "
        f"{options.rounds} rounds, processor time",
        f"most memory: {few_mb:.0f} MB for {_FEW} recordings ({some:.0f} MB of samples), "
        f"{all_mb:.0f} MB for {len(whole.recordings)} ({much:.0f} MB)",
        f"reading and filtering alone bound the ratio at "
        f"{theirs / ms['reading and filtering alone']:.1f}",
    ]
    checks = [
        Check(
            name="recordings a second, this (annotated) over the original's steps",
            value=theirs / ms["this, cycles annotated"],
            least=MIN_RATIO,
        ),
        Check(
            name="the same, this (segmented)",
            value=theirs / ms["this, cycles segmented"],
        ),
        Check(
            name=f"memory for {len(whole.recordings)} recordings above that for {_FEW}",
            value=all_mb - few_mb,
            unit="MB",
            most=MAX_GROWTH_MB,
        ),
    ]
    return report(checks, as_json=options.json, table="\n".join(lines), details={"ms": ms})


def _original(collection: Collection) -> None:
    with tempfile.TemporaryDirectory() as folder:
        for recording in collection.recordings:
            original.prepare(recording.path, Path(folder))


def _ours(collection: Collection, config: SignalConfig) -> None:
    with tempfile.TemporaryDirectory() as folder:
        prepare(collection, config, store=Path(folder))


def _read(collection: Collection) -> None:
    for recording in collection.recordings:
        read_audio(recording.path)


def _filter(collection: Collection) -> None:
    rate = SignalConfig().sample_rate
    for recording in collection.recordings:
        samples, own = read_audio(recording.path)
        slow = resample(samples, from_rate=own, to_rate=rate)
        bandpass(slow, sample_rate=rate, low_hz=25, high_hz=600)


def _memory(root: Path, count: int) -> tuple[float, float]:
    """The most a process held, and the size of the signals that it prepared, in MB."""
    with tempfile.TemporaryDirectory() as folder:
        done = subprocess.run(
            [sys.executable, "-c", _MEMORY, str(root), str(Path(folder) / "store"), str(count)],
            check=True,
            capture_output=True,
            text=True,
        )
    held, size = done.stdout.split()
    return float(held), float(size)


if __name__ == "__main__":
    sys.exit(main())
