"""A pretraining killed again and again at random moments and resumed ends as one left alone.

    python benchmarks/resume_kills.py [--kills N] [--seed N] [--json]

Each round is `pahcl pretrain` on synthetic recordings, with one of several objectives in turn, so
that a queue, an encoder that follows, and weights that rise are to be gone on with, too. It is
killed with SIGKILL, resumed with `--resume`, killed again, until it gets to its end; a run that was
killed before it had written its settings is begun again. Moments are spread evenly over the time
that a whole run takes; every third kill comes within a twentieth of a second after one of the
run's files has appeared or changed, because what is done between two files takes no time at all.

Then everything that the run has left is compared with what one that nobody disturbed has left, to
the byte: models, metrics, splits and settings. Of the journal, each value under its name and step,
the files and the outcome have to be the same; times, and cycles per second, may differ.
"""

import argparse
import fcntl
import itertools
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from _checks import Check, format_table, report
from _compared_runs import content, end_of, values_of
from _kills import mark_children, orphans

from pahcl_core.data.synthetic_circor import write_synthetic_circor

_CONTRAST = ("objective.cycle_weight=1", "objective.substructure_weight=0.5")
_QUEUE = ("objective.negatives=queue", "objective.queue_size=50", "objective.momentum=0.9")
OBJECTIVES: dict[str, tuple[str, ...]] = {
    "default": (),
    "contrast": (*_CONTRAST, "objective.prediction_weight=0"),
    "queue": (*_CONTRAST, *_QUEUE),
    "rising weight": (*_CONTRAST, "objective.cycle_full=0.5"),
}
_SMALL = (
    *("encoder.width=16", "encoder.num_blocks=1", "encoder.state_size=4", "encoder.window_s=1.024"),
    *("encoder.dropout=0.2", "signal.sample_rate=500", "signal.high_hz=200"),
    *("training.cycles_per_recording=4", "training.batch_size=16", "training.patience=4"),
    *("training.log_every=1", "training.histogram_every=3", "training.checkpoint_every=3"),
)
_NAME = "run"
_SAME = ("config.toml", "splits.json", "final_metrics.json")
_MARKS = ("config.toml", "splits.json", "journal.jsonl", "best_model.pt", "resume.pt",
          "final_metrics.json")  # fmt: skip
_SCRATCH = ("*.tmp", "*.unfinished", "*.part", "resume.pt")
_AIMED = 3  # of so many kills, one comes right after a file
_AIM_S = 0.05
_BEYOND = 1.2  # a run may take longer than the last, and has to come to its end at last
_PAUSE_S = 0.001


@dataclass(kw_only=True, slots=True)
class Found:
    """What all rounds came to."""

    rounds: int = 0
    kills: Counter[str] = field(default_factory=Counter)
    """By where the run stood."""

    faults: Counter[str] = field(default_factory=Counter)
    """What differs, was left or ended otherwise than it should; in rounds."""

    told: list[str] = field(default_factory=list)
    """A line on each fault."""

    def blame(self, fault: str, what: str) -> None:
        """Note a fault."""
        self.faults[fault] += 1
        self.told.append(f"round {self.rounds}, {fault}: {what}")


FAULTS = (
    "another model, metrics, splits or settings",
    "a value in the journal missing, left over, twice or wrong",
    "another end of the journal",
    "scratch files left",
    "locks left",
    "could not be resumed",
)


class Rounds:
    """Runs that are killed, and those that nobody disturbs."""

    def __init__(self, folder: Path, *, epochs: int, seed: int) -> None:
        """Write the recordings, and have one run of each objective go to its end."""
        self.folder, self.found = folder, Found()
        self._epochs, self._rng = epochs, random.Random(seed)
        self._data = folder / "circor"
        write_synthetic_circor(self._data, num_patients=16, seed=1, duration_s=(3.0, 3.5))
        self._order = itertools.cycle(OBJECTIVES)
        self.whole_s = 0.0
        """What the last run took that nobody disturbed; the machine has other work, too."""
        for name in OBJECTIVES:
            began = time.monotonic()
            ended, said = self._run(self._begin(name), folder / name)
            self.whole_s = time.monotonic() - began
            if ended != 0:
                raise RuntimeError(f"a run that nobody disturbed ended with {ended}: {said}")

    def one(self, most: int) -> None:
        """A round, of at most so many kills."""
        found, name = self.found, next(self._order)
        found.rounds += 1
        folder = self.folder / f"round{found.rounds}"
        run = folder / "out" / _NAME
        kills = 0
        while True:
            resumes = (run / "config.toml").exists()
            complete = _standing(run) == "leaving"
            command = ["--resume", f"out/{_NAME}"] if resumes else self._begin(name)
            began = time.monotonic()
            again = kills < most and not complete
            ended, said = self._run(command, folder, self._when() if again else None)
            if ended != -signal.SIGKILL:
                if ended == 0 and not resumes:
                    self.whole_s = time.monotonic() - began
                break
            kills += 1
            found.kills[_standing(run)] += 1
        if ended != 0 and not (complete and "this run is complete" in said):
            found.blame("could not be resumed", f"{name}: {ended}: {said}")
            return
        for fault, what in _compared(run, self.folder / name / "out" / _NAME):
            found.blame(fault, f"{name}: {what}")

    def _begin(self, name: str) -> list[str]:
        settings = [part for one in (*_SMALL, *OBJECTIVES[name]) for part in ("--set", one)]
        given = ["--data-dir", str(self._data), "--output-dir", "out", "--experiment-name", _NAME]
        return [*given, "--epochs", str(self._epochs), "--tracker", "journal", *settings]

    def _when(self) -> tuple[str | None, float]:
        """The file after whose appearance, or change, a kill comes, and how many seconds after."""
        if self._rng.randrange(_AIMED) == 0:
            return self._rng.choice(_MARKS), self._rng.random() * _AIM_S
        return None, self._rng.random() * _BEYOND * self.whole_s

    def _run(
        self, arguments: Sequence[str], folder: Path, when: tuple[str | None, float] | None = None
    ) -> tuple[int, str]:
        """How a run ended, and the last that it said."""
        folder.mkdir(exist_ok=True)
        with tempfile.TemporaryFile("w+") as said:
            process = subprocess.Popen(
                [sys.executable, "-m", "pahcl_cli", "pretrain", *arguments],
                cwd=folder,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=said,
            )
            if when is not None and _still_runs_at(process, folder / "out" / _NAME, *when):
                process.kill()
            process.wait()
            said.seek(0)
            return process.returncode, said.read()[-2000:]


