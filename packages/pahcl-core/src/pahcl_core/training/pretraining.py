"""The learner of pretraining: an encoder that tells cycles, and the phases in them, apart.

An encoder predicts sound that it was not shown, of the cycle and of each phase in it
(`training.prediction`), and goes on telling what it told as it began (`training.anchor`). Beside
that, or instead, two cycles of one recording or person, each changed at random, are drawn together,
and away from the cycles of other people: cycle-level InfoNCE. The same goes for each of the four
phases: substructure-level InfoNCE (`losses.hierarchical`). What is minimised is the weighted sum.
"""

from collections.abc import Mapping
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
import torch
from jaxtyping import Bool, Float, Int64
from torch import Tensor, nn

from pahcl_core.losses.hierarchical import HierarchicalLoss
from pahcl_core.models.encoder import Embeddings, Encoder
from pahcl_core.training.anchor import Anchor
from pahcl_core.training.augmentation import view_of
from pahcl_core.training.checkpoint import Checkpoint
from pahcl_core.training.cohorts import Cohorts
from pahcl_core.training.draws import Draw
from pahcl_core.training.loop import Trained
from pahcl_core.training.machine import EncoderPass, compile_in_place
from pahcl_core.training.momentum import MomentumContrast
from pahcl_core.training.monitor import Monitor
from pahcl_core.training.objective import Objective
from pahcl_core.training.partners import Groups, pairs_of
from pahcl_core.training.prediction import Prediction
from pahcl_core.training.rank_layers import over_ranks
from pahcl_core.training.ranks import ALONE, Ranks
from pahcl_core.training.settings import PretrainConfig
from pahcl_core.training.versions import versions
from pahcl_core.training.windows import Mix, Windows, WindowSource, batches, epoch_of

_VALIDATION = 0  # the epoch whose random numbers validation always has; training counts from 1


class Losses(NamedTuple):
    """The weighted sum and its terms, None for one that has no weight."""

    total: Float[Tensor, ""]
    cycle: Float[Tensor, ""] | None = None
    substructure: Float[Tensor, ""] | None = None
    prediction: Float[Tensor, ""] | None = None
    anchor: Float[Tensor, ""] | None = None

    def logged(self) -> dict[str, Float[Tensor, ""]]:
        """Those there are, under the names they are tracked by."""
        names = ("loss", "cycle_loss", "substructure_loss", "prediction_loss", "anchor_loss")
        named = zip(names, self, strict=True)
        return {name: term.detach() for name, term in named if term is not None}


