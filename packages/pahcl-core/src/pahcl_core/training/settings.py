"""Everything that changes the result of a run; `config.toml` is one of these, written out."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from pahcl_core.data.preparation import SignalConfig
from pahcl_core.data.readers import MAX_DAMAGED, CollectionName, collection_of
from pahcl_core.data.splits import FRACTIONS, SEED
from pahcl_core.data.tasks import Metric, Task, task_named, task_of
from pahcl_core.errors import closest
from pahcl_core.losses.classification import LossConfig
from pahcl_core.models.encoder import EncoderConfig
from pahcl_core.training.augmentation import AugmentationConfig
from pahcl_core.training.machine import MachineConfig
from pahcl_core.training.nearest_neighbours import MonitorConfig
from pahcl_core.training.objective import ObjectiveConfig
from pahcl_core.training.operating_point import OperatingPointConfig
from pahcl_core.training.optimisation import OptimiserConfig
from pahcl_core.training.run_names import check_run_name
from pahcl_core.training.shots import Shots

Device = Literal["auto", "cpu", "cuda", "mps"]
Pooling = Literal["attention", "mean", "statistics", "vote"]


@dataclass(frozen=True, kw_only=True, slots=True)
class SplitConfig:
    """How people are dealt out; always whole persons, stratified by every label."""

    train: float = FRACTIONS[0]
    val: float = FRACTIONS[1]
    test: float = FRACTIONS[2]

    folds: int = 0
    """Deal people out to so many folds, and test on one of them; 0 to hold out `test` once. The
    others are trained on and validated on in the proportion of `train` and `val`."""

    fold: int = 1
    """Which of the folds is tested on, from 1 on."""

    fold_seed: int = SEED
    """Deals people out to folds. It is not the run's own seed, so that runs of all seeds, and the
    pretraining that they begin with, have the same folds."""

    file: Path | None = None
    """Take the split of an earlier run from its `splits.json` instead."""

    def __post_init__(self) -> None:
        if min(self.train, self.val, self.test) <= 0:
            raise ValueError("train, val and test must all be positive")
        if abs(self.train + self.val + self.test - 1) > 1e-6:
            total = self.train + self.val + self.test
            raise ValueError(f"train, val and test must add up to 1, not {total:g}")
        if self.folds < 0 or self.folds == 1:
            raise ValueError(f"folds must be 0 or at least 2, got {self.folds}")
        if not 1 <= self.fold <= max(self.folds, 1):
            raise ValueError(f"fold must lie between 1 and folds, got {self.fold} of {self.folds}")
        if self.folds and self.file is not None:
            raise ValueError("file and folds cannot both be given: the file says who is where")

    @property
    def fractions(self) -> tuple[float, float, float]:
        """Of train, val and test."""
        return (self.train, self.val, self.test)


@dataclass(frozen=True, kw_only=True, slots=True)
class ReadingConfig:
    """How forgiving the reader is."""

    strict: bool = False
    """Stop at the first damaged recording instead of setting it aside."""

    max_damaged: float = MAX_DAMAGED
    """Share of damaged recordings above which the path is taken to be wrong."""

    permuted_labels: int = 0
    """Seed by which the persons' labels are dealt out anew among them, to find out whether anything
    leaks: scores are then to be those of chance. 0 for the labels as they are."""

    def __post_init__(self) -> None:
        if not 0 <= self.max_damaged <= 1:
            raise ValueError(f"max_damaged must lie between 0 and 1, got {self.max_damaged}")


@dataclass(frozen=True, kw_only=True, slots=True)
class ScheduleConfig:
    """How long to train and how often to look."""

    epochs: int = 30
    """Times through the recordings."""

    patience: int = 0
    """Epochs without a better one after which to stop; 0 to go on to the end."""

    batch_size: int = 64
    """Cycles in a step; about so many where a step has whole patients."""

    cycles_per_recording: int = 8
    """Drawn anew from each recording in each epoch, so that long ones do not dominate."""

    log_every: int = 10
    """Optimiser steps between two reports of rates, norms and throughput."""

    histogram_every: int = 100
    """Optimiser steps between two sets of histograms; 0 for none."""

    checkpoint_every: int = 10
    """Epochs between two of the checkpoints that are kept; 0 for none."""

    def __post_init__(self) -> None:
        for name in ("epochs", "batch_size", "cycles_per_recording", "log_every"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1, got {getattr(self, name)}")
        for name in ("patience", "histogram_every", "checkpoint_every"):
            if getattr(self, name) < 0:
                raise ValueError(f"{name} must be at least 0, got {getattr(self, name)}")


class Stored:
    """Settings that say where prepared recordings are kept."""

    __slots__ = ()
    output_dir: Path
    store: Path | None

    @property
    def prepared(self) -> Path:
        """Where the store is; the runs of an `output_dir` share one where none is named."""
        return self.output_dir / ".prepared" if self.store is None else self.store


@dataclass(frozen=True, kw_only=True, slots=True)
class PrepareConfig(Stored):
    """What `pahcl data prepare` is given; a run with the same settings finds what it made."""

    data_dir: Path
    """The collection as downloaded."""

    collection: CollectionName = "circor"
    """Which one it is."""

    output_dir: Path = Path("outputs")
    num_workers: int = 0
    """Processes, 0 for one per core."""

    store: Path | None = None
    """By default `.prepared` in `output_dir`."""

    reading: ReadingConfig = field(default_factory=ReadingConfig)
    signal: SignalConfig = field(default_factory=SignalConfig)


@dataclass(frozen=True, kw_only=True, slots=True)
class FinetuneConfig(Stored, Shots):
    """A fine-tuning run."""

    task: str
    """One of `data.tasks`, or the name of `own_task`."""

    data_dir: Path
    """The collection as downloaded."""

    own_task: Task | None = None
    """What is to be told, where it is no task that there is already."""

    output_dir: Path = Path("outputs")
    experiment_name: str = ""
    """Folder below `output_dir`; empty for the task and the kind of run."""

    seed: int = SEED
    device: Device = "auto"
    num_workers: int = 0
    """Processes that prepare recordings, 0 for one per core; the result does not depend on it."""

    store: Path | None = None
    """Holds prepared recordings for all runs; by default `.prepared` in `output_dir`."""

    pretrained: Path | None = None
    """Checkpoint of `pretrain` (or of an earlier fine-tuning) whose encoder to start from: a file,
    a run, or `tiny`, the encoder that comes with the package."""

    head_start: bool = True
    """On a pretrained encoder, bring the classifier to where it tells the training examples best
    before anything is trained together (`training.head_start`)."""

    linear_eval: bool = False
    """Leave the encoder as it is and train the classifier alone."""

    few_shot: bool = False
    """Train on a share of the training persons only."""

    shot_ratio: float = 0.1
    """That share; whole persons, at least one of each class."""

    shots_per_class: int = 0
    """Train on so many persons of each class only, instead of a share; 0 for not."""

    pooling: Pooling = "statistics"
    """How cycles become a recording, and recordings the patient that is scored. `attention`: a
    weighted mean of embeddings, the weights learnt; `mean`: all weigh the same; `statistics`: the
    same, and how far the cycles of a recording are apart beside it. These are trained on whole
    patients. `vote`: cycles are trained and asked one by one; their probabilities are averaged in a
    recording, and recordings are put together as the task says."""

    cycles_scored: int = 0
    """Of each recording, as far apart as can be, that what is said of patients rests on, in every
    validation and at the end; 0 for all. A few change a mean little, and cost less time."""

    recordings_per_unit: int = 8
    """Drawn anew from each patient in each epoch, where patients are trained on whole."""

    selection: Metric | None = None
    """What, on the validation patients, picks the best epoch, ties going to the lower loss. By
    default the task's main metric, which is the area under the ROC curve where it names none."""

    operating_point: OperatingPointConfig = field(default_factory=OperatingPointConfig)
    reading: ReadingConfig = field(default_factory=ReadingConfig)
    signal: SignalConfig = field(default_factory=SignalConfig)
    split: SplitConfig = field(default_factory=SplitConfig)
    encoder: EncoderConfig = field(default_factory=EncoderConfig)
    augmentation: AugmentationConfig = field(default_factory=AugmentationConfig)
    training: ScheduleConfig = field(default_factory=ScheduleConfig)
    loss: LossConfig = field(default_factory=LossConfig)
    optimiser: OptimiserConfig = field(default_factory=OptimiserConfig)
    machine: MachineConfig = field(default_factory=MachineConfig)

    def __post_init__(self) -> None:
        check_run_name(self.experiment_name)
        self.operating_point.check_fits(self.definition)
        self.check_shots()
        if self.cycles_scored < 0:
            raise ValueError(f"cycles_scored must be at least 0, got {self.cycles_scored}")
        if self.loss.balanced_sampling and self.definition.labels:
            raise ValueError("loss.balanced_sampling is for tasks of one label")
        if self.recordings_per_unit < 1:
            raise ValueError(
                f"recordings_per_unit must be at least 1, got {self.recordings_per_unit}"
            )

    @property
    def definition(self) -> Task:
        """What `task` is."""
        return task_of(self.task, self.own_task)

    @property
    def selected_by(self) -> Metric:
        """`selection`, or the task's main metric."""
        return self.selection or self.definition.metric

    @property
    def name(self) -> str:
        """`experiment_name`, or `<task>_finetune`, `<task>_linear`, `…_fewshot10pct`, `…_5shot`."""
        if self.experiment_name:
            return self.experiment_name
        kind = "linear" if self.linear_eval else "finetune"
        return f"{self.task}_{kind}{self.shots_in_name}"


