"""Runs the trainers for the command line, and says in a few lines what came out."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import typer

from pahcl_cli.collections import moved_collections, with_collections
from pahcl_cli.options import require_data
from pahcl_cli.progress import progress_bar, show_warnings
from pahcl_cli.run_files import Layers, complete, read_settings, resumed_layers
from pahcl_cli.speaking import speaks
from pahcl_cli.tracking import Tracking, TrackingConfig, build_tracker
from pahcl_core.baselines.baseline import BaselineResult, baseline, describe_baseline
from pahcl_core.baselines.settings import BaselineConfig
from pahcl_core.data.readers import reader_of
from pahcl_core.data.tasks import task_named
from pahcl_core.errors import SettingError
from pahcl_core.evaluation.wording import counts_text
from pahcl_core.report.report import report_at_end
from pahcl_core.training.finetune import FinetuneResult, describe_finetune, finetune
from pahcl_core.training.pretrain import PretrainResult, describe_pretrain, pretrain
from pahcl_core.training.settings import FinetuneConfig, PretrainConfig

_HEADLINES = (
    "auroc",
    "auroc_present_absent",
    "auprc",
    "f1_macro",
    "sensitivity",
    "specificity",
    "weighted_accuracy",
    "cost",
    "macc",
    "youden",
)


def run_finetune(layers: Layers, tracking: Tracking, resume: Path | None = None) -> FinetuneResult:
    """Fine-tune as the layers of settings say, or go on with a run."""
    show_warnings()
    layers = layers if resume is None else resumed_layers(resume, layers)
    config, tracked = finetune_settings(layers, tracking)
    run = describe_finetune(config, config=complete(config, tracked), **identity(tracked, resume))
    result = finetune(
        config,
        run=run,
        tracker=build_tracker(tracked),
        resume=resume is not None,
        progress=progress_bar(config.name),
        report=report_at_end,
    )
    if speaks():
        typer.echo("\n".join(_finetune_lines(result)))
    return result


def finetune_settings(
    layers: Layers, tracking: Tracking, *, command: str = ""
) -> tuple[FinetuneConfig, TrackingConfig]:
    """The settings of a fine-tuning; `command` is what one types to begin it, if not `finetune`.

    Raises:
        SettingError: If there is no task, no data, or a setting makes no sense.
    """
    table = _with_tracking(layers, tracking)
    if "task" not in table:
        raise SettingError("no task given; `pahcl tasks` lists them")
    _require_data(table, "finetune", command)
    return read_settings(FinetuneConfig, table, source=_source(layers))


def baseline_settings(layers: Layers, tracking: Tracking) -> tuple[BaselineConfig, TrackingConfig]:
    """The settings of a baseline.

    Raises:
        SettingError: As `finetune_settings`.
    """
    table = _with_tracking(layers, tracking)
    _require_data(table, f"baseline {table['features']}")
    return read_settings(BaselineConfig, table, source=_source(layers))


def run_baseline(layers: Layers, tracking: Tracking) -> BaselineResult:
    """Fit and score a baseline as the layers of settings say."""
    show_warnings()
    config, tracked = baseline_settings(layers, tracking)
    run = describe_baseline(config, config=complete(config, tracked), **identity(tracked))
    result = baseline(
        config,
        run=run,
        tracker=build_tracker(tracked),
        progress=progress_bar(config.name),
        report=report_at_end,
    )
    typer.echo("\n".join(_baseline_lines(result)))
    return result


def run_pretrain(layers: Layers, tracking: Tracking, resume: Path | None = None) -> PretrainResult:
    """Pretrain as the layers of settings say, or go on with a run."""
    show_warnings()
    if resume is None:
        config, tracked = pretrain_settings(layers, tracking, command="pretrain")
    else:
        named, layers = layers.named, resumed_layers(resume, layers)
        before = replace(layers, named={**layers.named, "data": None, "data_dir": None})
        table = moved_collections(_with_tracking(before, tracking), named)
        config, tracked = read_settings(PretrainConfig, table, source=_source(layers))
    run = describe_pretrain(config, config=complete(config, tracked), **identity(tracked, resume))
    result = pretrain(
        config,
        run=run,
        tracker=build_tracker(tracked),
        resume=resume is not None,
        progress=progress_bar(config.name),
        report=report_at_end,
    )
    if speaks():
        typer.echo("\n".join(_pretrain_lines(result)))
    return result


def pretrain_settings(
    layers: Layers, tracking: Tracking, *, command: str
) -> tuple[PretrainConfig, TrackingConfig]:
    """The settings of a pretraining that begins; `command` is what one types to begin it."""
    table = with_collections(_with_tracking(layers, tracking), layers.named)
    collection = layers.named.get("collection") or "circor"
    reader_of(collection)  # refuses one that there is not
    require_data(table, f"{command} --collection {collection}", collection)
    return read_settings(PretrainConfig, table, source=_source(layers))


def _require_data(table: dict[str, Any], kind: str, command: str = "") -> None:
    """Refuse to go on without data of a task; `command`, if not of a kind of run and its task."""
    if "own_task" in table:
        require_data(table, command or f"{kind} TASK.toml", "folder")
    else:
        task = task_named(table["task"])
        require_data(table, command or f"{kind} {task.name}", task.collection)


def _with_tracking(layers: Layers, tracking: Tracking) -> dict[str, Any]:
    table = layers.resolved()
    section = table.get("tracking", {})
    if not isinstance(section, Mapping):
        raise SettingError(f"{_source(layers)}: tracking is a section, not {section!r}")
    source = f"{_source(layers)}, [tracking]"
    return {**table, "tracking": tracking.over(section, source=source)}


def _source(layers: Layers) -> str:
    if layers.file is None:
        return "settings"
    return f"{layers.file}, [{layers.section}]" if layers.section else str(layers.file)


def identity(tracked: TrackingConfig, directory: Path | None = None) -> dict[str, Any]:
    """What a tracker is told of the run besides its settings; where it is, if it goes on."""
    return {
        **({} if directory is None else {"directory": directory}),
        "project": tracked.project,
        "group": tracked.group,
        "tags": tracked.tags,
        "notes": tracked.notes,
    }


def _finetune_lines(result: FinetuneResult) -> list[str]:
    metrics = result.metrics
    best = f"best epoch {metrics['best_epoch']} of the validation {metrics['unit']}s"
    return [f"{_tested_on(metrics)}, {best}", *headlines(metrics), *_where(result.directory)]


def _baseline_lines(result: BaselineResult) -> list[str]:
    metrics = result.metrics
    what = f"{metrics['features']} and {metrics['model']}"
    return [f"{_tested_on(metrics)}, {what}", *headlines(metrics), *_where(result.directory)]


def _tested_on(metrics: Mapping[str, Any]) -> str:
    classes = tested_classes(metrics)
    return (
        f"{metrics['task']}, {metrics['n']['test']} test {metrics['unit']}s ({classes}), "
        f"{kind_of(metrics)} data"
    )


def tested_classes(metrics: Mapping[str, Any]) -> str:
    """How many were tested on of each class; of several labels, of each label."""
    positive = metrics.get("own_task", {}).get("positive", "")
    return counts_text(metrics["n_by_class"]["test"], positive)


def headlines(metrics: Mapping[str, Any]) -> list[str]:
    """The figures of the test that matter most, a line each, with what is told of their chance."""
    lines = []
    for name in _HEADLINES:
        key = f"test_{name}"
        if key in metrics:
            value = metrics[key]
            shown = f"undefined: {metrics['undefined'][key]}" if value is None else f"{value:.3f}"
            lines.append(f"  {name:<20} {shown}{_chance(metrics, name)}")
    return lines


def _chance(metrics: Mapping[str, Any], name: str) -> str:
    """The interval, and the spread over seeds where there are several."""
    ends = metrics.get("intervals", {}).get("test", {}).get(name)
    spread = metrics.get("spread_over_seeds", {}).get(f"test_{name}")
    told = [] if ends is None else [f"95 % {ends[0]:.3f} to {ends[1]:.3f}"]
    told += [] if spread is None else [f"± {spread:.3f} over seeds"]
    return f" ({', '.join(told)})" if told else ""


def _pretrain_lines(result: PretrainResult) -> list[str]:
    metrics = result.metrics
    collections = metrics["collections"]
    synthetic = [n for n, part in collections.items() if part["provenance"] == "synthetic"]
    of = f" of {', '.join(collections)}" if len(collections) > 1 else ""
    some = f" ({', '.join(synthetic)})" if len(collections) > len(synthetic) > 0 else ""
    return [
        f"pretrained on {metrics['n']['train']} cycles of {metrics['n_persons']} persons{of}, "
        f"{kind_of(metrics)} data{some}; validation loss {metrics['val_loss']:.3f} in epoch "
        f"{metrics['best_epoch']}",
        *_where(result.directory),
    ]


def kind_of(metrics: Mapping[str, Any]) -> str:
    """Of the recordings: real ones, or made up."""
    return "SYNTHETIC" if metrics["provenance"] == "synthetic" else "real"


def _where(directory: Path) -> list[str]:
    files = sorted(p.name + ("/" if p.is_dir() else "") for p in directory.iterdir())
    return [f"in {directory}/: {', '.join(files)}"]
