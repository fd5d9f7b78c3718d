"""What an ablation will do: which variants with which seeds, and which encoders beside them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from pahcl_core.data.tasks import Task
from pahcl_core.studies.axes import refuse_idle
from pahcl_core.studies.probing import PROBE, tasks_of
from pahcl_core.studies.study import PlannedRun, planned, refuse_others
from pahcl_core.studies.variants import BASE, Variant, distinct
from pahcl_core.training.pretrain import describe_pretrain
from pahcl_core.training.settings import PretrainConfig
from pahcl_track import Run

RANDOM = "random"

State = Literal["complete", "begun", "to do"]


@dataclass(frozen=True, kw_only=True, slots=True)
class AblationPlan:
    """What an ablation will do."""

    base: PretrainConfig
    variants: tuple[Variant, ...]
    """The base first."""

    tasks: tuple[Task, ...]
    references: tuple[PlannedRun[PretrainConfig], ...]
    """Encoders with random weights, one of each shape and seed: probed alone."""

    runs: tuple[PlannedRun[PretrainConfig], ...]
    """Pretrained and probed."""

    @property
    def everything(self) -> tuple[PlannedRun[PretrainConfig], ...]:
        """In the order in which it is done."""
        return (*self.references, *self.runs)


def planned_ablation(
    base: PretrainConfig, variants: Sequence[Variant], *, num_seeds: int
) -> AblationPlan:
    """Say what is to be done; nothing is read or written, but for what is there already.

    Args:
        base: What the variants differ from; `base.seed` is the first seed.
        variants: Whatever comes to the same settings is done once.
        num_seeds: Runs of each.

    Raises:
        SettingError: If a variant makes no sense or changes nothing, there is no task to probe, or
            what was begun in the study's directory has other settings.
    """
    tasks = tasks_of(base)
    chosen = list(distinct(base, variants).values())
    refuse_idle(chosen)
    seeds = range(base.seed, base.seed + num_seeds)
    plan = AblationPlan(
        base=base,
        variants=tuple(variant for variant, _ in chosen),
        tasks=tasks,
        references=planned(base, _references(chosen), seeds),
        runs=planned(base, chosen, seeds),
    )
    refuse_others(base, plan.runs)
    return plan


def _references(
    chosen: Sequence[tuple[Variant, PretrainConfig]],
) -> list[tuple[Variant, PretrainConfig]]:
    """One for each encoder, and way to prepare what it hears, named after the first that has it."""
    found: list[tuple[Variant, PretrainConfig]] = []
    for variant, config in chosen:
        if all((c.encoder, c.signal) != (config.encoder, config.signal) for _, c in found):
            name = RANDOM if variant.name == BASE.name else f"{RANDOM},{variant.name}"
            found.append((Variant(name=name, settings=variant.settings), config))
    return found


def state_of(run: PlannedRun[PretrainConfig]) -> State:
    """How far a run has come."""
    if (run.directory / PROBE).exists():
        return "complete"
    return "begun" if run.directory.exists() else "to do"


def describe_ablation_run(plan: AblationPlan, run: PlannedRun[PretrainConfig]) -> Run:
    """A run as a tracker is told of it: all of them in the study's group."""
    return describe_pretrain(run.config, name=run.name, job_type="ablation", group=plan.base.name)
