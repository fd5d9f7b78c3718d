"""Pretraining: cycles, and the phases within them, are told apart without a single label."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pahcl_core.config import to_dict
from pahcl_core.data.preparation import Progress
from pahcl_core.data.split_files import write_splits
from pahcl_core.training.beginning import begun
from pahcl_core.training.cohorts import read_cohorts
from pahcl_core.training.device import resolve_device
from pahcl_core.training.loop import train
from pahcl_core.training.pretraining import Pretraining
from pahcl_core.training.reporting import reported
from pahcl_core.training.run_directory import BEST, METRICS, SPLIT, write_json
from pahcl_core.training.run_report import MakeReport, save_report
from pahcl_core.training.settings import PretrainConfig
from pahcl_core.training.watching import Watch, unwatched
from pahcl_track import Run, Tracker

_RATE = 2e-3  # of what was tried with 32 cycles to a batch (docs/experiments.md)


@dataclass(frozen=True, kw_only=True, slots=True)
class PretrainResult:
    """What a pretraining came to."""

    directory: Path
    checkpoint: Path
    """`best_model.pt`: the encoder of the epoch with the lowest validation loss."""

    metrics: Mapping[str, Any]
    """The content of `final_metrics.json`."""


def describe_pretrain(config: PretrainConfig, /, **fields: Any) -> Run:  # noqa: ANN401
    """The run as a tracker is told of it; `fields` are further ones of `Run`."""
    settled = {
        "name": config.name,
        "directory": config.output_dir / config.name,
        "job_type": "pretrain",
        "config": to_dict(config),
    }
    return Run(**{**settled, **fields})


def pretrain(
    config: PretrainConfig,
    *,
    tracker: Tracker,
    run: Run | None = None,
    resume: bool = False,
    progress: Progress = lambda items, total: items,
    watch: Watch = unwatched,
    report: MakeReport | None = None,
) -> PretrainResult:
    """Train an encoder on unlabelled cycles.

    Writes to `run.directory`: `config.toml`, `splits.json`, `train.log`, `best_model.pt`,
    `epoch_<n>.pt`, `final_metrics.json`.

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
        SettingError: If a setting does not fit the data or the machine.
        TrainingError: If the loss is no longer a number.
    """
    run = run or describe_pretrain(config)
    device = resolve_device(config.device)
    with begun(
        run, config, device=device, tracker=tracker, progress=progress, resume=resume
    ) as one:
        tracker, progress, ranks = one.tracker, one.progress, one.ranks
        directory = one.run.directory
        with ranks.one_then_others():
            cohorts = read_cohorts(config, progress)
        learner = Pretraining(config, device, cohorts, ranks)
        if one.writes_anew:
            splits = {name: cohort.split for name, cohort in cohorts.by_name.items()}
            write_splits(directory / SPLIT, splits, cohorts.val)
        with reported(one.run, tracker) as summary, ranks.together(directory):
            tracker.save(directory / "config.toml", kind="config")
            tracker.save(directory / SPLIT, kind="split")
            trained = train(
                learner,
                schedule=config.training,
                optimiser=config.optimiser.settled(_RATE),
                seed=config.seed,
                directory=directory,
                tracker=tracker,
                progress=progress,
                state=one.state,
                mix=learner.mix,
                ranks=ranks,
                scaler=learner.passes.gradient_scaler(),
                watch=watch,
            )
            metrics = learner.final_metrics(trained)
            # The tracker first: a disk that is full by now costs the files, not the figures.
            summary.update({f"best/{name}": value for name, value in trained.best_val.items()})
            tracker.save(directory / BEST, kind="checkpoint")
            if ranks.first:
                write_json(directory / METRICS, metrics)
            tracker.save(directory / METRICS, kind="metrics")
            if ranks.first:
                save_report(report, directory, tracker)
    return PretrainResult(directory=directory, checkpoint=directory / BEST, metrics=metrics)
