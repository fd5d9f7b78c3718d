"""The loop that pretraining and fine-tuning share; it alone decides when to report."""

import logging
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import numpy as np
import torch
from jaxtyping import Int64
from torch import Tensor, nn

from pahcl_core.data.cycle_set import CycleSet
from pahcl_core.data.preparation import Progress
from pahcl_core.errors import SettingError, TrainingError
from pahcl_core.training.checkpoint import Checkpoint, save_checkpoint
from pahcl_core.training.optimisation import Optimiser, OptimiserConfig
from pahcl_core.training.ranks import ALONE, Ranks
from pahcl_core.training.reporting import histograms
from pahcl_core.training.resumption import (
    TrainingState,
    data_digest,
    random_state,
    restore,
    save_state,
)
from pahcl_core.training.run_directory import BEST, STATE
from pahcl_core.training.settings import ScheduleConfig
from pahcl_core.training.units import UnitDraws
from pahcl_core.training.watching import Watch, unwatched
from pahcl_core.training.windows import Mix, batches, epoch_of, num_batches
from pahcl_track import Tracker, Value

log = logging.getLogger(__name__)


@runtime_checkable
class Learner(Protocol):
    """What the loop trains: it knows its model, its loss and its scores, and no tracker."""

    cycles: CycleSet
    train_cycles: Int64[np.ndarray, "cycles"]
    heads: nn.ModuleDict
    device: torch.device

    @property
    def encoder(self) -> nn.Module:
        """What the heads sit on."""
        ...

    def begin_epoch(self, epoch: int) -> None:
        """Go into training mode for this epoch, from 1 on, and forget the scores before it."""
        ...

    def loss(self, batch: Int64[np.ndarray, "batch"]) -> Tensor:
        """The scalar to descend on for these cycles; of several ranks, each computes all of it."""
        ...

    def after_step(self, done: float) -> None:
        """Told once after every step of the optimiser, and which share of all steps that makes."""
        ...

    def train_scores(self) -> dict[str, float]:
        """Of the epoch so far, `train/loss` among them."""
        ...

    def validate(self) -> dict[str, float]:
        """Scores on the validation persons, `val/loss` among them."""
        ...

    def rank(self, val: Mapping[str, float]) -> tuple[float, ...]:
        """What makes an epoch the best: the greatest of these."""
        ...

    def checkpoint(self, *, epoch: int, step: int) -> Checkpoint:
        """The model as it stands."""
        ...

    def state_dict(self) -> dict[str, Any]:
        """After an epoch, what it takes to go on beyond the encoder, the heads and the epoch."""
        ...

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from there."""
        ...


@dataclass(frozen=True, kw_only=True, slots=True)
class Trained:
    """How a training ended."""

    best_epoch: int
    best_val: Mapping[str, float]
    """Validation scores of the best epoch."""

    step: int
    """The last one."""


def train(
    learner: Learner,
    *,
    schedule: ScheduleConfig,
    optimiser: OptimiserConfig,
    seed: int,
    directory: Path,
    tracker: Tracker,
    progress: Progress,
    state: TrainingState | None = None,
    mix: Mix | None = None,
    units: UnitDraws | None = None,
    ranks: Ranks = ALONE,
    scaler: torch.amp.GradScaler | None = None,
    watch: Watch = unwatched,
) -> Trained:
    """Train for all epochs; `directory/best_model.pt` is the best of them.

    Args:
        learner: What is trained, as it begins.
        schedule: For how long.
        optimiser: How.
        seed: Of which cycles are drawn, and in which order.
        directory: Where checkpoints go, and `resume.pt` after each epoch.
        tracker: Told of it.
        progress: Shown the batches of each epoch.
        state: Where an earlier training of the same settings stood; this one goes on from there,
            and ends with the same bits as one that was never interrupted.
        mix: What share of an epoch is of which collection, if not as they come.
        units: Batches of whole units instead of batches of cycles.
        ranks: The processes that train together. All call this, the first alone writes; a training
            goes on with the same bits on as many ranks, and with nearly the same on others.
        scaler: Of the loss, where gradients are in half precision.
        watch: Called after each epoch, on the first rank.

    Raises:
        EndedEarly: If `watch` does.
        SettingError: If the state is of a training on other data, or another rank's data differ.
        TrainingError: If the loss is no longer a number.
    """
    descent = Optimiser(
        learner.encoder,
        learner.heads,
        optimiser,
        num_steps=schedule.epochs * _steps_per_epoch(learner, schedule, units),
        ranks=ranks,
        scaler=scaler,
    )
    data = data_digest(learner.cycles)
    first, step, best_epoch, best_val = 1, 0, 0, dict[str, float]()
    if state is not None:
        restore(
            state,
            encoder=learner.encoder,
            heads=learner.heads,
            optimiser=descent,
            data=data,
            device=learner.device,
        )
        learner.load_state_dict(state.learner)
        first, step = state.epoch + 1, state.step
        best_epoch, best_val = state.best_epoch, dict(state.best_val)
    if ranks.told(data) != data:
        raise SettingError(f"rank {ranks.rank} has read other recordings than rank 0")
    for epoch in range(first, schedule.epochs + 1):
        if schedule.patience and best_epoch and epoch - 1 - best_epoch >= schedule.patience:
            log.info("no epoch was better than %d for %d epochs", best_epoch, schedule.patience)
            break
        if units is None:
            cut = _batches(learner, schedule, [seed, epoch], mix)
        else:
            cut = units.batches(epoch)
        ranks.align(learner.encoder, learner.heads)
        learner.begin_epoch(epoch)
        step = _train_epoch(learner, descent, cut, schedule, step, tracker, progress, ranks)
        scores = learner.train_scores()
        if ranks.first:  # the others hear of it
            _require_number(scores, "train/loss", epoch, optimiser)
        val = learner.validate()
        if ranks.first:
            _require_number(val, "val/loss", epoch, optimiser)
        scores, val = ranks.told((scores, val))  # so that all decide alike
        if best_epoch == 0 or learner.rank(val) > learner.rank(best_val):
            best_epoch, best_val = epoch, val
        tracker.log({**scores, **val, "epoch": epoch, "best_epoch": best_epoch}, step=step)
        log.info("epoch %d/%d: %s", epoch, schedule.epochs, _line({**scores, **val}))
        if not ranks.first:
            continue
        if best_epoch == epoch:
            save_checkpoint(directory / BEST, learner.checkpoint(epoch=epoch, step=step))
        if schedule.checkpoint_every and epoch % schedule.checkpoint_every == 0:
            save_checkpoint(
                directory / f"epoch_{epoch}.pt", learner.checkpoint(epoch=epoch, step=step)
            )
        save_state(  # at last: what it says is done has been written
            directory / STATE,
            TrainingState(
                epoch=epoch,
                step=step,
                best_epoch=best_epoch,
                best_val=best_val,
                encoder=learner.encoder.state_dict(),
                heads=learner.heads.state_dict(),
                learner=learner.state_dict(),
                optimiser=descent.state_dict(),
                random=random_state(learner.device),
                data=data,
            ),
        )
        watch(epoch, val)
    return Trained(best_epoch=best_epoch, best_val=best_val, step=step)


def _batches(
    learner: Learner, schedule: ScheduleConfig, seed: list[int], mix: Mix | None
) -> Sequence[Int64[np.ndarray, "_"]]:
    """Of cycles, each by itself."""
    drawn = epoch_of(
        learner.cycles,
        learner.train_cycles,
        per_recording=schedule.cycles_per_recording,
        rng=np.random.default_rng(seed),
        mix=mix,
    )
    return batches(drawn, schedule.batch_size)


def _train_epoch(
    learner: Learner,
    descent: Optimiser,
    cut: Sequence[Int64[np.ndarray, "_"]],
    schedule: ScheduleConfig,
    step: int,
    tracker: Tracker,
    progress: Progress,
    ranks: Ranks,
) -> int:
    """One pass over the batches; returns the step it ended at."""
    num_cycles, started = 0, time.perf_counter()
    for batch in progress(cut, len(cut)):
        loss = learner.loss(batch)
        step += 1
        norms = descent.step(loss, step)
        learner.after_step(step / descent.num_steps)
        num_cycles += len(batch)
        if step % schedule.log_every == 0:
            seconds = time.perf_counter() - started
            tracker.log(
                {
                    "train/batch_loss": loss.item(),
                    **descent.rates(step),
                    **{name: norm.item() for name, norm in norms.items()},
                    "throughput/cycles_per_s": num_cycles / seconds,
                },
                step=step,
            )
            num_cycles, started = 0, time.perf_counter()
        if schedule.histogram_every and step % schedule.histogram_every == 0 and ranks.first:
            tracker.log(_distributions(learner), step=step)
    return step


def _require_number(
    scores: Mapping[str, float], name: str, epoch: int, optimiser: OptimiserConfig
) -> None:
    if not np.isfinite(scores[name]):
        raise TrainingError(
            f"{name} became {scores[name]} in epoch {epoch}; try an lr below {optimiser.lr}"
        )


def _distributions(learner: Learner) -> dict[str, Value]:
    parameters = [*learner.encoder.named_parameters("encoder"), *learner.heads.named_parameters()]
    return {
        **histograms("parameters", parameters),
        **histograms("gradients", ((name, parameter.grad) for name, parameter in parameters)),
    }


def _steps_per_epoch(learner: Learner, schedule: ScheduleConfig, units: UnitDraws | None) -> int:
    if units is not None:
        return units.num_batches
    per_recording = np.bincount(learner.cycles.recording[learner.train_cycles])
    drawn = int(np.minimum(per_recording, schedule.cycles_per_recording).sum())
    return num_batches(drawn, schedule.batch_size)


def _line(scores: Mapping[str, float]) -> str:
    shown = ("train/loss", "val/loss", "val/auroc", "val/f1_macro")
    return ", ".join(f"{name} {scores[name]:.4f}" for name in shown if name in scores)
