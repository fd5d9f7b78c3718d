"""What a batch will do: tasks × ways of training × shares of the persons, over folds and seeds.

A batch file is TOML:

    tasks = ["circor_murmur", "pascal"]
    modes = ["scratch", "linear", "finetune", "log_mel boosting"]
    shots = [1.0, 0.1]              # shares of the training persons
    folds = 5
    seeds = 3

    [data]                          # where collections are; --data is another way to say so
    circor = "data/circor"

    [shared]                        # of all runs that have them: signal, split, encoder, …
    [pretrain]                      # of the pretrainings, one for each fold
    [train]                         # of the fine-tunings, from scratch or not
    [[adjust]]                      # of some of those
    shots = [0.1]                   # and likewise tasks, modes; all where nothing is said
    settings = {training = {epochs = 20}}

`scratch` and `finetune` train the whole network, from random weights and from the pretrained ones.
`linear` leaves the pretrained encoder as it is and fits a logistic regression. Any other mode is a
baseline: its features and its model. Without `[pretrain]`, `pretrained` names a checkpoint, and
`{fold}` in its path stands for the fold.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, get_args

from pahcl_core.baselines.settings import BaselineConfig, Features, Model
from pahcl_core.config import from_dict, merge, read_toml
from pahcl_core.data.splits import SEED
from pahcl_core.data.tasks import task_named
from pahcl_core.errors import SettingError, closest
from pahcl_core.studies.batch_tables import adjusted, check_tables, shared_with, with_encoder
from pahcl_core.studies.folds import FoldPlan, planned_folds
from pahcl_core.studies.study import PlannedRun, refuse_other_run
from pahcl_core.studies.variants import Variant
from pahcl_core.training.settings import FinetuneConfig, PretrainConfig

SCRATCH, LINEAR, FINETUNE = "scratch", "linear", "finetune"
_NEEDS_PRETRAINED = (LINEAR, FINETUNE)
_TABLES = ("shared", "pretrain", "train", "adjust")


@dataclass(frozen=True, kw_only=True, slots=True)
class BatchConfig:
    """The plain part of a batch file."""

    tasks: tuple[str, ...]
    modes: tuple[str, ...]
    data: Mapping[str, Path] = field(default_factory=dict)
    """Where the collections are, by name; also those that are pretrained on and have no task."""

    shots: tuple[float, ...] = (1.0,)
    folds: int = 5
    seeds: int = 3
    seed: int = SEED
    """The first."""

    pretrained: Path | None = None
    """The checkpoint to begin with, where none is pretrained."""

    name: str = "batch"
    """Folder below `output_dir`."""

    output_dir: Path = Path("outputs")
    store: Path | None = None
    """Holds prepared recordings; by default `.prepared` in `output_dir`."""

    def __post_init__(self) -> None:
        for name in self.tasks:
            collection = task_named(name).collection
            if collection not in self.data:
                raise ValueError(f"no data of {collection}, which {name} is about: --data")
        for mode in self.modes:
            _check_mode(mode)
        if not self.tasks or not self.modes or not self.shots:
            raise ValueError("tasks, modes and shots must each name one at least")
        for share in self.shots:
            if not 0 < share <= 1:
                raise ValueError(f"shots must lie in (0, 1], got {share:g}")
        if self.folds < 2:
            raise ValueError(f"folds must be at least 2, got {self.folds}")


def _check_mode(mode: str) -> None:
    own = (SCRATCH, LINEAR, FINETUNE)
    features, _, model = mode.partition(" ")
    known = [one for one in get_args(Features) if one != "embedding"]
    if mode not in own and (features not in known or model not in get_args(Model)):
        every = [*own, *(f"{one} {other}" for one in known for other in get_args(Model))]
        raise ValueError(f"no mode {mode!r}{closest(mode, every)}; modes: {', '.join(every)}")


@dataclass(frozen=True, kw_only=True, slots=True)
class Cell:
    """One task, mode and share: a row of the table."""

    task: str
    mode: str
    share: float
    plan: FoldPlan[Any]

    @property
    def key(self) -> tuple[str, float, str]:
        """Task, share and mode."""
        return self.task, self.share, self.mode


@dataclass(frozen=True, kw_only=True, slots=True)
class BatchPlan:
    """Everything that a batch will do."""

    config: BatchConfig
    pretrainings: tuple[PlannedRun[PretrainConfig], ...]
    """One for each fold, before all else; none where nothing is pretrained."""

    cells: tuple[Cell, ...]

    @property
    def directory(self) -> Path:
        """Holds all."""
        return self.config.output_dir / self.config.name

    @property
    def runs(self) -> tuple[PlannedRun[Any], ...]:
        """Those of the cells, each under the name of its folder; in the order to do them in.

        First what takes seconds, then seed by seed, so that whoever looks in between finds all
        modes with the same seeds. Runs that ask for the same figures of recordings come together.
        """
        named = [
            replace(run, variant=Variant(name=f"{cell.plan.base.name}/{run.variant.name}"))
            for cell in self.cells
            for run in cell.plan.runs
        ]
        return tuple(sorted(named, key=_order))


def _order(run: PlannedRun[Any]) -> tuple[Any, ...]:
    config = run.config
    if isinstance(config, BaselineConfig):
        return (0, task_named(config.task).collection, config.features, config.split.fold)
    return (1, config.seed, config.split.fold, config.task)


def read_batch(
    file: Path, data: Mapping[str, Path], *, over: Mapping[str, Any]
) -> tuple[BatchConfig, dict[str, Any]]:
    """A batch file, and its tables of settings.

    Args:
        file: The file.
        data: Collections that are elsewhere than it says.
        over: Further keys that count for more than those of the file; None for what is not given.

    Raises:
        DataError: If there is no such file.
        SettingError: If it is no batch file, or says what makes no sense.
    """
    table = read_toml(file)
    settings = {name: table.pop(name) for name in _TABLES if name in table}
    given = {key: value for key, value in over.items() if value is not None}
    places = {name: str(path) for name, path in data.items()}
    plain = merge({"name": file.stem, **table}, {"data": places, **given})
    return from_dict(BatchConfig, plain, source=str(file)), settings


def planned_batch(config: BatchConfig, settings: Mapping[str, Any], *, source: str) -> BatchPlan:
    """Say what is to be done; nothing is read or written, but for what is there already.

    Args:
        config: The plain part of a batch file.
        settings: Its tables.
        source: Its name, for messages.

    Raises:
        SettingError: If a setting makes no sense, or what was begun has other settings.
    """
    check_tables(settings, source)
    pretrainings = _pretrainings(config, settings, source) if "pretrain" in settings else ()
    pretrained = config.pretrained
    if pretrainings:
        if pretrained is not None:
            raise SettingError(f"{source}: give pretrained or [pretrain], not both")
        pretrained = pretrainings[0].directory.parent / "fold_{fold}" / "best_model.pt"
    needing = [mode for mode in config.modes if mode in _NEEDS_PRETRAINED]
    if needing and pretrained is None:
        raise SettingError(f"{source}: {needing[0]} needs [pretrain], or pretrained")
    for run in pretrainings:
        refuse_other_run(run)
    cells = []
    for task in config.tasks:
        for share in config.shots:
            for mode in config.modes:
                base: Any = _base(config, settings, task, mode, share, pretrained, source)
                plan = planned_folds(base, folds=config.folds, num_seeds=config.seeds)
                cells.append(Cell(task=task, mode=mode, share=share, plan=plan))
    return BatchPlan(config=config, pretrainings=pretrainings, cells=tuple(cells))


def _pretrainings(
    config: BatchConfig, settings: Mapping[str, Any], source: str
) -> tuple[PlannedRun[PretrainConfig], ...]:
    common = {
        "data": {name: str(path) for name, path in config.data.items()},
        "output_dir": str(config.output_dir / config.name / "pretrain"),
        "seed": config.seed,
        "store": str(_store(config)),
    }
    table = with_encoder(shared_with(PretrainConfig, settings), settings["pretrain"])
    found = []
    for fold in range(1, config.folds + 1):
        split = {"split": {"folds": config.folds, "fold": fold}, "experiment_name": f"fold_{fold}"}
        whole = merge(merge(table, common), split)
        found.append(
            PlannedRun(
                variant=Variant(name="pretrain"),
                config=from_dict(PretrainConfig, whole, source=f"{source}, [pretrain]"),
            )
        )
    return tuple(found)


def _base(
    config: BatchConfig,
    settings: Mapping[str, Any],
    task: str,
    mode: str,
    share: float,
    pretrained: Path | None,
    source: str,
) -> FinetuneConfig | BaselineConfig:
    """What the runs of a cell have in common."""
    percent = f"{100 * share:g}pct"
    common = {
        "task": task,
        "data_dir": str(config.data[task_named(task).collection]),
        "output_dir": str(config.output_dir / config.name),
        "experiment_name": f"{task}_{mode.replace(' ', '_')}_{percent}",
        "seed": config.seed,
        "store": str(_store(config)),
        **({"few_shot": True, "shot_ratio": share} if share < 1 else {}),
        **({"pretrained": str(pretrained)} if mode in _NEEDS_PRETRAINED else {}),
    }
    if mode in (SCRATCH, FINETUNE):
        table = with_encoder(shared_with(FinetuneConfig, settings), settings.get("train", {}))
        for one in settings.get("adjust", ()):
            table = adjusted(table, one, task, mode, share, source)
        return from_dict(FinetuneConfig, merge(table, common), source=f"{source}, [train]")
    features, _, model = mode.partition(" ")
    if mode == LINEAR:
        features, model = "embedding", "logistic"
    whole = merge(
        shared_with(BaselineConfig, settings), {**common, "features": features, "model": model}
    )
    return from_dict(BaselineConfig, whole, source=f"{source}, [shared]")


def _store(config: BatchConfig) -> Path:
    return config.store or config.output_dir / ".prepared"
