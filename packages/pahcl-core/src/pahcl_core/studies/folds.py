"""One method over folds and seeds: a run for each, and one result from all of them.

    <output_dir>/<name>/study.toml               the settings they have in common
                        fold_1/seed_42/          an ordinary run
                        predictions.csv          what was said of everyone, by runs that did not
                                                 hear them
                        final_metrics.json       what follows from that

It is gone on with by beginning it again. Without folds each seed holds out its own persons once.
"""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Generic, TypeVar

from pahcl_core.baselines.settings import BaselineConfig
from pahcl_core.errors import SettingError
from pahcl_core.studies.study import PlannedRun, directory_of, planned, refuse_others
from pahcl_core.studies.variants import Variant
from pahcl_core.training.run_directory import METRICS, is_complete
from pahcl_core.training.settings import FinetuneConfig

F = TypeVar("F", FinetuneConfig, BaselineConfig)

_FOLD = "{fold}"


@dataclass(frozen=True, kw_only=True, slots=True)
class FoldPlan(Generic[F]):
    """What is to be done."""

    base: F
    """What the runs have in common; its `split.folds` says how many folds there are."""

    seeds: tuple[int, ...]
    runs: tuple[PlannedRun[F], ...]
    """All folds with the first seed, then with the next."""

    @property
    def directory(self) -> Path:
        """Of the result."""
        return directory_of(self.base)

    @property
    def is_complete(self) -> bool:
        """Whether there is nothing left to do."""
        return (self.directory / METRICS).exists() and all(
            is_complete(run.directory) for run in self.runs
        )


def planned_folds(base: F, *, folds: int, num_seeds: int) -> FoldPlan[F]:
    """Say what is to be done; nothing is read or written, but for what is there already.

    Args:
        base: A single run; its seed is the first. In `pretrained`, `{fold}` stands for the number
            of the fold, so that each fold begins with an encoder that has not heard its persons.
        folds: How many; 0 to hold people out once for each seed.
        num_seeds: Runs of each fold.

    Raises:
        SettingError: If a number is out of range, a fold is named already, or what was begun in
            the directory has other settings.
    """
    if num_seeds < 1:
        raise SettingError(f"there must be at least one seed, got {num_seeds}")
    if base.split.fold != 1:
        raise SettingError("all folds are run: leave out split.fold")
    try:
        split = replace(base.split, folds=folds)
    except ValueError as error:
        raise SettingError(str(error)) from error
    name = base.experiment_name or f"{base.name}_{f'{folds}folds' if folds else 'seeds'}"
    base = replace(base, split=split, experiment_name=name)
    variants = [
        (
            Variant(name=f"fold_{fold}" if folds else "held_out"),
            replace(
                base,
                split=replace(split, fold=fold),
                pretrained=of_fold(base.pretrained, fold),
            ),
        )
        for fold in range(1, max(folds, 1) + 1)
    ]
    seeds = tuple(range(base.seed, base.seed + num_seeds))
    plan = FoldPlan(base=base, seeds=seeds, runs=planned(base, variants, seeds))
    refuse_others(base, plan.runs)
    return plan


def of_fold(pretrained: Path | None, fold: int) -> Path | None:
    """The checkpoint of a fold, where `{fold}` stands in its path; else the same for all."""
    return None if pretrained is None else Path(str(pretrained).replace(_FOLD, str(fold)))
