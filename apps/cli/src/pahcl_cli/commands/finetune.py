"""`pahcl finetune`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pahcl_cli import options
from pahcl_cli.tracking_options import with_tracking
from pahcl_core.errors import SettingError

if TYPE_CHECKING:
    from pahcl_cli.tracking import Tracking


@with_tracking
def finetune(
    task: Annotated[
        str | None,
        typer.Argument(
            help="`pahcl tasks` lists them; or the .toml file of your own.", show_default=False
        ),
    ] = None,
    task_option: Annotated[
        str | None, typer.Option("--task", help="The same, as an option.", show_default=False)
    ] = None,
    data_dir: options.DataDir = None,
    pretrained: Annotated[
        Path | None, typer.Option("--pretrained", help="A pretraining, its best_model.pt, or tiny.")
    ] = None,
    linear_eval: Annotated[
        bool | None,
        typer.Option("--linear-eval/--full", help="Train the classifier alone, or everything."),
    ] = None,
    few_shot: options.FewShot = None,
    shot_ratio: options.ShotRatio = None,
    shots_per_class: options.ShotsPerClass = None,
    pooling: Annotated[
        str | None,
        typer.Option("--pooling", help="Cycles to patients: statistics, attention, mean or vote."),
    ] = None,
    epochs: options.Epochs = None,
    lr: options.LearningRate = None,
    batch_size: options.BatchSize = None,
    seed: options.Seed = None,
    folds: options.Folds = None,
    seeds: options.Seeds = None,
    jobs: options.Jobs = 1,
    output_dir: options.OutputDir = None,
    experiment_name: options.ExperimentName = None,
    device: options.Device = None,
    precision: options.Precision = None,
    compile_: options.Compile = None,
    num_workers: options.NumWorkers = None,
    config: options.ConfigFile = None,
    resume: options.Resume = None,
    settings: options.Set = None,
    *,
    tracking: "Tracking",
) -> None:
    """Train a classifier for a clinical task, and score it on patients it has not seen.

    With --folds or --seeds there are several runs and one result, out of all folds; the same
    command goes on with one that was interrupted. In --pretrained {fold} stands for the fold.
    """
    from pahcl_cli.fold_runs import run_in_folds
    from pahcl_cli.launch import finetune_settings, run_finetune
    from pahcl_cli.run_files import Layers

    if task is not None and task_option is not None and task != task_option:
        raise SettingError(f"two tasks given: {task!r} and --task {task_option!r}")
    named = {
        "task": task or task_option,
        "data_dir": data_dir and str(data_dir),
        "pretrained": pretrained and str(pretrained),
        "linear_eval": linear_eval,
        "few_shot": few_shot,
        "shot_ratio": shot_ratio,
        "shots_per_class": shots_per_class,
        "pooling": pooling,
        "training.epochs": epochs,
        "optimiser.lr": lr,
        "training.batch_size": batch_size,
        "seed": seed,
        "output_dir": output_dir and str(output_dir),
        "experiment_name": experiment_name,
        "device": device,
        "machine.precision": precision,
        "machine.compile": compile_,
        "num_workers": num_workers,
    }
    layers = Layers(file=config, overrides=settings or (), named=named)
    if folds is None and seeds is None:
        run_finetune(layers, tracking, resume=resume)
        return
    if resume is not None:
        raise SettingError("--folds and --seeds go on by themselves: leave out --resume")
    settled, tracked = finetune_settings(layers, tracking)
    run_in_folds(settled, tracked, folds=folds or 0, num_seeds=seeds or 1, jobs=jobs)
