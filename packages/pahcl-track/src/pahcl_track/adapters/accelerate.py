"""An Accelerate tracker made from any of ours.

    tracker = AccelerateTracker(load_tracker("wandb"), Run(name="try 1", directory=Path("try1")))
    accelerator = Accelerator(log_with=tracker)
    accelerator.init_trackers("project", config={"lr": 1e-3})

What is unusual: the run begins with its first value, since Accelerate tells the configuration after
it has started its trackers. Accelerate does not say how a training ended; one that never came to
`end_training` is recorded as failed.
"""

from collections.abc import Mapping
from typing import Any

from pahcl_track.adapters.late_run import LateRun
from pahcl_track.protocol import Outcome, Run, Tracker
from pahcl_track.session import Session

try:
    from accelerate.tracking import GeneralTracker, on_main_process
except ModuleNotFoundError as error:
    if error.name is None or error.name.partition(".")[0] != "accelerate":
        raise
    raise ModuleNotFoundError(
        "pahcl_track.adapters.accelerate needs Accelerate 1: pip install accelerate",
        name=error.name,
    ) from error

_COMPLETED = Outcome(status="completed")


class AccelerateTracker(GeneralTracker):
    """Reports what `Accelerator.log` is given, on the main process alone."""

    name = "pahcl"
    """For `accelerator.get_tracker("pahcl")`."""

    requires_logging_directory = False
    main_process_only = True

    def __init__(self, tracker: Tracker, run: Run) -> None:
        """Nothing is written before the first value.

        Args:
            tracker: A session, or a tracker to put in one, so that it can neither delay nor end
                the training.
            run: What is known of the run.
        """
        super().__init__()
        self._run = LateRun(tracker, run)

    @property
    def tracker(self) -> Session:
        """The session, for `get_tracker("pahcl", unwrap=True)`."""
        return self._run.session

    @on_main_process
    def store_init_configuration(self, values: Mapping[str, Any]) -> None:
        """Add to the run's configuration."""
        self._run.configure(values)

    @on_main_process
    def log(self, values: Mapping[str, Any], step: int | None = None, **kwargs: Any) -> None:  # noqa: ANN401
        """Record values; without a step, at the one after the last."""
        self._run.log(values, step)

    @on_main_process
    def finish(self, outcome: Outcome = _COMPLETED) -> None:
        """End the run; called by `Accelerator.end_training`."""
        self._run.end(outcome)
