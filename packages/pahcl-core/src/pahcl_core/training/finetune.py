"""Fine-tuning: a small labelled set teaches an encoder a clinical task, scored by patient."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from pahcl_core.config import to_dict
from pahcl_core.data.preparation import Progress
from pahcl_core.data.split_files import write_split
from pahcl_core.training.beginning import begun
from pahcl_core.training.checkpoint import load_checkpoint, load_fitting, save_checkpoint
from pahcl_core.training.conclusion import conclusion, heard_at
from pahcl_core.training.device import resolve_device
from pahcl_core.training.finetuning import RATE, Finetuning, named
from pahcl_core.training.loop import Trained, train
from pahcl_core.training.people import read_cohort
from pahcl_core.training.prediction_files import (
    tables_of_test,
    write_instances,
    write_predictions,
)
from pahcl_core.training.reporting import reported
from pahcl_core.training.run_directory import (
    BEST,
    INSTANCES,
    METRICS,
    PREDICTIONS,
    SPLIT,
    write_json,
)
from pahcl_core.training.run_report import MakeReport, save_report
from pahcl_core.training.settings import FinetuneConfig
from pahcl_core.training.watching import Watch, unwatched
from pahcl_track import Run, Tracker, Value


@dataclass(frozen=True, kw_only=True, slots=True)
class FinetuneResult:
    """What a fine-tuning came to."""

    directory: Path
    metrics: Mapping[str, Any]
    """The content of `final_metrics.json`."""


def describe_finetune(config: FinetuneConfig, /, **fields: Any) -> Run:  # noqa: ANN401
    """The run as a tracker is told of it; `fields` are further ones of `Run`."""
    settled = {
        "name": config.name,
        "directory": config.output_dir / config.name,
        "job_type": "linear_eval" if config.linear_eval else "finetune",
        "config": to_dict(config),
    }
    return Run(**{**settled, **fields})


def finetune(
    config: FinetuneConfig,
    *,
    tracker: Tracker,
    run: Run | None = None,
    resume: bool = False,
    progress: Progress = lambda items, total: items,
    watch: Watch = unwatched,
    report: MakeReport | None = None,
) -> FinetuneResult:
    """Train a classifier of a task on a collection, and score it on persons it has not seen.

    Writes to `run.directory`: `config.toml`, `splits.json`, `train.log`, `best_model.pt`,
    `epoch_<n>.pt`, `predictions.csv`, `instances.csv`, `final_metrics.json`.

    Args:
        config: Everything that changes the result.
        tracker: Told of the run as it goes; whatever it raises, training goes on.
        run: What the tracker is told of the run; by default what `config` says.
        resume: Go on with the run in that directory, which was interrupted or killed, and whose
            `config` this is. It ends with the bits of one that was not.
        progress: Shown the batches of each epoch, and the recordings as they are read.
        watch: Shown the validation scores of each epoch; it may end the run, which then stands as
            one that was interrupted.
        report: Makes a page about the run when everything else is written; where it fails, the run
            does not.

    Raises:
        EndedEarly: If `watch` does.
        DataError: If the data cannot be used.
        SettingError: If a setting does not fit the data, the checkpoint or the machine.
        TrainingError: If the loss is no longer a number.
    """
    run = run or describe_finetune(config)
    device = resolve_device(config.device)
    pretrained = None
    if config.pretrained is not None:  # refused here, before anything costly, if it does not fit
        pretrained = load_fitting(config.pretrained, config.encoder, config.signal)
    with begun(
        run, config, device=device, tracker=tracker, progress=progress, resume=resume
    ) as one:
        tracker, progress, ranks = one.tracker, one.progress, one.ranks
        directory = one.run.directory
        with ranks.one_then_others():
            cohort = read_cohort(config, progress)
        learner = Finetuning(config, device, pretrained, cohort, ranks)
        if one.state is None:
            learner.begin()
        if one.writes_anew:
            write_split(directory / SPLIT, learner.cohort.split)
        with reported(one.run, tracker) as summary, ranks.together(directory):
            tracker.save(directory / "config.toml", kind="config")
            tracker.save(directory / SPLIT, kind="split")
            trained = train(
                learner,
                schedule=config.training,
                optimiser=config.optimiser.settled(RATE),
                seed=config.seed,
                directory=directory,
                tracker=tracker,
                progress=progress,
                state=one.state,
                ranks=ranks,
                units=learner.draws,
                mix=learner.examples.mix,
                scaler=learner.passes.gradient_scaler(),
                watch=watch,
            )
            metrics = _conclude(learner, trained, directory, tracker, summary)
            if ranks.first:
                save_report(report, directory, tracker)
    return FinetuneResult(directory=directory, metrics=metrics)


def _conclude(
    learner: Finetuning,
    trained: Trained,
    directory: Path,
    tracker: Tracker,
    summary: dict[str, Value],
) -> dict[str, Any]:
    """Score the best epoch on every split, and write it all down."""
    best = load_checkpoint(directory / BEST) if learner.ranks.first else None
    best = learner.ranks.told(best)
    assert best is not None, "the first rank has written it"
    scored = learner.predict_best(best)
    task = learner.task
    predictions = {name: one.predictions for name, one in scored.items()}
    found = conclusion(
        learner.config.operating_point,
        predictions,
        task,
        by_location=heard_at(scored["test"], learner.cycles, task),
    )
    metrics = learner.final_metrics(
        trained,
        predictions,
        found.scores,
        found.operating_point,
    )
    metrics |= found.assessed
    if learner.ranks.first:  # what the model says of others means the same as what it says here
        told = replace(best, temperature=found.temperature, operating_point=found.operating_point)
        save_checkpoint(directory / BEST, told)
    # The tracker first: a disk that is full by now costs the files, not the figures.
    tracker.log(tables_of_test(found.parts, task), step=trained.step)
    tracker.log(named("test", found.scores["test"]), step=trained.step)
    for split in ("val", "test"):
        summary.update({f"best/{k}": v for k, v in named(split, found.scores[split]).items()})
    tracker.save(directory / BEST, kind="checkpoint")
    if learner.ranks.first:
        write_predictions(directory / PREDICTIONS, found.parts, task)
        write_instances(
            directory / INSTANCES, scored["test"].instances, learner.cycles,
            learner.cohort.collection, task,
        )  # fmt: skip
        write_json(directory / METRICS, metrics)
    tracker.save(directory / PREDICTIONS, kind="predictions")
    tracker.save(directory / INSTANCES, kind="instances")
    tracker.save(directory / METRICS, kind="metrics")
    return metrics
