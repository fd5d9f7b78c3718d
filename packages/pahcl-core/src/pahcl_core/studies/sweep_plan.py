"""What a sweep will do: which settings it varies, how it chooses, and what it judges by."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np

from pahcl_core.data.tasks import Task
from pahcl_core.errors import SettingError, closest
from pahcl_core.evaluation.runs import PRETRAIN, lower_is_better
from pahcl_core.studies.begun_with import settings_apart
from pahcl_core.studies.study import directory_of
from pahcl_core.studies.sweep_space import Dimension, Value, as_setting, grid, read_space
from pahcl_core.studies.variants import RunConfig, Variant, settled
from pahcl_core.training.scoring import ATTRIBUTES, Answers, score_labels
from pahcl_core.training.settings import FinetuneConfig

_OF_PRETRAINING = ("loss", "retrieval", "effective_rank")
_NUM_TRIALS = 20


@dataclass(frozen=True, kw_only=True, slots=True)
class SweepConfig:
    """How a sweep goes about it: what stands in its file above `[settings]` and `[space]`."""

    task: str
    """A clinical task, or `pretrain`."""

    method: Literal["grid", "random", "tpe"] = "tpe"
    """Every combination; at random; or near what did well: a tree-structured Parzen estimator
    (Bergstra et al., "Algorithms for Hyper-Parameter Optimization", NeurIPS 2011)."""

    trials: int | None = None
    """By default 20, or all of a grid."""

    metric: str | None = None
    """Of the validation; by default what picks the best epoch: `selection`, or the loss of a
    pretraining."""

    prune: bool = False
    """End trials that are worse than the median of the earlier ones after as many epochs."""

    prune_after: int = 5
    """Epochs that each trial is given, and trials that each epoch is compared with at least."""

    seed: int = 0
    """Of what is drawn; that of the runs is `seed` in `[settings]`, the same for all."""

    lost_after_s: float = 60.0
    """How long a process may be silent until others take its trial to be lost."""

    def __post_init__(self) -> None:
        if self.trials is not None and self.trials < 1:
            raise ValueError(f"trials must be at least 1, got {self.trials}")
        if self.prune_after < 1:
            raise ValueError(f"prune_after must be at least 1, got {self.prune_after}")
        if self.lost_after_s <= 0:
            raise ValueError(f"lost_after_s must be positive, got {self.lost_after_s}")


@dataclass(frozen=True, kw_only=True, slots=True)
class SweepPlan:
    """What a sweep will do."""

    config: SweepConfig
    base: RunConfig
    """What is the same in all trials; says where the sweep is."""

    space: tuple[Dimension, ...]
    metric: str
    num_trials: int
    grid: tuple[Mapping[str, Value], ...]
    """Values by setting, one for each trial; empty for the other methods."""

    @property
    def name(self) -> str:
        """Of the study, and of the group of its runs."""
        return self.base.name

    @property
    def directory(self) -> Path:
        """Holds one folder for each trial."""
        return directory_of(self.base)

    @property
    def lower_is_better(self) -> bool:
        """Whether the smallest value is the best."""
        return lower_is_better(self.metric)

    def trial(self, number: int, values: Mapping[str, Value]) -> RunConfig:
        """The settings of a trial: an ordinary run.

        Raises:
            SettingError: If the values do not go together.
        """
        config = settled(self.base, Variant(name=trial_name(number), settings=overrides(values)))
        return replace(
            config,
            output_dir=self.directory,
            experiment_name=trial_name(number),
            store=self.base.prepared,
        )

    def fingerprint(self) -> dict[str, Any]:
        """What has to agree between all who work on a study, as plain values by dotted key."""
        own = asdict(self.config)
        for free in ("trials", "lost_after_s"):
            del own[free]
        space = {f"[space] {one.key}": _plain(one) for one in self.space}
        settings = {f"[settings] {k}": value for k, value in settings_apart(self.base).items()}
        return {**own, "metric": self.metric, **space, **settings}


def trial_name(number: int) -> str:
    """`trial_007`."""
    return f"trial_{number:03}"


def overrides(values: Mapping[str, Value]) -> tuple[str, ...]:
    """Each as `--set` takes it."""
    return tuple(as_setting(key, value) for key, value in values.items())


def planned_sweep(
    config: SweepConfig, base: RunConfig, space: Mapping[str, Any], *, source: str
) -> SweepPlan:
    """Say what is to be done; nothing is read or written.

    Args:
        config: How.
        base: What is the same in all trials.
        space: What is not, as `read_space` takes it.
        source: Where all that comes from, for messages.

    Raises:
        SettingError: As `read_space`; if there is no such metric, or a grid has no end.
    """
    dimensions = read_space(space, base, source=source)
    combinations = grid(dimensions) if config.method == "grid" else []
    wanted = config.trials or len(combinations) or _NUM_TRIALS
    return SweepPlan(
        config=config,
        base=base,
        space=dimensions,
        metric=_metric(config, base, source),
        num_trials=min(wanted, len(combinations)) if combinations else wanted,
        grid=tuple(combinations),
    )


def _plain(dimension: Dimension) -> dict[str, Any]:
    """As JSON gives it back."""
    content = asdict(dimension)
    del content["key"]
    return {name: list(v) if isinstance(v, tuple) else v for name, v in content.items()}


def _metric(config: SweepConfig, base: RunConfig, source: str) -> str:
    if isinstance(base, FinetuneConfig):
        default, known = str(base.selected_by), metrics_of(base.definition)
    else:
        default, known = "loss", _OF_PRETRAINING
    name = config.metric or default
    if name.startswith(("test_", "test/")):
        raise SettingError(
            f"{source}: metric = {name!r}: a sweep chooses by the validation, never by the test"
        )
    if name not in known:
        near = closest(name, known) or f"; there are {', '.join(known)}"
        raise SettingError(f"{source}: {config.task} has no metric named {name!r}{near}")
    return name


def metrics_of(task: Task) -> tuple[str, ...]:
    """Names of all metrics of a task and its labels: of answers that are all right."""
    classes = len(task.classes)
    labels = np.tile(np.arange(classes), 2)
    answers = Answers(
        ids=tuple(map(str, range(len(labels)))),
        persons=tuple(map(str, range(len(labels)))),
        labels=labels,
        probabilities=np.eye(classes)[labels],
        attributes={name: ("good",) * len(labels) for name in ATTRIBUTES.get(task.collection, ())},
    )
    scores = score_labels(dict.fromkeys(task.parts, answers), task)
    return (*scores.values, *scores.undefined)


def require_optuna() -> None:
    """Refuse to go on where no sweep can be carried out.

    Raises:
        SettingError: If Optuna is missing; names the command that installs it.
    """
    try:
        import optuna  # noqa: F401
    except ImportError as error:
        raise SettingError(
            f"sweeps need one more package: pip install 'pahcl[search]' ({error})"
        ) from error


def is_pretraining(config: SweepConfig) -> bool:
    """Whether a sweep is over pretrainings."""
    return config.task == PRETRAIN
