"""How fast recordings are prepared, beside the original research code's steps, on one core.

    PAHCL_REAL_DATA=DATA python benchmarks/prepare.py [--json]

The same recordings, whole, are prepared by each, in a process of its own and turn by turn, so that
a noisy machine is noisy for all:

- the original's steps (`_prepare_plainly`): read, resample, band-pass, scale, envelope, peaks,
  cycles, judge each, save it; and the same without judging and saving.
- this: read, resample, band-pass, remove spikes, scale, cycles (annotated, as by default where
  there is an annotation, or found in the sound), rate the recording and each cycle, and the store:
  hash each file, write what was made, put it together.
- of this, the steps that the original has: read, resample, band-pass, scale, annotated cycles; then
  the same with each cycle rated and the recording saved.

None of the pairs is quite the same work: to read an annotation is less than to find peaks in an
envelope, to find heart states far more, and the original keeps no store. Ten times its rate is the
budget, and it is missed. Reading and filtering alone would leave room for it; with keeping the
result as it is kept now (each file hashed, each recording written twice) more than a tenth of all
that the original does is spent. The table ends with these figures. Memory is the
most that a process held.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

os.environ["OMP_NUM_THREADS"] = "1"

import _prepare_plainly as original
import numpy as np
from _checks import Check, format_table, real_data, report
from _prepare_steps import (
    BAND,
    SLOW,
    TOGETHER,
    annotated,
    steps_of_the_original,
    steps_of_this,
)

from pahcl_core.data.audio import read_audio
from pahcl_core.data.collection import Collection, Recording
from pahcl_core.data.kept_memory import keep_memory
from pahcl_core.data.preparation import SignalConfig
from pahcl_core.data.readers import READERS
from pahcl_core.data.store import prepare
from pahcl_core.signal.filtering import filtered, normalise
from pahcl_core.signal.quality import rate_quality

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


CONFIG = SignalConfig()

ORIGINAL, UNJUDGED = "original", "original, not judged"
ANNOTATED, SEGMENTED = "this, annotated", "this, segmented"
SAME, SAME_RATED = "of this, not rated", "of this, rated and saved"
READING, FILTERING = "reading alone", "reading, filtering"


def _each(work: Callable[[Path, Path], object]) -> Callable[[Collection, Path], None]:
    def all_of_them(collection: Collection, folder: Path) -> None:
        for recording in collection.recordings:
            work(recording.path, folder)

    return all_of_them


def _together(
    work: Callable[[Sequence[Recording], Path], object],
) -> Callable[[Collection, Path], None]:
    """Some at once, step by step, as the preparation does it."""

    def all_of_them(collection: Collection, folder: Path) -> None:
        keep_memory()
        for first in range(0, len(collection.recordings), TOGETHER):
            work(collection.recordings[first : first + TOGETHER], folder)

    return all_of_them


def _filter(recordings: Sequence[Recording], _folder: Path) -> None:
    sounds = [read_audio(one.path) for one in recordings]
    _ = [filtered(samples, from_rate=rate, wanted=[BAND]) for samples, rate in sounds]


def _cycles(recordings: Sequence[Recording], _folder: Path) -> None:
    sounds = [read_audio(one.path) for one in recordings]
    passed = [filtered(samples, from_rate=rate, wanted=[BAND])[0] for samples, rate in sounds]
    _ = [annotated(one) for one in recordings]
    _ = [normalise(one) for one in passed]


def _rated(recordings: Sequence[Recording], folder: Path) -> None:
    sounds = [read_audio(one.path) for one in recordings]
    both = [filtered(samples, from_rate=rate, wanted=[BAND, SLOW]) for samples, rate in sounds]
    cycles = [annotated(one) for one in recordings]
    for (samples, rate), (_, slow), of in zip(sounds, both, cycles, strict=True):
        rate_quality(samples, sample_rate=rate, cycles=of, slow=slow)
    scaled = [normalise(passed) for passed, _ in both]
    for recording, samples in zip(recordings, scaled, strict=True):
        np.save(folder / f"{recording.path.stem}.npy", samples)


CASES: dict[str, Callable[[Collection, Path], object]] = {
    ORIGINAL: _each(original.prepare),
    UNJUDGED: _each(lambda path, _: original.cycles_of(path)),
    ANNOTATED: lambda collection, folder: prepare(collection, CONFIG, store=folder),
    SEGMENTED: lambda collection, folder: prepare(
        collection, replace(CONFIG, cycles="segmentation"), store=folder
    ),
    SAME_RATED: _together(_rated),
    SAME: _together(_cycles),
    READING: _each(lambda path, _: read_audio(path)),
    FILTERING: _together(_filter),
}
# Steps of this that cannot be left out: without a store, and with one named by content.
SOUND = ("read", "filter")
KEPT = (*SOUND, "hash the files", "save", "put together")
STEPS = {"original": steps_of_the_original, "this": steps_of_this}
# Both whole, as they are; both judging and saving; neither.
PAIRS = ((ORIGINAL, ANNOTATED), (ORIGINAL, SAME_RATED), (UNJUDGED, SAME))


def main() -> int:
    """Measure and report."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--json", action="store_true", help="print the figures as JSON")
    parser.add_argument("--recordings", type=int, default=120, help="per case (120)")
    parser.add_argument("--rounds", type=int, default=3, help="of all cases (3)")
    parser.add_argument("--case", choices=CASES, help="print the ms of this one alone")
    parser.add_argument("--steps", choices=STEPS, help="print the ms of each step of this side")
    options = parser.parse_args()
    data = real_data(as_json=options.json)
    if data is None:
        return 0
    root = data / "circor"
    if options.case is not None:
        print(_timed(root, options.case, options.recordings))
        return 0
    if options.steps is not None:
        print(json.dumps(_steps(root, options.steps, options.recordings)))
        return 0
    command = [sys.executable, __file__, "--recordings", str(options.recordings)]
    rounds: dict[str, list[float]] = {name: [] for name in CASES}
    steps: dict[str, list[dict[str, float]]] = {side: [] for side in STEPS}
    for _ in range(options.rounds):
        for name in CASES:
            rounds[name].append(json.loads(_printed([*command, "--case", name])))
        for side in STEPS:
            steps[side].append(json.loads(_printed([*command, "--steps", side])))
    return _report(root, options.recordings, rounds, steps, as_json=options.json)


