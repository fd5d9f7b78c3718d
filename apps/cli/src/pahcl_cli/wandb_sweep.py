"""A sweep as Weights & Biases takes it: its agents begin ordinary runs of `pahcl`.

What varies comes as `--set '{"optimiser.lr": 0.001, …}'`, which is what an agent puts in place of
`${args_json}`. JSON is YAML, so `wandb sweep` reads it.
"""

from collections.abc import Iterator
from typing import Any

from pahcl_cli.tracking import TrackingConfig, tracker_of
from pahcl_core.config import dotted, to_dict
from pahcl_core.errors import SettingError
from pahcl_core.models.kinds import Numbers
from pahcl_core.models.sizes import DEFAULT
from pahcl_core.studies.sweep_plan import SweepPlan
from pahcl_core.studies.sweep_space import Choices, Dimension, as_setting
from pahcl_core.studies.variants import RunConfig
from pahcl_core.training.settings import FinetuneConfig, PretrainConfig

_METHODS = {"grid": "grid", "random": "random", "tpe": "bayes"}
_OWN_OPTIONS = ("task", "own_task", "data", "data_dir", "output_dir", "experiment_name")
_SIZED = ("encoder.name", "encoder.size")


def wandb_sweep(plan: SweepPlan, tracked: TrackingConfig) -> dict[str, Any]:
    """The content of the file that `wandb sweep` is given.

    Raises:
        SettingError: If encoders of several sizes are to be tried, and the base's has none.
    """
    config = plan.config
    pruned = {"early_terminate": {"type": "hyperband", "min_iter": config.prune_after}}
    # What ends runs early looks at every epoch; else the best epoch counts, as it does here.
    metric = f"val/{plan.metric}" if config.prune else f"best/val/{plan.metric}"
    return {
        "program": "pahcl",
        "project": tracked.project,
        "name": plan.name,
        "method": _METHODS[config.method],
        "metric": {"name": metric, "goal": "minimize" if plan.lower_is_better else "maximize"},
        "run_cap": plan.num_trials,
        **(pruned if config.prune else {}),
        "parameters": {one.key: _parameter(one, config.method) for one in plan.space},
        "command": [*_command(plan, tracked), "--set", "${args_json}"],
    }


def _parameter(dimension: Dimension, method: str) -> dict[str, Any]:
    if isinstance(dimension, Choices) or dimension.step is not None or method == "grid":
        return {"values": list(dimension.points())}
    ends = {"min": dimension.low, "max": dimension.high}
    if dimension.log:
        whole = {"distribution": "q_log_uniform_values", "q": 1, **ends}
        return whole if dimension.whole else {"distribution": "log_uniform_values", **ends}
    return {"distribution": "int_uniform" if dimension.whole else "uniform", **ends}


def _command(plan: SweepPlan, tracked: TrackingConfig) -> Iterator[str]:
    base = plan.base
    if isinstance(base, FinetuneConfig):
        yield from ("pahcl", "finetune", plan.config.task, "--data-dir", str(base.data_dir))
        default: RunConfig = FinetuneConfig(
            task=base.task, own_task=base.own_task, data_dir=base.data_dir
        )
    else:
        yield from ("pahcl", "pretrain")
        for name, folder in base.data.items():
            yield from ("--data", f"{name}={folder}")
        default = PretrainConfig(data=base.data)
    yield from ("--output-dir", str(plan.directory), "--group", tracked.group or plan.name)
    yield from _tracking(tracked)
    unchanged = dict(dotted(to_dict(default)))
    varied = {one.key for one in plan.space}
    sizes = {f"encoder.{name}" for name in Numbers._fields} if varied & {*_SIZED} else set[str]()
    for key, value in dotted(to_dict(base)):
        if key in varied or key.partition(".")[0] in _OWN_OPTIONS or unchanged.get(key) == value:
            continue
        if key in sizes:
            raise SettingError(
                f"--wandb-sweep: {', '.join(sorted(varied & {*_SIZED}))} varies, so {key} must be "
                f"left at {getattr(DEFAULT, key.removeprefix('encoder.'))}, or vary, too"
            )
        yield from ("--set", as_setting(key, value))


def _tracking(tracked: TrackingConfig) -> Iterator[str]:
    """Of trackers W&B alone, in the project of the sweep; so of their options its own."""
    yield from ("--tracker", "wandb")
    for tag in tracked.tags:
        yield from ("--tag", tag)
    if tracked.notes is not None:
        yield from ("--notes", tracked.notes)
    if tracked.strict:
        yield "--strict-tracking"
    for option in tracked.options:
        if tracker_of(option) == "wandb":
            yield from ("--tracker-option", option)
    if tracked.finish_timeout_s != TrackingConfig().finish_timeout_s:
        yield from ("--set", f"tracking.finish_timeout_s={tracked.finish_timeout_s}")
