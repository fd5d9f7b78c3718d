"""A sweep: trials of settings, as many processes at it as one likes, judged by the validation."""

import logging
from collections.abc import Callable, Mapping

import optuna

from pahcl_core.data.output_folder import make_folder
from pahcl_core.data.preparation import Progress
from pahcl_core.errors import AGAIN, DataError, DiskError, SettingError
from pahcl_core.studies.study import OF_ONE_RUN, reason_of, refuse_run
from pahcl_core.studies.sweep_plan import SweepPlan, trial_name
from pahcl_core.studies.sweep_report import Sweep, concluded, write_report
from pahcl_core.studies.sweep_storage import open_storage, reached
from pahcl_core.studies.sweep_study import Claim, SharedStudy
from pahcl_core.studies.sweep_trial import carried_through, value_of
from pahcl_core.studies.variants import RunConfig
from pahcl_core.training.cohorts import read_cohorts
from pahcl_core.training.interruption import told_how_to_go_on
from pahcl_core.training.people import read_cohort
from pahcl_core.training.ranks import among_others
from pahcl_core.training.settings import FinetuneConfig
from pahcl_core.training.watching import EndedEarly, Watch
from pahcl_track import Run, Tracker

log = logging.getLogger(__name__)


def sweep(
    plan: SweepPlan,
    *,
    storage: str | None,
    tracker: Callable[[], Tracker],
    describe: Callable[[RunConfig], Run],
    tell: Callable[[str], None] = lambda line: None,
    progress: Callable[[str], Progress] = lambda name: lambda items, total: items,
) -> Sweep:
    """Do all trials that nobody has done or is doing, and say what they came to.

    Writes `sweep.json` to the sweep's directory, after each trial. A trial that fails costs itself.

    Args:
        plan: What to do.
        storage: URL of a database; None for a file in the sweep's directory.
        tracker: A fresh one for each trial.
        describe: What it is told of a trial.
        tell: Given a line before each trial.
        progress: For each trial by its name, shown what the trainer shows.

    Raises:
        SettingError: If the study is another's, the storage's URL makes no sense, or this is one
            of several ranks.
        DataError: If the data cannot be used at all, or the storage does not answer.
    """
    if among_others():
        raise SettingError("a sweep runs in one process; begin it several times instead")
    directory = plan.directory
    refuse_run(directory)
    with told_how_to_go_on(lambda: "run the same again"):
        _read_data(plan, progress("reading"))  # a wrong path is not the fault of one trial
        make_folder(directory)
        with reached():
            shared = SharedStudy(plan, open_storage(storage, directory))
            while (claim := shared.claim(lambda number: tell(_waiting(number)))) is not None:
                name = trial_name(claim.slot)
                tell(f"{claim.slot + 1}/{plan.num_trials} {name}: {_shown(claim.values)}")
                with shared.beating(claim):
                    _do(plan, shared, claim, tracker, describe, progress(name))
                write_report(plan, concluded(plan, shared))
            result = concluded(plan, shared)
            write_report(plan, result)
    return result


def _read_data(plan: SweepPlan, progress: Progress) -> None:
    if isinstance(plan.base, FinetuneConfig):
        read_cohort(plan.base, progress)
    else:
        read_cohorts(plan.base, progress)


def _do(
    plan: SweepPlan,
    shared: SharedStudy,
    claim: Claim,
    tracker: Callable[[], Tracker],
    describe: Callable[[RunConfig], Run],
    progress: Progress,
) -> None:
    try:
        config = plan.trial(claim.slot, claim.values)
        metrics = carried_through(
            config,
            tracker=tracker(),
            run=describe(config),
            watch=_pruning(plan, claim),
            progress=progress,
        )
        value = value_of(metrics, plan.metric)
    except EndedEarly:
        shared.prune(claim)
    except DiskError as error:
        shared.give_back(claim)
        raise error.instead(AGAIN) from error
    except OF_ONE_RUN as error:
        reason = reason_of(error)
        log.warning(
            "%s failed, the others go on: %s", trial_name(claim.slot), reason, exc_info=error
        )
        shared.fail(claim, reason)
    except BaseException:  # interrupted
        shared.give_back(claim)
        raise
    else:
        shared.complete(claim, value)


def _pruning(plan: SweepPlan, claim: Claim) -> Watch:
    """Tells the study how each epoch went, and ends the trial where that is not worth going on."""

    def watch(epoch: int, val: Mapping[str, float]) -> None:
        value = val.get(f"val/{plan.metric}")
        if value is None or not plan.config.prune:
            return
        try:
            with reached():
                claim.trial.report(value, epoch)
                hopeless = claim.trial.should_prune()
        except optuna.exceptions.UpdateFinishedTrialError as error:
            raise EndedEarly(
                "another process has taken it to be lost, and goes on with it"
            ) from error
        except DataError as error:  # the training is worth more than a look at the others
            log.warning("%s: epoch %d was not compared: %s", trial_name(claim.slot), epoch, error)
            return
        if hopeless:
            raise EndedEarly(
                f"the validation {plan.metric} is below the median of other trials after {epoch} "
                "epochs"
            )

    return watch


def _shown(values: Mapping[str, object]) -> str:
    return ", ".join(
        f"{key} = {value:.4g}" if isinstance(value, float) else f"{key} = {value}"
        for key, value in values.items()
    )


def _waiting(number: int) -> str:
    trials = (
        "a trial that another process is" if number == 1 else f"{number} trials that others are"
    )
    return f"waiting for {trials} at, to go on with it if that is lost"
