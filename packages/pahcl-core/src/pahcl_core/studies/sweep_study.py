"""A study that several processes work on: who does which trial, and what became of it.

Trials are counted by slots, from 0 to their number; each slot is done once. A slot may take several
of Optuna's trials: one that a process took up and did not end, because it was killed or stopped,
counts for nothing, and another takes its slot, with the same values. Who is alive says so by a
count that goes on; whoever sees it stand still for long enough gives the slot to others.

Where two processes enter a slot twice at the same moment, the earlier trial has it.
"""

import contextlib
import json
import logging
import threading
import time
import zlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import optuna
from optuna.storages import BaseStorage
from optuna.trial import FrozenTrial, Trial, TrialState

from pahcl_core.errors import SettingError
from pahcl_core.studies.begun_with import difference
from pahcl_core.studies.sweep_plan import SweepPlan, trial_name
from pahcl_core.studies.sweep_space import Choices, Dimension, Value
from pahcl_core.studies.sweep_storage import reached
from pahcl_core.training.run_directory import is_in_use

log = logging.getLogger(__name__)

MOST_ATTEMPTS = 3
"""Processes that may be lost in a slot; then it is what kills them."""

_SLOT, _BEAT, FAILURE, _GIVEN_BACK, _PLAN = "slot", "beat", "failure", "given_back", "plan"
_ENDED = (TrialState.COMPLETE, TrialState.PRUNED)


@dataclass(frozen=True, kw_only=True, slots=True)
class Claim:
    """A slot that this process has, and its values."""

    trial: Trial
    slot: int
    values: Mapping[str, Value]


class SharedStudy:
    """The study of a sweep, in a storage that others may work on, too."""

    def __init__(self, plan: SweepPlan, storage: BaseStorage) -> None:
        """Begin it, or join it.

        Raises:
            SettingError: If it was begun with other settings.
        """
        self._plan: SweepPlan = plan
        self._seen: dict[int, tuple[object, float]] = {}
        self._study = optuna.create_study(
            study_name=plan.name,
            storage=storage,
            direction="minimize" if plan.lower_is_better else "maximize",
            pruner=_pruner(plan),
            load_if_exists=True,
        )
        ours = json.loads(json.dumps(plan.fingerprint()))
        theirs = self._study.user_attrs.get(_PLAN)
        if theirs is None:
            self._study.set_user_attr(_PLAN, ours)
        elif (apart := difference(theirs, ours)) is not None:
            raise SettingError(
                f"the sweep {plan.name} was begun with {apart[0]} = {apart[1]}, not {apart[2]}; "
                "keep that, or choose another --experiment-name"
            )

    @property
    def study(self) -> optuna.Study:
        """Optuna's."""
        return self._study

    def by_slot(self) -> dict[int, list[FrozenTrial]]:
        """Optuna's trials of each slot, in their order, without those that came to nothing."""
        found: dict[int, list[FrozenTrial]] = {slot: [] for slot in range(self._plan.num_trials)}
        for trial in self._study.get_trials(deepcopy=False):
            if not trial.user_attrs.get(_GIVEN_BACK) and trial.user_attrs.get(_SLOT) in found:
                found[trial.user_attrs[_SLOT]].append(trial)
        return found

    def claim(self, waiting: Callable[[int], None] = lambda number: None) -> Claim | None:
        """A slot to do; None when all are done.

        Where others are at work on all that is left, it waits for them: one may be lost.

        Args:
            waiting: Told once, before, for how many.
        """
        told = False
        while True:
            self._give_up_lost()
            self._enter_open()
            slots = self.by_slot()
            if any(t.state == TrialState.WAITING for trials in slots.values() for t in trials):
                if (claim := self._ask()) is not None:
                    return claim
                continue
            at_work = sum(any(map(_is_running, trials)) for trials in slots.values())
            if not at_work:
                return None
            if not told:
                waiting(at_work)
                told = True
            time.sleep(min(1.0, self._plan.config.lost_after_s / 8))

    def _ask(self) -> Claim | None:
        """The next trial in line; None where it turns out to be another's."""
        trial = self._study.ask()
        slot = trial.user_attrs.get(_SLOT)
        if slot is None or self._is_doubled(trial.number, slot):
            trial.set_user_attr(_GIVEN_BACK, True)
            self._study.tell(trial, state=TrialState.FAIL)
            return None
        trial.set_user_attr(_BEAT, 0)
        self._study.sampler = _sampler(self._plan, slot)
        return Claim(trial=trial, slot=slot, values=_suggested(self._plan.space, trial))

    def _is_doubled(self, number: int, slot: int) -> bool:
        return any(
            trial.number < number and not _is_lost(trial) for trial in self.by_slot().get(slot, ())
        )

    def _enter_open(self) -> None:
        """Put slots in line that nobody does or has done."""
        for slot, trials in self.by_slot().items():
            if any(not _is_lost(trial) for trial in trials) or len(trials) >= MOST_ATTEMPTS:
                continue
            values: Mapping[str, Any] = self._plan.grid[slot] if self._plan.grid else {}
            for earlier in self._study.get_trials(deepcopy=False):
                if earlier.user_attrs.get(_SLOT) == slot and earlier.params:
                    values = earlier.params
            fixed = {key: _category(v) if self._plan.grid else v for key, v in values.items()}
            self._study.enqueue_trial(fixed, user_attrs={_SLOT: slot})

    def _give_up_lost(self) -> None:
        """Of those at work, give up whose count stands still."""
        now = time.monotonic()
        for trial in self._study.get_trials(deepcopy=False, states=(TrialState.RUNNING,)):
            beat = trial.user_attrs.get(_BEAT)
            before, since = self._seen.setdefault(trial.number, (beat, now))
            if before != beat:
                self._seen[trial.number] = (beat, now)
            elif now - since > self._plan.config.lost_after_s and not self._is_held(trial):
                if (slot := trial.user_attrs.get(_SLOT)) is not None:
                    log.warning("%s: its process is gone; it is gone on with", trial_name(slot))
                self._study.tell(trial.number, state=TrialState.FAIL, skip_if_finished=True)

    def _is_held(self, trial: FrozenTrial) -> bool:
        """Whether a process of this machine is at it, after all, such as one that was stopped."""
        slot = trial.user_attrs.get(_SLOT)
        return slot is not None and is_in_use(self._plan.directory / trial_name(slot))

    @contextlib.contextmanager
    def beating(self, claim: Claim) -> Iterator[None]:
        """Count, from a thread, as long as this goes on."""
        stop = threading.Event()

        def beat() -> None:
            number = 0
            while not stop.wait(self._plan.config.lost_after_s / 4):
                number += 1
                # A storage that does not answer now may do so at the next beat; what is taken to
                # be lost by then is found out at the end.
                with contextlib.suppress(Exception):
                    claim.trial.set_user_attr(_BEAT, number)

        thread = threading.Thread(target=beat, name="sweep", daemon=True)
        thread.start()
        try:
            yield
        finally:
            stop.set()
            thread.join()

    def give_back(self, claim: Claim) -> None:
        """Leave a slot to whoever comes next, to go on with it."""
        with contextlib.suppress(Exception):  # it will be found to be lost, then
            claim.trial.set_user_attr(_GIVEN_BACK, True)
            self._study.tell(claim.trial, state=TrialState.FAIL)

    def complete(self, claim: Claim, value: float) -> None:
        """Say what a trial came to."""
        self._tell(claim, TrialState.COMPLETE, value)

    def prune(self, claim: Claim) -> None:
        """Say that a trial was ended early."""
        self._tell(claim, TrialState.PRUNED)

    def fail(self, claim: Claim, reason: str) -> None:
        """Say why a trial came to nothing."""
        with reached(), contextlib.suppress(optuna.exceptions.UpdateFinishedTrialError):
            claim.trial.set_user_attr(FAILURE, reason)
        self._tell(claim, TrialState.FAIL)

    def _tell(self, claim: Claim, state: TrialState, value: float | None = None) -> None:
        with reached():
            ended = self._study.tell(claim.trial, value, state=state, skip_if_finished=True)
        if ended.state != state:
            log.warning(
                "%s was taken to be lost, because nothing was heard of it; what it came to here "
                "does not count",
                trial_name(claim.slot),
            )


