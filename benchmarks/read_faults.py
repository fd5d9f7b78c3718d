"""Thousands of damaged collections: each is refused clearly or read correctly.

    PAHCL_REAL_DATA=DATA python benchmarks/read_faults.py [--json] [--inputs 10000]

Each input is a copy of a few real recordings in their native layout, damaged in one to three of the
ways of `_damage`, in a folder whose name has spaces and Chinese characters, read with the damage
tolerated, and prepared. What is read is compared with the undamaged collection and with another
library: labels are legal, and those of files that were not touched are the old ones; samples are
those that libsndfile reads; whatever is prepared is finite and lies inside its recording. Anything
but the package's own errors counts as a crash, more than 30 s as a hang.
"""

import argparse
import csv
import os
import random
import shutil
import signal
import sys
import tempfile
import time
import traceback
import warnings
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any

os.environ["OMP_NUM_THREADS"] = "1"

import joblib
import numpy as np
import soundfile
from _checks import Check, real_data, report
from _damage import DAMAGES

from pahcl_core.data.audio import read_audio
from pahcl_core.data.collection import Collection
from pahcl_core.data.preparation import SignalConfig
from pahcl_core.data.readers import READERS
from pahcl_core.data.store import prepare
from pahcl_core.errors import DataError, SettingError

_LIMIT_S = 30
_LABELS = {
    "circor": {
        "murmur": {"Present", "Absent", "Unknown"},
        "outcome": {"Normal", "Abnormal"},
    },
    "physionet2016": {"class": {"normal", "abnormal"}, "quality": {"good", "unsure"}},
    "pascal": {
        "class": {"normal", "murmur", "extrasystole"},
        "published_class": {"normal", "murmur", "extrasystole", "extrahls", "artifact"},
    },
}


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one input."""

    kind: str
    """`refused`, `read`, or what was wrong."""

    detail: str = ""


def main() -> int:
    """Damage, read, compare, report."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--json", action="store_true", help="print the counts as JSON")
    parser.add_argument("--inputs", type=int, default=10_000, help="in all (10000)")
    parser.add_argument("--first", type=int, default=0, help="seed of the first (0)")
    parser.add_argument("--jobs", type=int, default=2, help="processes (2)")
    options = parser.parse_args()
    data = real_data(as_json=options.json)
    if data is None:
        return 0
    with tempfile.TemporaryDirectory() as folder:
        base = Path(folder) / "base"
        for name, choose in _SAMPLES.items():
            choose(data / name, base / name)
        work = joblib.delayed(one_input)
        seeds = range(options.first, options.first + options.inputs)
        outcomes = joblib.Parallel(n_jobs=options.jobs)(
            work(seed, base, Path(folder)) for seed in seeds
        )
    counts = Counter(outcome.kind for outcome in outcomes)
    lines = [f"{count:>7} {kind}" for kind, count in counts.most_common()]
    wrong = [(s, o) for s, o in zip(seeds, outcomes, strict=True) if o.detail]
    for seed, outcome in wrong[:20]:
        lines.append(f"--- input {seed}: {outcome.kind}\n{outcome.detail}")
    checks = [
        Check(name="damaged inputs", value=len(outcomes), least=options.inputs),
        *(
            Check(name=kind, value=counts[kind], most=0)
            for kind in ("crashed", "hung", "read wrongly", "refused without saying where")
        ),
    ]
    return report(checks, as_json=options.json, table="\n".join(lines))


def one_input(seed: int, base: Path, folder: Path) -> Outcome:
    """Damage a copy of one of the collections, and see."""
    rng = random.Random(seed)
    name = rng.choice(sorted(_SAMPLES))
    root = folder / f"心音 数据 {seed}" / "a b"
    shutil.copytree(base / name, root)
    done = []
    for _ in range(rng.choice([1, 1, 1, 2, 3])):
        with suppress(OSError):  # the place was damaged already
            done.append(rng.choice(DAMAGES)(root, rng))
    signal.signal(signal.SIGALRM, _hang)
    signal.alarm(_LIMIT_S)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            fault = _read(name, root, base / name)
    except (DataError, SettingError) as error:
        if str(root) in str(error) and "\n" not in str(error):
            return Outcome("refused")
        return Outcome("refused without saying where", f"{name}: {done}\n{error}")
    except TimeoutError:
        return Outcome("hung", f"{name}: {done}")
    except Exception:  # noqa: BLE001  any other end is what is looked for
        return Outcome("crashed", f"{name}: {done}\n{traceback.format_exc(limit=-6)}")
    finally:
        signal.alarm(0)
        shutil.rmtree(root.parent, ignore_errors=True)
    return Outcome("read wrongly", f"{name}: {done}\n{fault}") if fault else Outcome("read")


def _hang(number: int, frame: FrameType | None) -> None:
    raise TimeoutError


def _read(name: str, root: Path, base: Path) -> str:
    """Read and prepare; returns what is wrong with the result."""
    read = READERS[name].read  # type: ignore[index]
    collection = read(root, max_damaged=1.0, strict=False)
    cycles, *_ = prepare(collection, SignalConfig(), store=root.parent / "store")
    return (
        _wrong_labels(name, collection, read(base, max_damaged=1.0, strict=False))
        or _wrong_samples(collection, {one.recording_id for one in cycles.recordings})
        or _wrong_cycles(cycles)
    )


