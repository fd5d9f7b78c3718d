"""The learner of pretraining: an encoder that tells cycles, and the phases in them, apart.

Two cycles of one recording, each changed at random, are drawn together, and away from the cycles
of other people: cycle-level InfoNCE. The same goes for each of the four phases: substructure-level
InfoNCE. What is minimised is their weighted sum (`losses.hierarchical`).
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from jaxtyping import Int64
from torch import Tensor, nn

from pahcl_core.losses.hierarchical import HierarchicalLoss
from pahcl_core.models.encoder import Encoder
from pahcl_core.training.augmentation import augmented
from pahcl_core.training.checkpoint import Checkpoint
from pahcl_core.training.draws import Draw
from pahcl_core.training.loop import Trained
from pahcl_core.training.objective import Objective
from pahcl_core.training.people import Cohort
from pahcl_core.training.settings import PretrainConfig
from pahcl_core.training.versions import versions
from pahcl_core.training.windows import WindowSource, batches, epoch_of, pairs_of

_VALIDATION = 0  # the epoch whose random numbers validation always has; training counts from 1


class Pretraining:
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
        self.encoder = Encoder(config.encoder, sample_rate=config.signal.sample_rate).to(device)
        self.objective = Objective(config.objective, width=config.encoder.width).to(device)
        self.heads: nn.ModuleDict = self.objective.heads
        self.epoch = 0
        self.losses: list[Tensor] = []

    def begin_epoch(self, epoch: int) -> None:
        """Go into training mode for this epoch, and forget the losses before it."""
        self.epoch = epoch
        self._set_training(True)
        self.losses = []

    def loss(self, batch: Int64[np.ndarray, "batch"]) -> Tensor:
        """The weighted sum, for these cycles and their partners."""
        loss = self._hierarchical_loss(batch, self.epoch)
        self.losses.append(torch.stack(loss).detach())
        return loss.total

    def train_scores(self) -> dict[str, float]:
        """Mean losses of the epoch so far."""
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
        """The lower the loss, the better."""
        return (-val["val/loss"],)

    def checkpoint(self, *, epoch: int, step: int) -> Checkpoint:
        """The encoder and its projections as they stand."""
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
        draws = (Draw(self.config.seed, epoch, view=0), Draw(self.config.seed, epoch, view=1))
        partner = batch
        if self.config.objective.positives == "same_recording":
            partner = pairs_of(self.cycles, batch, draws[0])
        first, second = (
            self.encoder(*augmented(self.source, index, self.config.augmentation, draw))
            for index, draw in zip((batch, partner), draws, strict=True)
        )
        person = torch.from_numpy(self.person[batch]).to(self.device)
        loss: HierarchicalLoss = self.objective(first, second, person)
        return loss

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
