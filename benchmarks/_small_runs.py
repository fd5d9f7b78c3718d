"""Commands that take a second each, on made-up recordings, to be disturbed."""

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from _compared_runs import end_of, values_of
from _forked import Ended, pahcl

from pahcl_core.data.synthetic_circor import write_synthetic_circor
from pahcl_core.data.synthetic_physionet2016 import write_synthetic_physionet2016
from pahcl_track import TrackerError

OUT = "disk"
"""The folder that all of them write to, below the current one."""

_SMALL = (
    *("encoder.width=16", "encoder.num_blocks=1", "encoder.state_size=4", "encoder.window_s=1.024"),
    *("signal.sample_rate=500", "signal.high_hz=200", "training.cycles_per_recording=2"),
    *("training.log_every=1", "training.histogram_every=0"),
)
_BATCH = """
tasks = ["physionet2016"]
modes = ["scratch"]
shots = [1.0]
folds = 2
seeds = 1
[shared]
device = "cpu"
encoder = {width = 16, num_blocks = 1, state_size = 4, window_s = 1.024}
signal = {sample_rate = 500, high_hz = 200}
[train]
training = {epochs = 1, cycles_per_recording = 2}
"""
_SWEEP = """
task = "circor_outcome"
method = "grid"
metric = "loss"
[settings]
[space]
optimiser.lr = [1e-3, 2e-3]
"""
_KEPT = {
    *("config.toml", "study.toml", "splits.json", "predictions.csv", "instances.csv"),
    *("best_model.pt", "sweep.json"),
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Command:
    """One that is disturbed, and how it is gone on with."""

    arguments: Sequence[str | Path]
    again: Callable[[Ended], Sequence[str | Path] | None]
    """What to run after it was disturbed; None where what it said does not tell."""

    left: Callable[[Path], dict[str, Any]]
    """What it leaves below `OUT` that shall be as if nobody had disturbed it."""


def commands(folder: Path, *, epochs: int = 2) -> dict[str, Command]:
    """Each command by its name, with recordings for it, and a store that all but one find ready.

    Args:
        folder: Where the recordings are written, and from which the commands are to be run.
        epochs: Of a training.
    """
    data, store = folder / "circor", folder / "store"
    write_synthetic_circor(data, num_patients=20, seed=2, duration_s=(3.0, 3.5))
    # Of so few patients, too few for folds have murmurs that nobody is sure of.
    many = folder / "physionet2016"
    write_synthetic_physionet2016(many, num_recordings=24, seed=2, duration_s=(5.0, 5.5))
    (folder / "batch.toml").write_text(_BATCH)
    (folder / "sweep.toml").write_text(_SWEEP)
    settings = [part for one in _SMALL for part in ("--set", one)]
    rates = ["--set", "signal.sample_rate=500", "--set", "signal.high_hz=200"]
    to = ["--output-dir", OUT, "--experiment-name", "run", "--tracker", "journal"]
    how = ["--data-dir", data, *to, "--set", f"store={store}", "--epochs", str(epochs), *settings]
    batch = ["--data", f"physionet2016={many}", "--output-dir", OUT, "--store", store]
    prepare = ["data", "prepare", data, *rates, "--store", f"{OUT}/store"]
    given: dict[str, list[str | Path]] = {
        "pretrain": ["pretrain", *how],
        "finetune": ["finetune", "circor_murmur", *how],
        "batch": ["batch", "batch.toml", *batch, "--tracker", "journal"],
        "sweep": ["sweep", "sweep.toml", *to, "--set", f"data_dir={data}", "--set",
                  f"store={store}", "--set", "training.epochs=1", *settings],
    }  # fmt: skip
    made = {"prepare": Command(arguments=prepare, again=lambda _: prepare, left=_store_left)}
    for name, arguments in given.items():
        again = _resumed(arguments)
        made[name] = Command(arguments=arguments, again=again, left=_runs_left)
    return made


def _resumed(arguments: Sequence[str | Path]) -> Callable[[Ended], Sequence[str | Path] | None]:
    """What a run says that one shall do."""

    def again(ended: Ended) -> Sequence[str | Path] | None:
        for line in reversed(ended.said.splitlines()):
            if "--resume " in line:
                return [arguments[0], "--resume", line.split("--resume ")[1].split()[0]]
            if "the same" in line or "goes on from there" in line:
                return arguments
        return None

    return again


def _runs_left(out: Path) -> dict[str, Any]:
    left: dict[str, Any] = {}
    for path in sorted(out.rglob("*")):
        name = path.relative_to(out).as_posix()
        if path.name in _KEPT:
            left[name] = _hash(path)
        elif path.name == "final_metrics.json":
            left[name] = json.loads(path.read_text(encoding="utf-8"), object_hook=_without_duration)
        elif path.name == "journal.jsonl":
            left[name] = _journal_left(path.parent)
        elif path.name == "resume.pt" or path.suffix in (".tmp", ".unfinished"):
            left[name] = "left over"
    return left


def _journal_left(run: Path) -> Any:  # noqa: ANN401
    try:
        outcome, files, _ = end_of(run)
        values = values_of(run)
    except TrackerError as error:
        return str(error)
    # The page about the run is left out where it does not fit.
    return values, outcome, [one for one in files if one[0] != "report.html"]


def _without_duration(table: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in table.items() if key != "seconds"}


def _store_left(out: Path) -> dict[str, Any]:
    store = out / "store"
    return {
        path.relative_to(store).as_posix(): _hash(path)
        for path in sorted(store.rglob("*"))
        if path.is_file()
    }


def _hash(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


GOING_ON = ("could not be gone on with", "another result after going on")
"""Faults that `gone_on_with` finds."""


def gone_on_with(
    command: Command, ended: Ended, folder: Path, wanted: dict[str, Any]
) -> tuple[str, str] | None:
    """Do what a command that was disturbed says, and look at what is left.

    Args:
        command: Which.
        ended: How it did when it was disturbed.
        folder: In which it ran.
        wanted: What it leaves when nobody disturbs it.

    Returns:
        Which of `GOING_ON`, and a line on it; None if all is as it should be.
    """
    arguments = command.again(ended)
    again = None if arguments is None else pahcl(arguments, folder)
    if again is None or again.code != 0:
        said = "" if again is None else f"{again.code} {again.said[-600:]}"
        return GOING_ON[0], f"{ended.said[-300:]} {arguments}: {said}"
    other = differing(command.left(folder / OUT), wanted)
    return (GOING_ON[1], other) if other else None


def differing(left: dict[str, Any], wanted: dict[str, Any]) -> str:
    """Names of what is not as it should be; empty if all is."""
    names = sorted(name for name in {*left, *wanted} if left.get(name) != wanted.get(name))
    return ", ".join(names)
