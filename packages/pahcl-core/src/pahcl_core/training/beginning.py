"""How every training begins: how the machine is used, with which ranks, in which directory."""

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass

import torch

from pahcl_core.config import to_dict, write_toml
from pahcl_core.data.kept_memory import keep_memory
from pahcl_core.data.preparation import Progress
from pahcl_core.training.device import reproducible
from pahcl_core.training.ranks import Ranks, joined
from pahcl_core.training.reporting import Guarded, shown_by
from pahcl_core.training.resumption import TrainingState, opened
from pahcl_core.training.run_directory import CONFIG
from pahcl_core.training.settings import FinetuneConfig, PretrainConfig
from pahcl_track import Run, Tracker


@dataclass(frozen=True, kw_only=True, slots=True)
class Begun:
    """A run that has its directory, as one of its ranks sees it."""

    run: Run
    """With the step that it goes on from, if it does."""

    state: TrainingState | None
    """Where it stood, if it goes on."""

    ranks: Ranks
    tracker: Tracker
    """Told by the first rank alone."""

    progress: Progress

    @property
    def writes_anew(self) -> bool:
        """Whether what a run writes once, at its beginning, is to be written here and now."""
        return self.state is None and self.ranks.first


@contextlib.contextmanager
def begun(
    run: Run,
    config: FinetuneConfig | PretrainConfig,
    *,
    device: torch.device,
    tracker: Tracker,
    progress: Progress,
    resume: bool,
) -> Iterator[Begun]:
    """Hold a run's directory, with its settings in it, and everything else that it holds.

    Args:
        run: What the tracker is told of it.
        config: Its settings.
        device: Where it runs.
        tracker: Whatever it raises is logged, and goes no further.
        progress: Shown on the first rank.
        resume: Go on with the run in that directory.

    Raises:
        SettingError: As `opened`, or if the ranks cannot meet.
        DataError: As `opened`.
    """
    if device.type == "cpu":
        keep_memory()
    with (
        reproducible(config.seed, config.machine, device),
        joined(device) as ranks,
        opened(run, resume=resume, ranks=ranks) as (run, state),
    ):
        tracker, progress = shown_by(ranks, Guarded(tracker), progress)
        one = Begun(run=run, state=state, ranks=ranks, tracker=tracker, progress=progress)
        if one.writes_anew:
            write_toml(run.directory / CONFIG, {**run.config, **to_dict(config)})
        yield one
