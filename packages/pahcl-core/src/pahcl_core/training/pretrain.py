"""Pretraining: cycles, and the phases within them, are told apart without a single label.

Two cycles of one recording, each changed at random, are drawn together, and away from the cycles
of other people: cycle-level InfoNCE. The same goes for each of the four phases: substructure-level
InfoNCE. What is minimised is their weighted sum (`losses.hierarchical`).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Int64
from torch import Tensor, nn

from pahcl_core.config import to_dict, write_toml
from pahcl_core.data.preparation import Progress
from pahcl_core.data.splits import write_split
from pahcl_core.losses.hierarchical import HierarchicalLoss, hierarchical_loss
from pahcl_core.models.encoder import Encoder
from pahcl_core.models.heads import Projection
from pahcl_core.training.augmentation import augmented
from pahcl_core.training.checkpoint import Checkpoint
from pahcl_core.training.device import reproducible, resolve_device
from pahcl_core.training.draws import Draw
from pahcl_core.training.loop import Trained, reported, train
from pahcl_core.training.people import Cohort, read_cohort
from pahcl_core.training.reporting import Guarded
from pahcl_core.training.resumption import opened
from pahcl_core.training.run_directory import METRICS, write_json
from pahcl_core.training.settings import PretrainConfig
from pahcl_core.training.versions import versions
from pahcl_core.training.windows import WindowSource, batches, epoch_of, pairs_of
from pahcl_track import Run, Tracker

_VALIDATION = 0  # the epoch whose random numbers validation always has; training counts from 1


@dataclass(frozen=True, kw_only=True, slots=True)
class PretrainResult:
    """What a pretraining came to."""

    directory: Path
    checkpoint: Path
    """`best_model.pt`: the encoder of the epoch with the lowest validation loss."""

    metrics: Mapping[str, Any]
    """The content of `final_metrics.json`."""


def describe_pretrain(config: PretrainConfig, /, **fields: Any) -> Run:  # noqa: ANN401
    """The run as a tracker is told of it; `fields` are further ones of `Run`."""
    settled = {
        "name": config.name,
        "directory": config.output_dir / config.name,
        "job_type": "pretrain",
        "config": to_dict(config),
    }
    return Run(**{**settled, **fields})


def pretrain(
    config: PretrainConfig,
    *,
    tracker: Tracker,
    run: Run | None = None,
    resume: bool = False,
    progress: Progress = lambda items, total: items,
) -> PretrainResult:
    """Train an encoder on unlabelled cycles.

    Writes to `run.directory`: `config.toml`, `splits.json`, `train.log`, `best_model.pt`,
    `epoch_<n>.pt`, `final_metrics.json`.

    Args:
        config: Everything that changes the result.
        tracker: Told of the run as it goes; whatever it raises, training goes on.
        run: What the tracker is told of the run; by default what `config` says.
        resume: Go on with the run in that directory, which was interrupted or killed, and whose
            `config` this is. It ends with the bits of one that was not.
        progress: Shown the batches of each epoch, and the recordings as they are read.

    Raises:
        DataError: If the data cannot be used.
        SettingError: If a setting does not fit the data or the machine.
        TrainingError: If the loss is no longer a number.
    """
    run = run or describe_pretrain(config)
    tracker = Guarded(tracker)
    device = resolve_device(config.device)
    with opened(run, resume=resume) as (run, state), reproducible(config.seed):
        directory = run.directory
        if state is None:
            write_toml(directory / "config.toml", {**run.config, **to_dict(config)})
        learner = _Pretraining(config, device, read_cohort(config, progress))
        if state is None:
            write_split(directory / "splits.json", learner.cohort.split)
        with reported(run, tracker) as summary:
            tracker.save(directory / "config.toml", kind="config")
            tracker.save(directory / "splits.json", kind="split")
            trained = train(
                learner,
                schedule=config.training,
                optimiser=config.optimiser,
                seed=config.seed,
                directory=directory,
                tracker=tracker,
                progress=progress,
                state=state,
            )
            metrics = learner.final_metrics(trained)
            # The tracker first: a disk that is full by now costs the files, not the figures.
            summary.update({f"best/{name}": value for name, value in trained.best_val.items()})
            tracker.save(directory / "best_model.pt", kind="checkpoint")
            write_json(directory / METRICS, metrics)
            tracker.save(directory / METRICS, kind="metrics")
    return PretrainResult(
        directory=directory, checkpoint=directory / "best_model.pt", metrics=metrics
    )


class _Pretraining:
    """An encoder, its projections and the loss between two views."""

    def __init__(self, config: PretrainConfig, device: torch.device, cohort: Cohort) -> None:
        self.config = config
        self.device = device
        self.cohort = cohort
        self.cycles = cohort.cycles
        split = cohort.split
        self.train_ids = (
            split.train if config.train_on == "train" else (*split.train, *split.val, *split.test)
        )
        self.train_cycles = cohort.cycles.of_subjects(self.train_ids)
        self.val_cycles = cohort.cycles.of_subjects(split.val)
        self.person = _cycle_persons(cohort)
        self.source = WindowSource(
            cohort.cycles,
            window_s=config.encoder.window_s,
            band_hz=(config.signal.low_hz, config.signal.high_hz),
            device=device,
        )
        width, size = config.encoder.width, config.objective.projection_size
        self.encoder = Encoder(config.encoder, sample_rate=config.signal.sample_rate).to(device)
        self.heads = nn.ModuleDict(
            {"cycle": Projection(width, size), "phase": Projection(width, size)}
        ).to(device)
        self.epoch = 0
        self.losses: list[Tensor] = []

    def begin_epoch(self, epoch: int) -> None:
        self.epoch = epoch
        self._set_training(True)
        self.losses = []

    def loss(self, batch: Int64[np.ndarray, "batch"]) -> Tensor:
        loss = self._hierarchical_loss(batch, self.epoch)
        self.losses.append(torch.stack(loss).detach())
        return loss.total

    def train_scores(self) -> dict[str, float]:
        return _means("train", self.losses)

    def validate(self) -> dict[str, float]:
        """The same loss over the validation persons, with the same draws after every epoch."""
        self._set_training(False)
        drawn = epoch_of(
            self.cycles,
            self.val_cycles,
            per_recording=self.config.training.cycles_per_recording,
            rng=np.random.default_rng(self.config.seed),
        )
        with torch.no_grad():
            losses = [
                torch.stack(self._hierarchical_loss(batch, _VALIDATION))
                for batch in batches(drawn, self.config.training.batch_size)
            ]
        return _means("val", losses)

    def rank(self, val: Mapping[str, float]) -> tuple[float, ...]:
        return (-val["val/loss"],)

    def checkpoint(self, *, epoch: int, step: int) -> Checkpoint:
        return Checkpoint(
            kind="pretrain",
            encoder_config=self.config.encoder,
            encoder=self.encoder.state_dict(),
            signal=self.config.signal,
            heads={name: head.state_dict() for name, head in self.heads.items()},
            epoch=epoch,
            step=step,
            persons=self.cohort.persons(self.train_ids),
            provenance=self.cohort.collection.provenance,
        )

    def _hierarchical_loss(self, batch: Int64[np.ndarray, "batch"], epoch: int) -> HierarchicalLoss:
        """Of a batch of cycles, each with its partner."""
        objective = self.config.objective
        draws = (Draw(self.config.seed, epoch, view=0), Draw(self.config.seed, epoch, view=1))
        partner = batch
        if objective.positives == "same_recording":
            partner = pairs_of(self.cycles, batch, draws[0])
        first, second = (
            self.encoder(*augmented(self.source, index, self.config.augmentation, draw))
            for index, draw in zip((batch, partner), draws, strict=True)
        )
        of_cycle, of_phase = self.heads["cycle"], self.heads["phase"]
        person = torch.from_numpy(self.person[batch]).to(self.device)
        return hierarchical_loss(
            of_cycle(first.cycle),
            of_cycle(second.cycle),
            of_phase(first.phases),
            of_phase(second.phases),
            valid=first.phase_valid & second.phase_valid,
            person=person if objective.exclude_same_person else None,
            temperature=objective.temperature,
            cycle_weight=objective.cycle_weight,
            substructure_weight=objective.substructure_weight,
        )

    def _set_training(self, mode: bool) -> None:
        self.encoder.train(mode)
        self.heads.train(mode)

    def final_metrics(self, trained: Trained) -> dict[str, Any]:
        """The content of `final_metrics.json`."""
        val = {name.replace("/", "_"): value for name, value in trained.best_val.items()}
        return {
            "task": "pretrain",
            "unit": "cycle",
            "provenance": self.cohort.collection.provenance,
            "n": {"train": len(self.train_cycles), "val": len(self.val_cycles)},
            "n_persons": len(self.cohort.persons(self.train_ids)),
            "seed": self.config.seed,
            "best_epoch": trained.best_epoch,
            "selected_by": "val_loss",
            **val,
            "not_used": len(self.cohort.problems),
            "versions": versions(),
        }


def _cycle_persons(cohort: Cohort) -> Int64[np.ndarray, "cycles"]:
    """A number for the person each cycle is of."""
    person_of = {s.subject_id: s.person_id for s in cohort.collection.subjects}
    names = sorted(set(person_of.values()))
    number = {name: position for position, name in enumerate(names)}
    by_recording = [number[person_of[r.subject_id]] for r in cohort.cycles.recordings]
    persons: Int64[np.ndarray, "cycles"] = np.array(by_recording, dtype=np.int64)[
        cohort.cycles.recording
    ]
    return persons


def _means(split: str, losses: list[Tensor]) -> dict[str, float]:
    total, cycle, substructure = torch.stack(losses).mean(dim=0).tolist()
    return {
        f"{split}/loss": total,
        f"{split}/cycle_loss": cycle,
        f"{split}/substructure_loss": substructure,
    }