@dataclass(frozen=True, kw_only=True, slots=True)
class PretrainConfig(Stored):
    """A pretraining run. Labels are read to deal out the same split, and for `monitor.task`."""

    data: Mapping[str, Path]
    """The collections as downloaded, by name: `circor`, `physionet2016`, `pascal`, and `folder` or
    `folder:clinic_a` for one's own recordings."""

    weights: Mapping[str, float] = field(default_factory=dict)
    """How often a collection's cycles are drawn, against what is its share: 2 for twice as often
    as those of a collection with 1, which is what one has that is not named. How many cycles an
    epoch draws in all does not depend on it; see `windows.Mix`."""

    output_dir: Path = Path("outputs")
    experiment_name: str = "pretrain"
    seed: int = SEED
    """The same seed and split as the fine-tuning's leave the same persons out."""

    device: Device = "auto"
    num_workers: int = 0
    """Processes that prepare recordings, 0 for one per core; the result does not depend on it."""

    store: Path | None = None
    """Holds prepared recordings for all runs; by default `.prepared` in `output_dir`."""

    train_on: Literal["train", "all"] = "train"
    """Leave out whom a fine-tuning with this seed validates and tests on, or use everyone."""

    validation_share: float = 0.1
    """Of the persons so used, in each collection: kept for the validation loss, not trained on."""

    reading: ReadingConfig = field(default_factory=ReadingConfig)
    signal: SignalConfig = field(default_factory=SignalConfig)
    split: SplitConfig = field(default_factory=SplitConfig)
    encoder: EncoderConfig = field(default_factory=EncoderConfig)
    augmentation: AugmentationConfig = field(default_factory=AugmentationConfig)
    objective: ObjectiveConfig = field(default_factory=ObjectiveConfig)
    training: ScheduleConfig = field(
        default_factory=lambda: ScheduleConfig(epochs=5, batch_size=32)
    )
    optimiser: OptimiserConfig = field(default_factory=OptimiserConfig)
    monitor: MonitorConfig = field(default_factory=MonitorConfig)
    machine: MachineConfig = field(default_factory=MachineConfig)

    def __post_init__(self) -> None:
        check_run_name(self.experiment_name)
        if not self.data:
            raise ValueError("data names no collection")
        folders: dict[Path, str] = {}
        for name, path in self.data.items():
            collection_of(name)
            other = folders.setdefault(path.resolve(), name)
            if other != name:
                raise ValueError(f"{other} and {name} are the same folder, {path}")
        for name, weight in self.weights.items():
            if name not in self.data:
                given = ", ".join(self.data)
                near = closest(name, self.data)
                raise ValueError(f"weights.{name}: no such collection is given{near}; only {given}")
            if not 0 < weight < math.inf:
                raise ValueError(f"weights.{name} must be positive, got {weight}")
        if self.monitor.task:
            collection = task_named(self.monitor.task).collection
            if collection not in self.data:
                raise ValueError(
                    f"monitor.task = {self.monitor.task!r} is about {collection}, which is not "
                    f"pretrained on; only {', '.join(self.data)}"
                )
        if not 0 < self.validation_share < 1:
            raise ValueError(
                f"validation_share must lie between 0 and 1, got {self.validation_share}"
            )

    @property
    def name(self) -> str:
        """`experiment_name`."""
        return self.experiment_name
