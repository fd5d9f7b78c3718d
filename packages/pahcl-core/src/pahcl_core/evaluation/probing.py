"""What a model's embeddings are worth for a task, by one of three methods that train no network."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np

from pahcl_core.data.collection import Provenance, Subject
from pahcl_core.data.preparation import Progress
from pahcl_core.data.splits import SEED
from pahcl_core.data.tasks import Task, task_named
from pahcl_core.evaluation.anomaly import anomaly_auroc, anomaly_probe
from pahcl_core.evaluation.neighbours import neighbour_probe
from pahcl_core.metrics.bootstrap import Interval, bootstrap
from pahcl_core.training.checkpoint import Checkpoint, encoder_from, load_checkpoint
from pahcl_core.training.device import resolve_device
from pahcl_core.training.evaluation import Predictions
from pahcl_core.training.nearest_neighbours import MonitorConfig
from pahcl_core.training.people import Cohort, read_cohort
from pahcl_core.training.probe import linear_probe, recording_embeddings
from pahcl_core.training.rows import FOLDS
from pahcl_core.training.scoring import challenge_of
from pahcl_core.training.settings import Device, FinetuneConfig, ReadingConfig
from pahcl_core.training.windows import WindowSource

log = logging.getLogger(__name__)

Method = Literal["linear", "knn", "anomaly"]


@dataclass(frozen=True, kw_only=True, slots=True)
class ProbeConfig:
    """What `pahcl probe` is given."""

    model: Path
    """A checkpoint; how recordings are prepared, it says itself."""

    task: str
    data_dir: Path
    """The collection as downloaded."""

    method: Method = "linear"
    """`linear`: a logistic regression. `knn`: a vote of the nearest recordings. `anomaly`: the
    distance from the normal ones."""

    neighbours: int = MonitorConfig().neighbours
    """How many vote."""

    seed: int = SEED
    """Of the folds."""

    output_dir: Path = Path("outputs")
    store: Path | None = None
    """Holds prepared recordings; by default `.prepared` in `output_dir`."""

    device: Device = "auto"
    num_workers: int = 0
    """Processes that prepare recordings, 0 for one per core."""

    reading: ReadingConfig = field(default_factory=ReadingConfig)

    def __post_init__(self) -> None:
        task_named(self.task)
        if self.neighbours < 1:
            raise ValueError(f"neighbours must be at least 1, got {self.neighbours}")


@dataclass(frozen=True, kw_only=True, slots=True)
class ProbeResult:
    """What a probe came to, in folds by person."""

    task: Task
    method: Method
    provenance: Provenance
    subjects: tuple[Subject, ...]
    scores: Mapping[str, Interval]
    """With 95 % over persons."""

    known: int
    """How many of the persons asked about a fine-tuned model was trained on, maybe told their
    labels; 0 for one that was pretrained, without labels."""

    def as_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        count = dict.fromkeys(self.task.classes, 0)
        for subject in self.subjects:
            count[subject.labels[self.task.label]] += 1
        return {
            "task": self.task.name,
            "unit": self.task.unit,
            "method": self.method,
            "provenance": self.provenance,
            "folds": FOLDS,
            "n": len(self.subjects),
            "n_by_class": count,
            "persons_known": self.known,
            "scores": {
                name: {"value": one.value, "low": one.low, "high": one.high}
                | ({"undefined": one.undefined} if one.undefined else {})
                for name, one in self.scores.items()
            },
        }


def probe(config: ProbeConfig, *, progress: Progress = lambda items, total: items) -> ProbeResult:
    """Embed the recordings of a task, and score what can be read from that.

    Args:
        config: What to ask, and of whom.
        progress: Shown the recordings as they are read.

    Raises:
        DataError: If the model or the data cannot be used, or there are too few persons.
        SettingError: If the device cannot be used.
    """
    task = task_named(config.task)
    checkpoint = load_checkpoint(config.model)
    device = resolve_device(config.device)
    encoder = encoder_from(config.model, checkpoint, checkpoint.encoder_config).to(device)
    cohort = read_cohort(_reading(config, checkpoint), progress)
    source = WindowSource.seen_by(
        checkpoint.encoder_config, cohort.cycles, checkpoint.signal, device
    )
    recordings, embeddings = recording_embeddings(encoder, source, cohort)
    if config.method == "anomaly":
        found = anomaly_probe(recordings, embeddings, cohort, task, seed=config.seed)
        subjects, scores = found.subjects, anomaly_auroc(found, task)
    else:
        said = _said(config, recordings, embeddings, cohort, task)
        subjects, scores = said.subjects, _intervals(said, task)
    return ProbeResult(
        task=task,
        method=config.method,
        provenance=cohort.collection.provenance,
        subjects=subjects,
        scores=scores,
        known=_known(config.model, checkpoint, cohort, subjects),
    )


def _reading(config: ProbeConfig, checkpoint: Checkpoint) -> FinetuneConfig:
    """The fine-tuning that reads these recordings as the model is shown them."""
    return FinetuneConfig(
        task=config.task,
        data_dir=config.data_dir,
        output_dir=config.output_dir,
        store=config.store,
        num_workers=config.num_workers,
        reading=config.reading,
        signal=checkpoint.signal,
        encoder=checkpoint.encoder_config,
    )


def _said(
    config: ProbeConfig, recordings: np.ndarray, embeddings: np.ndarray, cohort: Cohort, task: Task
) -> Predictions:
    if config.method == "linear":
        return linear_probe(recordings, embeddings, cohort, task, seed=config.seed)
    return neighbour_probe(
        recordings, embeddings, cohort, task, neighbours=config.neighbours, seed=config.seed
    )


def _intervals(said: Predictions, task: Task) -> dict[str, Interval]:
    return bootstrap(
        said.labels,
        said.probabilities,
        [subject.person_id for subject in said.subjects],
        class_names=task.classes,
        positive=task.positive,
        challenge=challenge_of(task),
    )


def _known(
    path: Path, checkpoint: Checkpoint, cohort: Cohort, subjects: tuple[Subject, ...]
) -> int:
    """See `ProbeResult.known`."""
    if checkpoint.kind != "finetune":
        return 0
    asked = set(cohort.persons([subject.subject_id for subject in subjects]))
    known = len(asked & set(checkpoint.persons))
    if known:
        log.warning(
            "%s was fine-tuned, and knows %d of the %d persons it is asked about here: the scores "
            "are not of unseen persons",
            path, known, len(asked),
        )  # fmt: skip
    return known
