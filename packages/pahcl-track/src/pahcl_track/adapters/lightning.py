"""A Lightning logger made from any tracker.

    logger = TrackerLogger(load_tracker("wandb"), Run(name="try 1", directory=Path("outputs/try1")))
    trainer = Trainer(logger=logger)

What is unusual:

- Lightning says that all went well at the end of every `fit`, `validate` and `test`. The run goes
  on all the same, and ends with the program, or with `finish`. A failure ends it at once.
- Hyper-parameters become the run's configuration if they come before the first value. A callable
  among them is named, and never called.
"""

import sys
from argparse import Namespace
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pahcl_track.adapters.late_run import LateRun
from pahcl_track.errors import describe
from pahcl_track.protocol import Outcome, Run, Tracker
from pahcl_track.session import Session

try:
    from lightning.pytorch.loggers.logger import Logger, rank_zero_experiment
    from lightning.pytorch.utilities import rank_zero_only
except ModuleNotFoundError as error:
    if error.name is None or error.name.partition(".")[0] != "lightning":
        raise
    raise ModuleNotFoundError(
        "pahcl_track.adapters.lightning needs Lightning 2: pip install lightning", name=error.name
    ) from error

_COMPLETED = Outcome(status="completed")


class TrackerLogger(Logger):
    """Reports what `LightningModule.log` is given, and keeps the best checkpoint."""

    def __init__(self, tracker: Tracker, run: Run) -> None:
        """Nothing is written before Lightning logs, and then on rank 0 alone.

        Args:
            tracker: A session, or a tracker to put in one, so that it can neither delay nor end
                the training.
            run: What is known of the run; Lightning writes below its directory, too.
        """
        super().__init__()
        self._run = LateRun(tracker, run)
        self._best_checkpoint: Any = None

    @property
    def name(self) -> str:
        """The run's name."""
        return self._run.run.name

    @property
    def version(self) -> str:
        """The run's identity; empty if it has none."""
        return self._run.run.id or ""

    @property
    def save_dir(self) -> str:
        """The run's directory."""
        return str(self._run.run.directory)

    @property
    @rank_zero_experiment
    def experiment(self) -> Session:
        """The session, for values that Lightning does not pass on, such as pictures."""
        return self._run.session

    @rank_zero_only
    def log_hyperparams(
        self,
        params: Mapping[str, Any] | Namespace,
        *args: Any,  # noqa: ANN401
        **kwargs: Any,  # noqa: ANN401
    ) -> None:
        """Add to the run's configuration."""
        self._run.configure(vars(params) if isinstance(params, Namespace) else params)

    @rank_zero_only
    def log_metrics(self, metrics: Mapping[str, float], step: int | None = None) -> None:
        """Record values; without a step, at the one after the last."""
        self._run.log(metrics, step)

    @rank_zero_only
    def after_save_checkpoint(self, checkpoint_callback: Any) -> None:  # noqa: ANN401
        """Note who knows which checkpoint is best; it is kept when the stage is over."""
        self._best_checkpoint = checkpoint_callback

    @rank_zero_only
    def finalize(self, status: str) -> None:
        """Called by Lightning at the end of each stage."""
        if self._best_checkpoint is not None:
            best = Path(self._best_checkpoint.best_model_path or ".")
            if best.is_file():  # a sharded one is a folder
                self._run.save(best, kind="checkpoint")
            self._best_checkpoint = None
        if status == "failed":
            self._run.end(_failure())
        else:
            self._run.end_with_the_program(_COMPLETED)

    @rank_zero_only
    def finish(self, outcome: Outcome = _COMPLETED) -> None:
        """End the run now, in a program that goes on, such as a notebook."""
        self._run.end(outcome)


def _failure() -> Outcome:
    """Lightning does not pass on what went wrong, but calls while it handles it."""
    error = sys.exc_info()[1]
    if isinstance(error, KeyboardInterrupt):
        return Outcome(status="interrupted")
    return Outcome(status="failed", error=None if error is None else describe(error))
