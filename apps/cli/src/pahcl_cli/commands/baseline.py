"""`pahcl baseline`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pahcl_cli import options
from pahcl_cli.tracking_options import with_tracking

if TYPE_CHECKING:
    from pahcl_cli.tracking import Tracking

EPILOG = (
    "Two more baselines are fine-tunings that start from nothing: the encoder itself, "
    "`pahcl finetune TASK --data-dir DIR`, and a supervised residual network, "
    "`pahcl finetune TASK --data-dir DIR --set encoder.name=resnet34_1d`."
)


@with_tracking
def baseline(
    features: Annotated[str, typer.Argument(help="log_mel, mfcc, phase_bands or embedding.")],
    task: Annotated[str, typer.Argument(help="`pahcl tasks` lists them; or your own .toml file.")],
    data_dir: options.DataDir = None,
    model: Annotated[
        str | None, typer.Option("--model", help="logistic or boosting.", show_default="logistic")
    ] = None,
    pretrained: Annotated[
        Path | None, typer.Option("--pretrained", help="best_model.pt, for embedding.")
    ] = None,
    few_shot: options.FewShot = None,
    shot_ratio: options.ShotRatio = None,
    shots_per_class: options.ShotsPerClass = None,
    seed: options.Seed = None,
    folds: options.Folds = None,
    seeds: options.Seeds = None,
    jobs: options.Jobs = 1,
    output_dir: options.OutputDir = None,
    experiment_name: options.ExperimentName = None,
    num_workers: options.NumWorkers = None,
    config: options.ConfigFile = None,
    settings: options.Set = None,
    *,
    tracking: "Tracking",
) -> None:
    """Score what a model must beat: simple features of a recording, and a simple classifier.

    log_mel and mfcc are statistics over the whole recording; phase_bands is how loud each band is
    in S1, systole, S2 and diastole; embedding is what an encoder that stays as it is makes of a
    recording, so that this is its linear evaluation. Persons are dealt out as by `pahcl finetune`
    with this seed. With --folds or --seeds there are several runs and one result, out of all folds;
    in --pretrained {fold} stands for the fold.
    """
    from pahcl_cli.fold_runs import run_in_folds
    from pahcl_cli.launch import baseline_settings, run_baseline
    from pahcl_cli.run_files import Layers

    named = {
        "features": features,
        "task": task,
        "data_dir": data_dir and str(data_dir),
        "model": model,
        "pretrained": pretrained and str(pretrained),
        "few_shot": few_shot,
        "shot_ratio": shot_ratio,
        "shots_per_class": shots_per_class,
        "seed": seed,
        "output_dir": output_dir and str(output_dir),
        "experiment_name": experiment_name,
        "num_workers": num_workers,
    }
    layers = Layers(file=config, overrides=settings or (), named=named)
    if folds is None and seeds is None:
        run_baseline(layers, tracking)
        return
    settled, tracked = baseline_settings(layers, tracking)
    run_in_folds(settled, tracked, folds=folds or 0, num_seeds=seeds or 1, jobs=jobs)