def _wrong_labels(name: str, collection: Collection, before: Collection) -> str:
    persons = {one.subject_id for one in collection.subjects}
    for recording in collection.recordings:
        if recording.subject_id not in persons:
            return f"{recording.recording_id} is of nobody"
    if len({one.recording_id for one in collection.recordings}) < len(collection.recordings):
        return "two recordings of one name"
    old = {one.subject_id: one.labels for one in before.subjects}
    for owner in (*collection.subjects, *collection.recordings):
        for label, value in owner.labels.items():
            if value not in _LABELS[name][label]:
                return f"{owner.subject_id}: {label} {value!r}"
    if _tables(collection.root) == _tables(before.root):
        for subject in collection.subjects:
            if subject.subject_id in old and subject.labels != old[subject.subject_id]:
                return f"{subject.subject_id}: {subject.labels}"
    return ""


def _tables(root: Path) -> dict[str, bytes]:
    """What the labels are read from."""
    return {
        path.relative_to(root).as_posix(): path.read_bytes()
        for path in root.rglob("*")
        if path.suffix in (".csv", ".txt", ".hea") and path.is_file()
    }


def _wrong_samples(collection: Collection, usable: set[str]) -> str:
    for recording in collection.recordings:
        if recording.recording_id not in usable:
            continue
        samples, rate = read_audio(recording.path)
        try:
            other, other_rate = soundfile.read(recording.path, dtype="float64", always_2d=True)
        except soundfile.LibsndfileError:
            continue  # it is stricter about sizes in headers; there is nothing to compare
        if rate != other_rate:
            return f"{recording.path.name}: {rate} Hz, not {other_rate} Hz"
        if len(samples) > len(other):
            return f"{recording.path.name}: {len(samples)} samples, not {len(other)}"
        peak = max(1.0, float(np.abs(other).max(initial=0.0)))
        mean = other.mean(axis=1)[: len(samples)] / peak
        if not np.allclose(samples, mean, atol=1e-6):
            return f"{recording.path.name}: other samples"
    return ""


def _wrong_cycles(cycles: Any) -> str:  # noqa: ANN401
    first, last = cycles.offsets[cycles.recording], cycles.offsets[cycles.recording + 1]
    if not np.isfinite(cycles.samples).all():
        return "samples that are no numbers"
    if (np.diff(cycles.bounds, axis=1) < 0).any():
        return "a cycle that goes back in time"
    if (cycles.bounds[:, 0] < first).any() or (cycles.bounds[:, -1] > last).any():
        return "a cycle outside of its recording"
    if set(cycles.recording) != set(range(len(cycles.recordings))):
        return "a recording without a cycle"
    return ""


def _shortest(paths: list[Path], count: int) -> list[Path]:
    return sorted(paths, key=lambda path: (path.stat().st_size, path.name))[:count]


def _some_circor(source: Path, target: Path) -> None:
    """Three patients and their shortest recordings, as their table and text files list them."""
    with (source / "training_data.csv").open(newline="") as file:
        rows = list(csv.reader(file))
    chosen: list[list[str]] = []
    for murmur in ("Present", "Absent", "Unknown"):
        size = {
            row[0]: sum(
                path.stat().st_size for path in source.glob(f"training_data/{row[0]}_*.wav")
            )
            for row in rows[1:]
            if row[7] == murmur
        }
        chosen.append(next(row for row in rows if row[0] == min(size, key=lambda k: (size[k], k))))
    (target / "training_data").mkdir(parents=True)
    with (target / "training_data.csv").open("w", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows([rows[0], *chosen])
    for row in chosen:
        for path in source.glob(f"training_data/{row[0]}[._]*"):
            shutil.copy(path, target / "training_data" / path.name)


def _some_physionet2016(source: Path, target: Path) -> None:
    """Two short recordings each of the databases a, b and e."""
    kept: list[str] = []
    for name in ("training-a", "training-b", "training-e"):
        (target / name).mkdir(parents=True)
        some = _shortest(list((source / name).glob("*.wav")), 2)
        stems = [path.stem for path in some]
        kept += stems
        for path in (source / name).iterdir():
            if path.stem in stems:
                shutil.copy(path, target / name / path.name)
            elif path.is_file() and path.suffix in (".csv", "") and path.stat().st_size < 1e6:
                _copy_rows(path, target / name / path.name, stems)
        for folder in ("hand_corrected", "springer_alg"):
            for path in (source / "annotations" / folder).rglob("*.mat"):
                if path.stem.split("_")[0] in stems:
                    place = target / path.relative_to(source)
                    place.parent.mkdir(parents=True, exist_ok=True)
                    shutil.copy(path, place)
    for path in (source / "annotations").glob("*.csv"):
        _copy_rows(path, target / "annotations" / path.name, kept, header=True)


def _some_pascal(source: Path, target: Path) -> None:
    """The shortest recording of each class and set, and every table whole."""
    for name in ("set_a", "set_b"):
        (target / name).mkdir(parents=True)
        by_class: dict[str, list[Path]] = {}
        for path in (source / name).glob("*.wav"):
            by_class.setdefault(path.name.split("_")[0], []).append(path)
        for paths in by_class.values():
            for path in _shortest(paths, 1):
                shutil.copy(path, target / name / path.name)
    for path in source.glob("*.csv"):
        shutil.copy(path, target / path.name)


def _copy_rows(source: Path, target: Path, stems: list[str], *, header: bool = False) -> None:
    lines = source.read_bytes().split(b"\n")
    names = tuple(stem.encode() for stem in stems)
    wanted = [line for number, line in enumerate(lines)
              if (header and number == 0) or line.startswith(names)]  # fmt: skip
    target.write_bytes(b"\n".join(wanted) + b"\n")


_SAMPLES: dict[str, Callable[[Path, Path], None]] = {
    "circor": _some_circor,
    "physionet2016": _some_physionet2016,
    "pascal": _some_pascal,
}


if __name__ == "__main__":
    began = time.monotonic()
    code = main()
    print(f"{time.monotonic() - began:.0f} s", file=sys.stderr)
    sys.exit(code)
