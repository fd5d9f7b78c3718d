"""What a sweep came to: `sweep.json`, with the best trial first."""

import warnings
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import optuna
from optuna.trial import FrozenTrial, TrialState

from pahcl_core.config import to_dict
from pahcl_core.studies.sweep_plan import SweepPlan, overrides, trial_name
from pahcl_core.studies.sweep_space import Value
from pahcl_core.studies.sweep_study import FAILURE, MOST_ATTEMPTS, SharedStudy
from pahcl_core.training.run_directory import SWEEP, write_json

State = Literal["complete", "pruned", "failed", "running", "to do"]
_LEAST_FOR_IMPORTANCE = 10
_ORDER: Mapping[State, int] = {"complete": 0, "pruned": 1, "failed": 2, "running": 3, "to do": 4}


@dataclass(frozen=True, kw_only=True, slots=True)
class TrialRow:
    """What a trial came to."""

    name: str
    state: State
    value: float | None
    """Of the validation; of one that was pruned, in the last epoch it was shown."""

    values: Mapping[str, Value]
    """What it differs in from the others, by setting."""

    epochs: int | None
    """After which it was pruned."""

    reason: str
    """Why it failed."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Sweep:
    """What came out."""

    directory: Path
    name: str
    metric: str
    lower_is_better: bool
    rows: tuple[TrialRow, ...]
    """The best first; then those that were pruned, that failed, that are still to be done."""

    importance: Mapping[str, float]
    """Which share of what differs between trials comes from which setting, as PED-ANOVA has it
    (Watanabe et al., "PED-ANOVA: Efficiently Quantifying Hyperparameter Importance in Arbitrary
    Subspaces", IJCAI 2023); empty for fewer than ten trials."""

    @property
    def best(self) -> TrialRow | None:
        """The best trial that was completed."""
        return next((row for row in self.rows if row.state == "complete"), None)


def concluded(plan: SweepPlan, shared: SharedStudy) -> Sweep:
    """What all trials came to so far, those of other processes among them."""
    rows = [_row(plan, slot, trials) for slot, trials in shared.by_slot().items()]
    sign = 1 if plan.lower_is_better else -1

    def place(row: TrialRow) -> tuple[int, float]:
        return _ORDER[row.state], 0.0 if row.value is None else sign * row.value

    return Sweep(
        directory=plan.directory,
        name=plan.name,
        metric=plan.metric,
        lower_is_better=plan.lower_is_better,
        rows=tuple(sorted(rows, key=place)),
        importance=_importance(shared.study),
    )


def _row(plan: SweepPlan, slot: int, trials: list[FrozenTrial]) -> TrialRow:
    state: State = "to do"
    value, epochs, reason = None, None, ""
    last = trials[-1] if trials else None
    for trial in trials:
        if trial.state == TrialState.COMPLETE:
            state, value, last = "complete", trial.value, trial
        elif trial.state == TrialState.PRUNED:
            state, value, last = "pruned", trial.value, trial
            epochs = max(trial.intermediate_values, default=None)
        elif trial.state == TrialState.RUNNING:
            state, last = "running", trial
        elif FAILURE in trial.user_attrs:
            state, reason, last = "failed", trial.user_attrs[FAILURE], trial
    if state == "to do" and len(trials) >= MOST_ATTEMPTS:
        state, reason = "failed", f"{len(trials)} processes were killed at it"
    values = {
        one.key: last.params[one.key] for one in plan.space if last and one.key in last.params
    }
    return TrialRow(
        name=trial_name(slot), state=state, value=value, values=values, epochs=epochs, reason=reason
    )


def _importance(study: optuna.Study) -> dict[str, float]:
    done = study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
    if len(done) < _LEAST_FOR_IMPORTANCE or len({trial.value for trial in done}) < 2:
        return {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        found = optuna.importance.get_param_importances(study)
    return {name: float(share) for name, share in found.items()}


def as_json(plan: SweepPlan, sweep: Sweep) -> dict[str, Any]:
    """All of it, as plain values."""
    return {
        "sweep": sweep.name,
        "directory": str(sweep.directory),
        "metric": f"val_{sweep.metric}",
        "goal": "minimize" if sweep.lower_is_better else "maximize",
        "best": None if sweep.best is None else sweep.best.name,
        "trials": [
            {**asdict(row), "settings": list(overrides(row.values)), "values": dict(row.values)}
            for row in sweep.rows
        ],
        "importance": dict(sweep.importance),
        "plan": asdict(plan.config),
        "space": {one.key: asdict(one) for one in plan.space},
        "base": to_dict(plan.base),
    }


def write_report(plan: SweepPlan, sweep: Sweep) -> None:
    """Write it, complete or as it was before."""
    write_json(sweep.directory / SWEEP, as_json(plan, sweep))