def _printed(command: list[str]) -> str:
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def _steps(root: Path, side: str, count: int) -> dict[str, float]:
    collection = _collection(root, count)
    for _ in range(2):  # the first time for the caches
        with tempfile.TemporaryDirectory() as folder:
            ms = STEPS[side](collection, Path(folder))
    return ms


def _timed(root: Path, case: str, count: int) -> float:
    """Milliseconds of processor time per recording, the second time that they are prepared."""
    collection = _collection(root, count)
    for _ in range(2):
        with tempfile.TemporaryDirectory() as folder:
            began = time.process_time()
            CASES[case](collection, Path(folder))
            ended = time.process_time()
    return 1000 * (ended - began) / len(collection.recordings)


def _collection(root: Path, count: int | None = None) -> Collection:
    whole = READERS["circor"].read(root, max_damaged=1.0, strict=False)
    return replace(whole, recordings=whole.recordings[:count])


def _report(
    root: Path,
    count: int,
    rounds: dict[str, list[float]],
    steps: dict[str, list[dict[str, float]]],
    *,
    as_json: bool,
) -> int:
    whole, collection = _collection(root), _collection(root, count)
    few_mb, some = _memory(root, _FEW)
    all_mb, much = _memory(root, len(whole.recordings))
    sound_s = sum(one.duration_s for one in collection.recordings) / len(collection.recordings)
    ms = {name: statistics.median(times) for name, times in rounds.items()}
    lines = [f"{'per recording, one core':<26}      ms  from    to  a second  original / this"]
    for name, times in rounds.items():
        lines.append(
            f"{name:<26}  {ms[name]:>6.2f} {min(times):>5.2f} {max(times):>5.2f} "
            f"{1000 / ms[name]:>9.0f} {ms[ORIGINAL] / ms[name]:>16.1f}"
        )
    medians = {side: _medians(taken) for side, taken in steps.items()}
    lines += ["", _step_table(medians)]
    lines += [
        "",
        f"{len(collection.recordings)} recordings of {sound_s:.1f} s on average, "
        f"{len(rounds[ORIGINAL])} rounds, processor time",
        f"most memory: {few_mb:.0f} MB for {_FEW} recordings ({some:.0f} MB of samples), "
        f"{all_mb:.0f} MB for {len(whole.recordings)} ({much:.0f} MB)",
        *_bounds(medians),
    ]
    checks = [
        Check(
            name=f"{this!r} over {other!r}, median of the rounds' ratios",
            value=statistics.median(
                theirs / ours for theirs, ours in zip(rounds[other], rounds[this], strict=True)
            ),
            least=MIN_RATIO if (other, this) == PAIRS[0] else None,
        )
        for other, this in PAIRS
    ]
    growth = f"memory for {len(whole.recordings)} recordings above that for {_FEW}"
    checks.append(Check(name=growth, value=all_mb - few_mb, unit="MB", most=MAX_GROWTH_MB))
    return report(
        checks, as_json=as_json, table="\n".join(lines), details={"ms": rounds, "steps": steps}
    )


def _medians(taken: list[dict[str, float]]) -> dict[str, float]:
    return {step: statistics.median(one[step] for one in taken) for step in taken[0]}


def _bounds(ms: dict[str, dict[str, float]]) -> list[str]:
    """What the ratio would be if nothing were done but this."""
    theirs, ours = sum(ms["original"].values()), sum(ms["this"].values())
    lines = [f"a tenth of the original's steps are {theirs / MIN_RATIO:.2f} ms"]
    for what, names in (("reading and filtering", SOUND), ("and keeping the result", KEPT)):
        alone = sum(ms["this"][name] for name in names)
        lines.append(
            f"{what} alone: {alone:.2f} ms, {alone / ours:.0%} of this; "
            f"they bound the ratio at {theirs / alone:.1f}"
        )
    return lines


def _step_table(ms: dict[str, dict[str, float]]) -> str:
    names = list(dict.fromkeys(step for one in ms.values() for step in one))
    rows = [
        [step, *(f"{one[step]:.2f}" if step in one else "-" for one in ms.values())]
        for step in names
    ]
    rows.append(["all of them", *(f"{sum(one.values()):.2f}" for one in ms.values())])
    return format_table(["step, ms", *ms], rows)


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
