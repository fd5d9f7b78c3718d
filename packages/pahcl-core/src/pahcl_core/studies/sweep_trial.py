"""One trial of a sweep: an ordinary run, begun, gone on with, or found to be complete."""

import json
import logging
from collections.abc import Mapping
from typing import Any

from pahcl_core.data.preparation import Progress
from pahcl_core.errors import TrainingError
from pahcl_core.studies.begun_with import is_run_of
from pahcl_core.studies.variants import RunConfig
from pahcl_core.training.finetune import finetune
from pahcl_core.training.pretrain import pretrain
from pahcl_core.training.run_directory import METRICS, is_complete
from pahcl_core.training.settings import FinetuneConfig
from pahcl_core.training.watching import Watch
from pahcl_track import Run, Tracker

log = logging.getLogger(__name__)


def carried_through(
    config: RunConfig,
    *,
    tracker: Tracker,
    run: Run,
    watch: Watch,
    progress: Progress,
) -> Mapping[str, Any]:
    """Train, or go on where an earlier process ended, or read what it came to.

    Returns:
        The content of `final_metrics.json`.

    Raises:
        EndedEarly: If `watch` does.
        DataError: As the trainer.
        SettingError: As the trainer.
        TrainingError: As the trainer.
    """
    directory = config.output_dir / config.name
    goes_on = is_run_of(directory, config)
    if goes_on and is_complete(directory):
        content: dict[str, Any] = json.loads((directory / METRICS).read_bytes())
        return content
    if isinstance(config, FinetuneConfig):
        return finetune(
            config, tracker=tracker, run=run, resume=goes_on, watch=watch, progress=progress
        ).metrics
    return pretrain(
        config, tracker=tracker, run=run, resume=goes_on, watch=watch, progress=progress
    ).metrics


def value_of(metrics: Mapping[str, Any], metric: str) -> float:
    """What a trial is judged by: of the validation, in the best epoch.

    Raises:
        TrainingError: If it is undefined.
    """
    value = metrics.get(f"val_{metric}")
    if value is None:
        reason = metrics.get("undefined", {}).get(f"val_{metric}", "the run does not tell it")
        raise TrainingError(f"its validation {metric} is undefined: {reason}")
    return float(value)