class Pretraining:
    """An encoder, what is told from it, and the losses of two views."""

    def __init__(
        self,
        config: PretrainConfig,
        device: torch.device,
        cohorts: Cohorts,
        ranks: Ranks = ALONE,
    ) -> None:
        self.config = config
        self.ranks = ranks
        self.passes = EncoderPass(config.machine, device)
        self.device = device
        self.cohorts = cohorts
        self.cycles = cohorts.cycles
        self.train_cycles = cohorts.cycles_of(cohorts.train)
        self.val_cycles = cohorts.cycles_of(cohorts.val)
        self.person = cohorts.person
        together = {"same_recording": self.cycles.recording, "same_person": self.person}
        group = together.get(config.objective.positives)
        self.groups = None if group is None else Groups(group)
        weights = tuple(config.weights.get(name, 1.0) for name in cohorts.by_name)
        self.mix = Mix(part=cohorts.collection, weights=weights) if config.weights else None
        self.source = WindowSource.seen_by(config.encoder, cohorts.cycles, config.signal, device)
        self.encoder = Encoder(config.encoder, sample_rate=config.signal.sample_rate).to(device)
        self.anchor: Anchor | None = None
        if config.objective.anchor_weight > 0:  # before the encoder is compiled: it is copied
            self.anchor = Anchor(self.encoder, self.source, self.train_cycles).to(device)
        over_ranks(self.encoder, ranks)
        if config.machine.compile:
            compile_in_place(self.encoder, device)
        self.objective = Objective(config.objective, config.encoder).to(device)
        heads = dict(self.objective.heads.items())
        self.prediction: Prediction | None = None
        if config.objective.prediction_weight > 0:
            self.prediction = Prediction(
                self.source,
                self.train_cycles,
                config.encoder,
                hidden_share=config.objective.hidden_share,
                hidden_s=config.objective.hidden_s,
            ).to(device)
            heads |= dict(self.prediction.heads.items())
        if self.anchor is not None:
            heads |= dict(self.anchor.heads.items())
        self.heads = nn.ModuleDict(heads)
        self.momentum: MomentumContrast | None = None
        if config.objective.negatives == "queue" and config.objective.is_contrastive:
            self.momentum = MomentumContrast(self.encoder, self.objective).to(device)
        self.monitor = Monitor(
            config.monitor,
            self.objective,
            cohorts,
            cycles_per_recording=config.training.cycles_per_recording,
        )
        self.epoch = 0
        self.done = 0.0
        self.losses: list[dict[str, Tensor]] = []
        self.cycle_weights: list[float] = []

    def begin_epoch(self, epoch: int) -> None:
        """Go into training mode for this epoch, and forget the losses before it."""
        self.epoch = epoch
        self.done = (epoch - 1) / self.config.training.epochs
        if self.momentum is not None:
            self.ranks.align(self.momentum)
        self._set_training(True)
        self.losses, self.cycle_weights = [], []

    def loss(self, batch: Int64[np.ndarray, "batch"]) -> Tensor:
        """The weighted sum, for these cycles and their partners."""
        loss = self._losses(batch, self.epoch)
        self.losses.append(loss.logged())
        self.cycle_weights.append(self.config.objective.cycle_weight_at(self.done))
        return loss.total

    def after_step(self, done: float) -> None:
        """Move the weights on, and let the follower and its queue come after."""
        self.done = done
        if self.momentum is not None:
            self.momentum.after_step(self.encoder, self.objective)

    def state_dict(self) -> dict[str, Any]:
        """The follower and its queue, if there is one."""
        return {} if self.momentum is None else {"momentum": self.momentum.state_dict()}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on with that follower and queue."""
        if self.momentum is not None:
            self.momentum.load_state_dict(state["momentum"])

    def train_scores(self) -> dict[str, float]:
        """Mean losses of the epoch so far, and the mean weight of cycles where it changes."""
        scores = _means("train", self.losses)
        if self.config.objective.cycle_full > 0:
            scores["train/cycle_weight"] = float(np.mean(self.cycle_weights))
        return scores

    def validate(self) -> dict[str, float]:
        """The loss over the validation persons, with the same draws after every epoch.

        Its weights are those that training ends with, its negatives those of the batch: what
        another epoch has left in a queue would make it another loss.
        """
        self._set_training(False)
        scores = _means("val", self._validation_losses(self.val_cycles, watched=True))
        scores |= self.monitor.scores(self._cycle_embeddings)
        for name, cycles in self._val_cycles_by_name.items():
            by_name = _means("val", self._validation_losses(cycles))
            scores[f"val/loss/{name}"] = by_name["val/loss"]
        return scores

    @cached_property
    def _val_cycles_by_name(self) -> dict[str, Int64[np.ndarray, "cycles"]]:
        """Of each of several collections, where there are two persons to tell apart.

        Their losses are over batches of one collection each, where the one over all is over mixed
        ones: people of one collection are harder to tell apart than those of two.
        """
        cohorts = self.cohorts
        if len(cohorts.by_name) == 1:
            return {}
        sides = {name: {name: numbers} for name, numbers in cohorts.val.items()}
        return {
            name.replace(":", "_"): cohorts.cycles_of(side)
            for name, side in sides.items()
            if len(cohorts.persons(side)) > 1
        }

    def _validation_losses(
        self, cycles: Int64[np.ndarray, "cycles"], *, watched: bool = False
    ) -> list[dict[str, Tensor]]:
        """Of batches of these cycles, shown to the monitor or not."""
        drawn = epoch_of(
            self.cycles,
            cycles,
            per_recording=self.config.training.cycles_per_recording,
            rng=np.random.default_rng(self.config.seed),
        )
        with torch.no_grad():
            return [
                self._losses(batch, _VALIDATION, watched=watched).logged()
                for batch in batches(drawn, self.config.training.batch_size)
            ]

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
            persons=self.cohorts.persons(self.cohorts.train, self.cohorts.val),
            provenance=self.cohorts.provenance,
            origin={"seed": self.config.seed, "versions": versions()},
        )

    def _losses(
        self, batch: Int64[np.ndarray, "batch"], epoch: int, *, watched: bool = False
    ) -> Losses:
        """Of a batch of cycles, each with its partner."""
        draws = (Draw(self.config.seed, epoch, view=0), Draw(self.config.seed, epoch, view=1))
        own = self.ranks.share(batch)
        partner = own
        if self.groups is not None:
            partner = pairs_of(self.groups, own, draws[0])
        views = [
            view_of(self.source, cycles, self.config.augmentation, draw)
            for cycles, draw in zip((own, partner), draws, strict=True)
        ]
        windows = (views[0].changed, views[1].changed)
        hidden = self._hidden(own, draws[0]), self._hidden(partner, draws[1])
        shares = [
            self._embedded_share(self.encoder, view, hidden=unseen)
            for view, unseen in zip(windows, hidden, strict=True)
        ]
        first, second = (self._gathered(share) for share in shares)
        person = torch.from_numpy(self.person[batch % len(self.person)]).to(self.device)
        if watched:
            self.monitor.see(first, second, person)
        losses = Losses(torch.zeros((), device=self.device))
        if self.config.objective.is_contrastive:
            losses = self._contrast(windows, (first, second), person, epoch)
        clean = [view.clean for view in views]
        if self.prediction is not None:
            predicted = self.ranks.gather(self.prediction(shares, hidden, clean)).mean()
            total = losses.total + self.config.objective.prediction_weight * predicted
            losses = losses._replace(total=total, prediction=predicted)
        if self.anchor is not None:
            held = self.ranks.gather(self.anchor(shares, clean)).mean()
            total = losses.total + self.config.objective.anchor_weight * held
            losses = losses._replace(total=total, anchor=held)
        return losses

    def _contrast(
        self,
        windows: tuple[Windows, Windows],
        embeddings: tuple[Embeddings, Embeddings],
        person: Int64[Tensor, "batch"],
        epoch: int,
    ) -> Losses:
        """Cycles, and the phases in them, told apart; terms without a weight are left out."""
        config = self.config.objective
        done = 1.0 if epoch == _VALIDATION else self.done
        loss: HierarchicalLoss
        if self.momentum is None or epoch == _VALIDATION:
            loss = self.objective(*embeddings, person, done=done)
        else:
            loss = self.momentum.loss(
                self.objective, windows, embeddings, person, done=done, embed=self._embedded
            )
        return Losses(
            loss.total,
            cycle=loss.cycle if config.cycle_weight > 0 else None,
            substructure=loss.substructure if config.substructure_weight > 0 else None,
        )

    def _hidden(
        self, cycles: Int64[np.ndarray, "rows"], draw: Draw
    ) -> Bool[Tensor, "rows time"] | None:
        """Tokens of these cycles that the encoder is not shown; None where it predicts nothing."""
        if self.prediction is None:
            return None
        return self.prediction.hidden(torch.from_numpy(cycles).to(self.device), draw)

    def _embedded(self, encoder: Encoder, windows: Windows) -> Embeddings:
        """Of the whole batch, from the windows of this rank's share of it."""
        return self._gathered(self._embedded_share(encoder, windows))

    def _embedded_share(
        self,
        encoder: Encoder,
        windows: Windows,
        *,
        hidden: Bool[Tensor, "rows time"] | None = None,
    ) -> Embeddings:
        """Of this rank's share of a batch."""
        num_parts = self.config.objective.num_equal_parts
        return self.passes(encoder, windows, num_parts=num_parts, hidden=hidden)

    def _gathered(self, share: Embeddings) -> Embeddings:
        """Those of all ranks, but for the tokens: no loss is between those of two cycles."""
        pooled = (name for name in share._fields if name != "tokens")
        return share._replace(**{name: self.ranks.gather(getattr(share, name)) for name in pooled})

    def _cycle_embeddings(self, batch: Int64[np.ndarray, "batch"]) -> Tensor:
        """Of cycles as they are."""
        return self._embedded(self.encoder, self.source[self.ranks.share(batch)]).cycle

    def _set_training(self, mode: bool) -> None:
        self.encoder.train(mode)
        self.heads.train(mode)

    def final_metrics(self, trained: Trained) -> dict[str, Any]:
        """The content of `final_metrics.json`."""
        val = {name.replace("/", "_"): value for name, value in trained.best_val.items()}
        collections = self.cohorts.account()
        return {
            "task": "pretrain",
            "unit": "cycle",
            "provenance": self.cohorts.provenance,
            "n": {"train": len(self.train_cycles), "val": len(self.val_cycles)},
            "n_persons": len(self.cohorts.persons(self.cohorts.train)),
            "seed": self.config.seed,
            "best_epoch": trained.best_epoch,
            "selected_by": "val_loss",
            **val,
            "not_used": sum(part["not_used"] for part in collections.values()),
            "collections": collections,
            "versions": versions(),
        }


def _means(split: str, losses: list[dict[str, Tensor]]) -> dict[str, float]:
    """Over batches, by the names they are tracked under."""
    names = list(losses[0])
    means = torch.stack([torch.stack(list(one.values())) for one in losses]).mean(dim=0).tolist()
    return {f"{split}/{name}": value for name, value in zip(names, means, strict=True)}
