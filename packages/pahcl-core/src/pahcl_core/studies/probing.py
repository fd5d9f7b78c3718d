"""What a linear probe says of every task, kept in a run's directory so that it is asked once."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float64, Int64

from pahcl_core.data.collection import Provenance
from pahcl_core.data.tasks import TASKS, Task
from pahcl_core.errors import DataError, SettingError
from pahcl_core.metrics.classification import classification_metrics
from pahcl_core.models.encoder import Encoder
from pahcl_core.training.cohorts import Cohorts
from pahcl_core.training.probe import linear_probe, recording_embeddings
from pahcl_core.training.run_directory import write_json
from pahcl_core.training.settings import PretrainConfig
from pahcl_core.training.windows import WindowSource

PROBE = "probe.json"


@dataclass(frozen=True, kw_only=True, slots=True)
class Said:
    """What was said of the units of a task."""

    subjects: tuple[str, ...]
    persons: tuple[str, ...]
    """Whose each unit is."""

    labels: tuple[int, ...]
    """Places of the true classes among those of the task."""

    probabilities: tuple[tuple[float, ...], ...]
    """One row for each unit."""

    def rows(
        self, subjects: Sequence[str]
    ) -> tuple[Int64[np.ndarray, "units"], Float64[np.ndarray, "units classes"]]:
        """True classes and probabilities of these units, in their order."""
        place = {subject: row for row, subject in enumerate(self.subjects)}
        index = [place[subject] for subject in subjects]
        labels = np.array(self.labels, dtype=np.int64)[index]
        return labels, np.array(self.probabilities, dtype=np.float64)[index]

    def auroc(self, task: Task) -> float | None:
        """Macro area under the ROC curve; None where it is undefined."""
        labels, probabilities = self.rows(self.subjects)
        scores = classification_metrics(
            labels, probabilities, class_names=task.classes, positive=task.positive
        )
        return scores.values.get("auroc")


@dataclass(frozen=True, kw_only=True, slots=True)
class Probed:
    """The end of a run of an ablation."""

    said: Mapping[str, Said]
    """By task."""

    refused: Mapping[str, str]
    """Why there is nothing of a task."""

    provenance: Provenance
    seconds: float | None
    """That pretraining took; None where it was interrupted on the way."""


def tasks_of(config: PretrainConfig) -> tuple[Task, ...]:
    """Those that the collections have labels for.

    Raises:
        SettingError: If there are none.
    """
    found = tuple(task for task in TASKS.values() if task.collection in config.data)
    if not found:
        homes = ", ".join(dict.fromkeys(task.collection for task in TASKS.values()))
        raise SettingError(f"{', '.join(config.data)}: no task to probe; there are some of {homes}")
    return found


def probe(
    encoder: Encoder,
    cohorts: Cohorts,
    config: PretrainConfig,
    tasks: Sequence[Task],
    device: torch.device,
) -> tuple[dict[str, Said], dict[str, str]]:
    """Ask for every task what a frozen encoder's embeddings tell.

    Args:
        encoder: Moved to the device.
        cohorts: Of everyone.
        config: How the encoder is shown sound; and the seed, of the folds.
        tasks: Of the cohorts' collections.
        device: Where embeddings are made.

    Returns:
        By task what was said, or why nothing was.
    """
    encoder.to(device)
    embedded = {}
    for name in dict.fromkeys(task.collection for task in tasks):
        cohort = cohorts.by_name[name]
        source = WindowSource.seen_by(config.encoder, cohort.cycles, config.signal, device)
        embedded[name] = recording_embeddings(encoder, source, cohort)
    said, refused = dict[str, Said](), dict[str, str]()
    for task in tasks:
        cohort = cohorts.by_name[task.collection]
        try:
            found = linear_probe(*embedded[task.collection], cohort, task, seed=config.seed)
        except DataError as error:
            refused[task.name] = str(error)
            continue
        said[task.name] = Said(
            subjects=tuple(subject.subject_id for subject in found.subjects),
            persons=tuple(subject.person_id for subject in found.subjects),
            labels=tuple(found.labels.tolist()),
            probabilities=tuple(map(tuple, found.probabilities.tolist())),
        )
    return said, refused


def save_probe(path: Path, probed: Probed) -> None:
    """Write it, every digit: complete, or not at all."""
    write_json(path, {"format": 1, **asdict(probed)})


def load_probe(path: Path) -> Probed:
    """Read it.

    Raises:
        DataError: If the file is damaged.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        return Probed(
            said={name: _said(task) for name, task in content["said"].items()},
            refused=content["refused"],
            provenance=content["provenance"],
            seconds=content["seconds"],
        )
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise DataError(f"{path}: is damaged; remove it, and it is made again") from error


def _said(content: Mapping[str, Any]) -> Said:
    return Said(
        subjects=tuple(content["subjects"]),
        persons=tuple(content["persons"]),
        labels=tuple(content["labels"]),
        probabilities=tuple(map(tuple, content["probabilities"])),
    )
