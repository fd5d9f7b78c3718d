"""One run of a study, whatever its kind: done, gone on with, or found complete."""

import json
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from pahcl_core.baselines.baseline import baseline, describe_baseline
from pahcl_core.baselines.settings import BaselineConfig
from pahcl_core.studies.begun_with import Settings
from pahcl_core.studies.study import PlannedRun
from pahcl_core.training.finetune import describe_finetune, finetune
from pahcl_core.training.pretrain import describe_pretrain, pretrain
from pahcl_core.training.run_directory import is_complete, write_json
from pahcl_core.training.settings import PretrainConfig
from pahcl_track import Tracker

_TIMING = "timing.json"


@runtime_checkable
class Tracked(Protocol):
    """How the runs of a study are reported; goes to other processes, so it can be pickled."""

    def tracker(self) -> Tracker:
        """A fresh one for a run."""
        ...

    def described(self, config: Settings) -> Mapping[str, Any]:
        """What a tracker is told of a run beside what its settings say: fields of `Run`."""
        ...


def member_done(run: PlannedRun[Any], tracked: Tracked) -> None:
    """Do a run, or go on with it; nothing where it is complete. How long it took is written down.

    Raises:
        DataError, SettingError, TrainingError: As what it does.
    """
    config, directory = run.config, run.directory
    if is_complete(directory):
        return
    goes_on, started = directory.exists(), time.perf_counter()
    fields = {"name": run.name, **tracked.described(config)}
    if isinstance(config, BaselineConfig):
        baseline(config, tracker=tracked.tracker(), run=describe_baseline(config, **fields))
    elif isinstance(config, PretrainConfig):
        described = describe_pretrain(config, **fields)
        pretrain(config, tracker=tracked.tracker(), run=described, resume=goes_on)
    else:
        described = describe_finetune(config, **fields)
        finetune(config, tracker=tracked.tracker(), run=described, resume=goes_on)
    if not goes_on:
        write_json(directory / _TIMING, {"seconds": time.perf_counter() - started})


def seconds_of(directory: Path) -> float | None:
    """That a run took; None where it was interrupted on the way, or nothing is known."""
    try:
        return float(json.loads((directory / _TIMING).read_text(encoding="utf-8"))["seconds"])
    except (OSError, ValueError, KeyError, TypeError):
        return None