def _pruner(plan: SweepPlan) -> optuna.pruners.BasePruner:
    if not plan.config.prune:
        return optuna.pruners.NopPruner()
    after = plan.config.prune_after
    return optuna.pruners.MedianPruner(
        n_startup_trials=after, n_warmup_steps=after, n_min_trials=after
    )


def _sampler(plan: SweepPlan, slot: int) -> optuna.samplers.BaseSampler:
    """Draws by the slot, so that two processes never draw the same."""
    seed = zlib.crc32(f"{plan.config.seed}/{slot}".encode())
    if plan.config.method == "tpe":
        return optuna.samplers.TPESampler(seed=seed)
    return optuna.samplers.RandomSampler(seed=seed)


def _suggested(space: tuple[Dimension, ...], trial: Trial) -> dict[str, Value]:
    values: dict[str, Value] = {}
    for one in space:
        if isinstance(one, Choices):
            chosen = trial.suggest_categorical(one.key, [_category(v) for v in one.values])
            values[one.key] = next(v for v in one.values if _category(v) == chosen)
        elif one.whole:
            step = 1 if one.step is None else int(one.step)
            values[one.key] = trial.suggest_int(
                one.key, int(one.low), int(one.high), step=step, log=one.log
            )
        else:
            values[one.key] = trial.suggest_float(
                one.key, one.low, one.high, step=one.step, log=one.log
            )
    return values


def _category(value: Value) -> bool | int | float | str:
    """Optuna takes no list."""
    return str(value) if isinstance(value, list) else value


def _is_running(trial: FrozenTrial) -> bool:
    return trial.state == TrialState.RUNNING


def _is_lost(trial: FrozenTrial) -> bool:
    """Whether somebody took it up and was not heard of again."""
    return trial.state == TrialState.FAIL and FAILURE not in trial.user_attrs