def main() -> int:
    """Kill, resume, compare, report."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--json", action="store_true", help="print the counts as JSON")
    parser.add_argument("--kills", type=int, default=100, help="in all (%(default)s)")
    parser.add_argument("--epochs", type=int, default=8, help="of a run (%(default)s)")
    parser.add_argument("--seed", type=int, default=0, help="of the moments (%(default)s)")
    options = parser.parse_args()
    mark_children()
    os.environ["OMP_NUM_THREADS"] = "1"
    with tempfile.TemporaryDirectory() as folder:
        rounds = Rounds(Path(folder), epochs=options.epochs, seed=options.seed)
        found = rounds.found
        while found.kills.total() < options.kills or found.rounds == 0:
            rounds.one(options.kills - found.kills.total())
        left = orphans()
    checks = [Check(name="kills", value=found.kills.total(), least=options.kills)]
    checks += [Check(name=f"rounds: {one}", value=found.faults[one], most=0) for one in FAULTS]
    checks.append(Check(name="processes that did not end", value=left, most=0))
    return report(checks, as_json=options.json, table=_table(rounds), details=_details(rounds))


def _still_runs_at(
    process: subprocess.Popen[bytes], run: Path, mark: str | None, after_s: float
) -> bool:
    """Wait for the moment; whether the process has not ended by then."""
    before = None if mark is None else _stamp(run / mark)
    while mark is not None and _stamp(run / mark) == before:
        if process.poll() is not None:
            return False
        time.sleep(_PAUSE_S)
    try:
        process.wait(timeout=after_s)
    except subprocess.TimeoutExpired:
        return True
    return False


def _stamp(path: Path) -> tuple[int, int] | None:
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_ino, status.st_mtime_ns


def _standing(run: Path) -> str:
    """How far a run had come."""
    if (run / "final_metrics.json").exists() and not (run / "resume.pt").exists():
        return "leaving"
    far = {"final_metrics.json": "at the end", "resume.pt": "after an epoch",
           "journal.jsonl": "in the first epoch", "config.toml": "reading"}  # fmt: skip
    return next((told for name, told in far.items() if (run / name).exists()), "starting")


def _compared(run: Path, whole: Path) -> Iterator[tuple[str, str]]:
    """Each fault of a run that went on to its end, and what it is."""
    names = [*_SAME, *sorted({path.name for one in (run, whole) for path in one.glob("*.pt")})]
    names = [name for name in names if name != "resume.pt"]
    if differ := [name for name in names if content(run / name) != content(whole / name)]:
        yield FAULTS[0], ", ".join(differ)
    mine, theirs = values_of(run), values_of(whole)
    if differ := [key for key in {*mine, *theirs} if mine.get(key) != theirs.get(key)]:
        yield FAULTS[1], f"{len(differ)}, such as {sorted(differ)[0]}"
    if end_of(run) != end_of(whole):
        yield FAULTS[2], f"{end_of(run)} instead of {end_of(whole)}"
    if left := sorted({path.name for one in _SCRATCH for path in run.parent.rglob(one)}):
        yield FAULTS[3], ", ".join(left)
    if held := [name for name in ("train.log", "journal.jsonl") if _is_locked(run / name)]:
        yield FAULTS[4], ", ".join(held)


def _is_locked(path: Path) -> bool:
    with path.open("a") as stream:
        try:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return True
    return False


def _details(rounds: Rounds) -> dict[str, Any]:
    found = rounds.found
    return {
        "rounds": found.rounds,
        "kills": dict(found.kills),
        "whole_s": rounds.whole_s,
        "faults": found.told,
    }


def _table(rounds: Rounds) -> str:
    found = rounds.found
    rows = [[where, str(count)] for where, count in found.kills.most_common()]
    return "\n".join(
        [
            f"{found.rounds} rounds; a run that nobody disturbed took {rounds.whole_s:.1f} s",
            format_table(["killed", "times"], rows),
            *found.told,
        ]
    )


if __name__ == "__main__":
    sys.exit(main())
