"""Everything that changes the result of a baseline."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from pahcl_core.baselines.spectral import SpectrumConfig
from pahcl_core.data.preparation import SignalConfig
from pahcl_core.data.splits import SEED
from pahcl_core.data.tasks import Task, task_of
from pahcl_core.training.operating_point import OperatingPointConfig
from pahcl_core.training.run_names import check_run_name
from pahcl_core.training.settings import FinetuneConfig, ReadingConfig, SplitConfig, Stored
from pahcl_core.training.shots import Shots

Features = Literal["log_mel", "mfcc", "phase_bands", "embedding"]
Model = Literal["logistic", "boosting"]


@dataclass(frozen=True, kw_only=True, slots=True)
class BaselineConfig(Stored, Shots):
    """A baseline; where a setting is one of a fine-tuning, too, it means the same."""

    features: Features
    """What a recording is told by. `log_mel` and `mfcc`: statistics over the whole recording of
    its mel spectrum, and of the cepstrum of that. `phase_bands`: how loud each band is in S1,
    systole, S2 and diastole. `embedding`: mean and standard deviation of what the encoder of
    `pretrained`, which stays as it is, makes of its cycles; with `logistic` this is its
    linear evaluation."""

    task: str
    """One of `data.tasks`, or the name of `own_task`."""

    data_dir: Path
    """The collection as downloaded."""

    pretrained: Path | None = None
    """Checkpoint whose encoder `embedding` asks; nothing else takes one."""

    own_task: Task | None = None
    """What is to be told, where it is no task that there is already."""

    model: Model = "logistic"
    """Logistic regression, its strength chosen on training persons, or boosted trees."""

    output_dir: Path = Path("outputs")
    experiment_name: str = ""
    """Folder below `output_dir`; empty for the task, the features and the model."""

    seed: int = SEED
    """Of the split, which is that of a fine-tuning with this seed, and of the folds that choose."""

    num_workers: int = 0
    """Processes that prepare recordings, 0 for one per core; the result does not depend on it."""

    store: Path | None = None
    """Holds prepared recordings for all runs; by default `.prepared` in `output_dir`."""

    few_shot: bool = False
    """Learn from a share of the training persons only: those whom a fine-tuning would take."""

    shot_ratio: float = 0.1
    """That share; whole persons, at least one of each class."""

    shots_per_class: int = 0
    """Learn from so many persons of each class only, instead of a share; 0 for not."""

    operating_point: OperatingPointConfig = field(default_factory=OperatingPointConfig)
    reading: ReadingConfig = field(default_factory=ReadingConfig)
    signal: SignalConfig = field(default_factory=SignalConfig)
    split: SplitConfig = field(default_factory=SplitConfig)
    spectrum: SpectrumConfig = field(default_factory=SpectrumConfig)

    def __post_init__(self) -> None:
        check_run_name(self.experiment_name)
        self.operating_point.check_fits(task_of(self.task, self.own_task))
        self.check_shots()
        self.spectrum.check_fits(self.signal)
        if (self.features == "embedding") != (self.pretrained is not None):
            raise ValueError(
                "embedding needs the checkpoint of an encoder: give pretrained"
                if self.features == "embedding"
                else f"pretrained is for the features embedding, not for {self.features}"
            )

    @property
    def name(self) -> str:
        """`experiment_name`, or `<task>_<features>_<model>`, `…_fewshot10pct`, `…_5shot`."""
        if self.experiment_name:
            return self.experiment_name
        return f"{self.task}_{self.features}_{self.model}{self.shots_in_name}"

    @property
    def as_finetune(self) -> FinetuneConfig:
        """The fine-tuning that reads, prepares and deals out the same data in the same way."""
        return FinetuneConfig(
            task=self.task,
            own_task=self.own_task,
            data_dir=self.data_dir,
            output_dir=self.output_dir,
            few_shot=self.few_shot,
            shot_ratio=self.shot_ratio,
            shots_per_class=self.shots_per_class,
            seed=self.seed,
            num_workers=self.num_workers,
            store=self.store,
            reading=self.reading,
            signal=self.signal,
            split=self.split,
        )
