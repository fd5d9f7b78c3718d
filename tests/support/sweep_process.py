"""A process of a sweep whose trials train nothing.

    python sweep_process.py FOLDER STORAGE SECONDS

What each trial comes to follows from its values. Each writes a line to `FOLDER/done` when it begins
and when it ends; `SECONDS` is how long it takes.
"""

import json
import os
import sys
import time
from pathlib import Path

from pahcl_core.studies import sweep as module
from pahcl_core.studies.sweep import sweep
from pahcl_core.studies.sweep_plan import SweepConfig, SweepPlan, planned_sweep
from pahcl_core.training.settings import FinetuneConfig
from pahcl_track import NullTracker, Run

NUM_TRIALS = 8
SPACE = {"optimiser.lr": {"low": 1e-4, "high": 1e-2, "log": True}, "pooling": ["mean", "vote"]}


def made_up_plan(folder: Path, **changes: object) -> SweepPlan:
    """Of a sweep that gives up on a silent process after ten seconds."""
    config = SweepConfig(
        **{
            "task": "circor_murmur",
            "method": "random",
            "trials": NUM_TRIALS,
            "lost_after_s": 10.0,
            **changes,
        }
    )
    base = FinetuneConfig(
        task="circor_murmur", data_dir=folder, output_dir=folder, experiment_name="sweep"
    )
    return planned_sweep(config, base, SPACE, source="made up")


def write(folder: Path, word: str, config: FinetuneConfig) -> None:
    """A whole line at once, which no other process can come between."""
    line = [word, os.getpid(), config.name, config.optimiser.lr, config.pooling]
    with (folder / "done").open("ab", buffering=0) as file:
        file.write(json.dumps(line).encode() + b"\n")


def main() -> None:
    """Work until nothing is left."""
    folder, storage, seconds = Path(sys.argv[1]), sys.argv[2] or None, float(sys.argv[3])

    def carried_through(config: FinetuneConfig, **others: object) -> dict[str, object]:
        write(folder, "begun", config)
        time.sleep(seconds)
        write(folder, "ended", config)
        return {"val_auroc": config.optimiser.lr}

    module.carried_through = carried_through
    module.read_cohort = lambda config, progress: None
    sweep(
        made_up_plan(folder),
        storage=storage,
        tracker=NullTracker,
        describe=lambda config: Run(name=config.name, directory=config.output_dir / config.name),
    )


if __name__ == "__main__":
    main()
