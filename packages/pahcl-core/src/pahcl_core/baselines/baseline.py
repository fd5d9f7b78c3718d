"""A baseline as a run: read, learn, score on persons not seen, written down as a fine-tuning is.

Recordings are learnt one by one, each with its own label; a patient follows from their recordings
as the task has it (`data.tasks`). Of several labels each has a classifier of its own, which learns
from the recordings that have the label. With the same seed the persons trained on, validated and
tested on are those of a fine-tuning, so that the two can be compared person by person.
"""

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float64

from pahcl_core.baselines.classifiers import Alike, Learnt, fit
from pahcl_core.baselines.embeddings import Frozen, load_frozen
from pahcl_core.baselines.features import recording_features
from pahcl_core.baselines.settings import BaselineConfig
from pahcl_core.config import to_dict, write_toml
from pahcl_core.data.preparation import Progress
from pahcl_core.data.split_files import write_split
from pahcl_core.data.tasks import Task
from pahcl_core.errors import DataError
from pahcl_core.metrics.classification import Scores
from pahcl_core.training.conclusion import conclusion
from pahcl_core.training.evaluation import Predictions
from pahcl_core.training.final_metrics import final_metrics
from pahcl_core.training.people import Cohort, read_cohort, training_ids
from pahcl_core.training.prediction_files import tables_of_test, write_predictions
from pahcl_core.training.reporting import Guarded, reported
from pahcl_core.training.rows import Labelled, labelled_rows, said_of_patients
from pahcl_core.training.run_directory import (
    CONFIG,
    METRICS,
    PREDICTIONS,
    SPLIT,
    run_directory,
    write_json,
)
from pahcl_core.training.run_report import MakeReport, save_report
from pahcl_core.training.scoring import model_outputs, told_by_label
from pahcl_track import Run, Tracker

log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True, slots=True)
class BaselineResult:
    """What a baseline came to."""

    directory: Path
    metrics: Mapping[str, Any]
    """The content of `final_metrics.json`."""


def describe_baseline(config: BaselineConfig, /, **fields: Any) -> Run:  # noqa: ANN401
    """The run as a tracker is told of it; `fields` are further ones of `Run`."""
    settled = {
        "name": config.name,
        "directory": config.output_dir / config.name,
        "job_type": "baseline",
        "config": to_dict(config),
    }
    return Run(**{**settled, **fields})


def baseline(
    config: BaselineConfig,
    *,
    tracker: Tracker,
    run: Run | None = None,
    progress: Progress = lambda items, total: items,
    report: MakeReport | None = None,
) -> BaselineResult:
    """Fit a classifier of a task to simple features, and score it on persons it has not seen.

    Writes to `run.directory`: `config.toml`, `splits.json`, `train.log`, `predictions.csv`,
    `final_metrics.json`.

    Args:
        config: Everything that changes the result.
        tracker: Told of the run; whatever it raises, the run goes on.
        run: What the tracker is told of the run; by default what `config` says.
        progress: Shown the recordings as they are read.
        report: Makes a page about the run when everything else is written; where it fails, the run
            does not.

    Raises:
        DataError: If the data or the checkpoint cannot be used.
        SettingError: If the run's directory cannot be written to, or the checkpoint's recordings
            were prepared in another way.
    """
    run = run or describe_baseline(config)
    frozen = load_frozen(config)
    tracker = Guarded(tracker)
    with run_directory(run.directory) as directory:
        write_toml(directory / CONFIG, {**run.config, **to_dict(config)})
        reading = config.as_finetune if frozen is None else frozen.reading(config.as_finetune)
        cohort = read_cohort(reading, progress)
        task = reading.definition
        write_split(directory / SPLIT, cohort.split)
        with reported(run, tracker) as summary:
            tracker.save(directory / CONFIG, kind="config")
            tracker.save(directory / SPLIT, kind="split")
            models, told = learnt(config, cohort, task, frozen)
            found = conclusion(config.operating_point, told, task)
            metrics = (
                final_metrics(
                    cohort,
                    task,
                    told,
                    found.scores,
                    features=config.features,
                    model=config.model,
                    strength=told_by_label({label: one.strength for label, one in models.items()}),
                    operating_point=found.operating_point,
                    seed=config.seed,
                    **({} if frozen is None else frozen.account(cohort)),
                )
                | found.assessed
            )
            named = _named(found.scores)
            tracker.log({**tables_of_test(found.parts, task), **named}, step=0)
            summary.update({n: v for n, v in named.items() if not n.startswith("train/")})
            write_predictions(directory / PREDICTIONS, found.parts, task)
            write_json(directory / METRICS, metrics)
            tracker.save(directory / PREDICTIONS, kind="predictions")
            tracker.save(directory / METRICS, kind="metrics")
            save_report(report, directory, tracker)
    return BaselineResult(directory=directory, metrics=metrics)


def learnt(
    config: BaselineConfig, cohort: Cohort, task: Task, frozen: Frozen | None = None
) -> tuple[dict[str, Learnt], dict[str, Predictions]]:
    """The classifier of each label, and what they say of everyone by split.

    The splits are `train`, `val` and `test`. One of several labels in which all training recordings
    are alike is told by how many there are, and warned of.

    Args:
        config: What is learnt from, and how.
        cohort: Of whom.
        task: What.
        frozen: The encoder, where embeddings are learnt from.

    Raises:
        DataError: If the training recordings have one class alone, of every label.
    """
    if frozen is None:
        heard, rows = recording_features(
            cohort.cycles, config.features, config.spectrum, config.signal
        )
    else:
        heard, rows = frozen.embed(cohort)
    train_ids = training_ids(config.as_finetune, cohort, task)
    owner = np.array([cohort.cycles.recordings[number].subject_id for number in heard])
    is_trained_on = np.isin(owner, train_ids)
    models = dict[str, Learnt]()
    for label, part in task.parts.items():
        known = labelled_rows(heard, cohort, part)
        own = known.among(is_trained_on[known.place])
        models[label] = _fitted(config, rows, own, part)
    if all(isinstance(one, Alike) for one in models.values()):
        raise DataError(
            f"{cohort.collection.root}: all training recordings are alike in "
            f"{', '.join(task.labels or (task.label,))}; there is nothing to tell apart"
        )
    for label, one in models.items():
        if isinstance(one, Alike):
            log.warning(
                "all training recordings are alike in %s: everybody is told the same of it", label
            )
    said = model_outputs({label: one.probabilities(rows) for label, one in models.items()}, task)
    sides = {**cohort.by_name, "train": train_ids}
    return models, {
        side: said_of_patients(cohort.subjects(ids), heard, said, cohort, task)
        for side, ids in sides.items()
    }


def _fitted(
    config: BaselineConfig, rows: Float64[np.ndarray, "rows features"], own: Labelled, task: Task
) -> Learnt:
    """The classifier of one label, from the rows that are learnt from."""
    if len(np.unique(own.labels)) < 2:
        return Alike(own.labels, len(task.classes))
    return fit(
        config.model,
        rows[own.place],
        own.labels,
        own.persons,
        num_classes=len(task.classes),
        seed=config.seed,
    )


def _named(scores: Mapping[str, Scores]) -> dict[str, float]:
    return {f"{split}/{n}": v for split, one in scores.items() for n, v in one.values.items()}
