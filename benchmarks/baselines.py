"""What simple features reach on real recordings: the bar that a model is held to.

    PAHCL_REAL_DATA=DATA python benchmarks/baselines.py [--seeds N] [--task NAME] [--json]

Each feature set of `pahcl baseline` with each of its classifiers, on every task: five folds by
person, those of the probe of the same seed (`pahcl_core.training.probe`), so that figures can be
put beside `benchmarks/probe.py`. The figure is the macro AUROC of units, patients or recordings,
its mean over the seeds of the folds; the interval is over resamples of the persons, first seed.
There is no budget: these are the figures to beat.
"""

import argparse
import sys
import tempfile
from pathlib import Path
from typing import get_args

import numpy as np
from _checks import Check, format_table, real_data, report

from pahcl_core.baselines.classifiers import fit
from pahcl_core.baselines.features import recording_features
from pahcl_core.baselines.settings import BaselineConfig, Features, Model
from pahcl_core.data.tasks import TASKS, Task
from pahcl_core.metrics.bootstrap import bootstrap
from pahcl_core.training.conclusion import score_predictions
from pahcl_core.training.evaluation import Predictions
from pahcl_core.training.people import read_cohort
from pahcl_core.training.rows import Foretell, foretold_patients


def main() -> int:
    """Read, learn in folds, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--task", action="append", choices=list(TASKS))
    parser.add_argument("--store", type=Path, help="Where prepared recordings are kept.")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    data = real_data(as_json=options.json)
    if data is None:
        return 0
    checks, rows = [], []
    with tempfile.TemporaryDirectory() as scratch:
        store = options.store or Path(scratch)
        for name in options.task or TASKS:
            of_task = _of_task(TASKS[name], data, store, range(options.seeds))
            rows += [row for row, _ in of_task]
            checks += [check for _, check in of_task]
    titles = ["task", "n", "features", "model", "macro AUROC", "95 %"]
    return report(checks, as_json=options.json, table=format_table(titles, rows))


def _of_task(task: Task, data: Path, store: Path, seeds: range) -> list[tuple[list[str], Check]]:
    """A row of the table and a figure for each feature set and each classifier."""
    config = BaselineConfig(
        features="log_mel", task=task.name, data_dir=data / task.collection, store=store
    )
    cohort = read_cohort(config.as_finetune, lambda items, total: items)
    found = []
    for features in get_args(Features):
        rows = recording_features(cohort.cycles, features, config.spectrum, config.signal)
        for model in get_args(Model):
            said = [
                foretold_patients(
                    *rows, cohort, task, seed=seed, foretell=_taught(model, task, seed)
                )
                for seed in seeds
            ]
            mean = float(np.mean([score_predictions(one, task).values["auroc"] for one in said]))
            cells = [task.name, f"{len(said[0].subjects)} {task.unit}s", features, model]
            cells += [f"{mean:.3f}", _interval(said[0], task)]
            print(*cells, file=sys.stderr, flush=True)
            check = Check(name=f"{task.name}: {features}, {model}: macro AUROC", value=mean)
            found.append((cells, check))
    return found


def _taught(model: Model, task: Task, seed: int) -> Foretell:
    def foretell(rows, labels, persons, asked):  # noqa: ANN001, ANN202  those of Foretell
        learnt = fit(model, rows, labels, persons, num_classes=len(task.classes), seed=seed)
        return learnt.probabilities(asked)

    return foretell


def _interval(said: Predictions, task: Task) -> str:
    found = bootstrap(
        said.labels,
        said.probabilities,
        [subject.person_id for subject in said.subjects],
        class_names=task.classes,
        positive=task.positive,
        names=["auroc"],
    )["auroc"]
    return f"[{found.low:.3f}, {found.high:.3f}]"


if __name__ == "__main__":
    sys.exit(main())
