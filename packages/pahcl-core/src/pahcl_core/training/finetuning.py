"""The learner of fine-tuning: a classifier on an encoder, trained on what it is scored on.

With `attention` or `mean` that is a patient, or a recording where nobody knows whose it is: a batch
holds whole ones, whose cycles are encoded at once and pooled (`models.instance_pooling`). With
`vote` it is a cycle, which has the label of its recording.
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from jaxtyping import Float, Int64
from torch import Tensor

from pahcl_core.metrics.classification import Scores, classification_metrics
from pahcl_core.models.encoder import Encoder
from pahcl_core.training.augmentation import augmented
from pahcl_core.training.checkpoint import Checkpoint, encoder_from
from pahcl_core.training.conclusion import score_predictions
from pahcl_core.training.draws import Draw
from pahcl_core.training.evaluation import Predictions, Scored, predict
from pahcl_core.training.examples import CycleExamples, UnitExamples
from pahcl_core.training.final_metrics import final_metrics
from pahcl_core.training.head_start import CYCLES_PER_RECORDING, settle
from pahcl_core.training.loop import Trained
from pahcl_core.training.machine import EncoderPass, compile_in_place
from pahcl_core.training.people import Cohort, num_known, training_ids
from pahcl_core.training.rank_layers import over_ranks
from pahcl_core.training.ranks import ALONE, Ranks
from pahcl_core.training.settings import FinetuneConfig
from pahcl_core.training.trained_model import heads_of, with_heads
from pahcl_core.training.units import UnitDraws, units_of
from pahcl_core.training.versions import versions
from pahcl_core.training.windows import WindowSource, spread_over

RATE = 1e-3  # docs/experiments.md


class Finetuning:
    """A classifier on an encoder, and the patients it is scored on."""

    def __init__(
        self,
        config: FinetuneConfig,
        device: torch.device,
        pretrained: Checkpoint | None,
        cohort: Cohort,
        ranks: Ranks = ALONE,
    ) -> None:
        self.config = config
        self.ranks = ranks
        self.passes = EncoderPass(config.machine, device)
        self.device = device
        self.pretrained = pretrained
        self.cohort = cohort
        self.cycles = cohort.cycles
        self.task = config.definition
        self.train_ids = training_ids(config, cohort, self.task)
        self.train_cycles = cohort.cycles.of_subjects(self.train_ids)
        self.source = WindowSource.seen_by(config.encoder, cohort.cycles, config.signal, device)
        self.encoder = self._initial_encoder().to(device)
        over_ranks(self.encoder, ranks)
        if config.machine.compile:
            compile_in_place(self.encoder, device)
        self.heads = heads_of(config.encoder, self.task, config.pooling).to(device)
        self.model = with_heads(self.encoder, self.heads, passes=self.passes, ranks=ranks)
        self.examples = self._examples()
        self.draws = self.examples.draws
        self.epoch = 0
        self.seen: list[_Seen] = []

    def _initial_encoder(self) -> Encoder:
        config = self.config
        if self.pretrained is None or config.pretrained is None:
            encoder = Encoder(config.encoder, sample_rate=config.signal.sample_rate)
        else:
            encoder = encoder_from(config.pretrained, self.pretrained, config.encoder)
        return encoder.requires_grad_(not config.linear_eval)

    def _examples(self) -> UnitExamples | CycleExamples:
        config, cycles = self.config, self.cycles
        if self.model.pooling is None:
            return CycleExamples(
                cycles,
                self.train_cycles,
                self.task,
                config.loss,
                cycles_per_recording=config.training.cycles_per_recording,
            )
        draws = UnitDraws(
            units=units_of(cycles, self.cohort.subjects(self.train_ids)),
            seed=config.seed,
            batch_size=config.training.batch_size,
            cycles_per_recording=config.training.cycles_per_recording,
            recordings_per_unit=config.recordings_per_unit,
        )
        return UnitExamples(draws, self.task, config.loss)

    def begin(self) -> None:
        """Give the classifier its head start, if it has one; for a training that does not go on."""
        if self.pretrained is None or not self.config.head_start:
            return
        index = spread_over(self.cycles, self.train_cycles, CYCLES_PER_RECORDING)
        labels, bags = self.examples.lesson(index, self.device)
        embedding = self.model.embedded(self.source, index)
        if self.model.pooling is not None:
            assert bags is not None, "units are put together somehow"
            with torch.no_grad():
                embedding = self.model.pooling(embedding, bags).units
        settle(self.model.classifier.linear, embedding, labels, self.examples.loss)

    def begin_epoch(self, epoch: int) -> None:
        """Go into training mode for this epoch, and forget the scores before it."""
        self.epoch = epoch
        self.model.train()
        if self.config.linear_eval:
            self.encoder.eval()  # its running statistics stay as they are, too
        self.seen = []

    def loss(self, batch: Int64[np.ndarray, "batch"]) -> Tensor:
        """What mistakes in these cycles, or in the units they make, cost."""
        draw = Draw(self.config.seed, self.epoch)
        own = self.ranks.share(batch)
        windows = augmented(self.source, own, self.config.augmentation, draw)
        labels, bags = self.examples.lesson(batch, self.device)
        logits = self.model(windows, bags)
        loss = self.examples.loss(logits, labels)
        self.seen.append(_Seen(labels, logits.detach(), loss.detach() * len(labels)))
        return loss

    def after_step(self, done: float) -> None:
        """Nothing follows a step."""

    def state_dict(self) -> dict[str, Any]:
        """Nothing beyond the encoder and the classifier."""
        return {}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Nothing to go on from."""

    def train_scores(self) -> dict[str, float]:
        """Over the units of the epoch, as the model saw them: augmented, mid-training."""
        labels, logits = (
            torch.cat([getattr(one, name) for one in self.seen]) for name in ("labels", "logits")
        )
        loss = torch.stack([one.loss for one in self.seen]).sum().item() / len(labels)
        if not np.isfinite(loss) or self.task.labels:  # the one ends the training
            return {"train/loss": loss}
        scores = classification_metrics(
            labels.cpu().numpy(),
            logits.cpu().double().softmax(dim=1).numpy(),
            class_names=self.task.classes,
            positive=self.task.positive,
        )
        wanted = ("accuracy", "f1", "f1_macro", "precision", "recall")
        found = {f"train/{n}": scores.values[n] for n in wanted if n in scores.values}
        return {"train/loss": loss, **found}

    def validate(self) -> dict[str, float]:
        """The scores of the validation persons."""
        predictions = self.predict(self.cohort.split.val).predictions
        if not np.isfinite(predictions.probabilities).all():
            return {"val/loss": float("nan")}  # as above
        return named("val", score_predictions(predictions, self.task))

    def rank(self, val: Mapping[str, float]) -> tuple[float, ...]:
        """The chosen metric, then the lower loss; an undefined metric is below any other."""
        loss = val["val/loss"]
        selected_by = self.config.selected_by
        if selected_by == "loss":
            return (-loss,)
        return (val.get(f"val/{selected_by}", -np.inf), -loss)

    def checkpoint(self, *, epoch: int, step: int) -> Checkpoint:
        """The encoder and what sits on it as they stand."""
        before = () if self.pretrained is None else self.pretrained.persons
        return Checkpoint(
            kind="finetune",
            encoder_config=self.config.encoder,
            encoder=self.encoder.state_dict(),
            signal=self.config.signal,
            heads={name: head.state_dict() for name, head in self.heads.items()},
            epoch=epoch,
            step=step,
            task=self.task,
            pooling=self.config.pooling,
            persons=sorted({*self.cohort.persons(self.train_ids), *before}),
            provenance=self.cohort.collection.provenance,
            origin={"seed": self.config.seed, "versions": versions()},
        )

    def predict(self, ids: Sequence[str]) -> Scored:
        """What the model as it stands says of these subjects."""
        subjects = self.cohort.subjects(ids)
        return predict(
            self.model,
            self.source,
            self.cycles,
            subjects,
            self.task,
            per_recording=self.config.cycles_scored,
        )

    def predict_best(self, best: Checkpoint) -> dict[str, Scored]:
        """What the best epoch's model says of everyone, by split."""
        self.encoder.load_state_dict(dict(best.encoder))
        for name, head in self.heads.items():
            head.load_state_dict(dict(best.heads[name]))
        split = self.cohort.split
        return {
            "train": self.predict(self.train_ids),
            "val": self.predict(split.val),
            "test": self.predict(split.test),
        }

    def final_metrics(
        self,
        trained: Trained,
        predictions: Mapping[str, Predictions],
        scores: Mapping[str, Scores],
        operating_point: Mapping[str, Any],
    ) -> dict[str, Any]:
        """The content of `final_metrics.json`."""
        return final_metrics(
            self.cohort,
            self.task,
            predictions,
            scores,
            pooling=self.config.pooling,
            seed=self.config.seed,
            best_epoch=trained.best_epoch,
            selected_by=f"val_{self.config.selected_by}",
            operating_point=operating_point,
            test_persons_seen_in_pretraining=num_known(
                self.cohort,
                () if self.pretrained is None else self.pretrained.persons,
                source=self.config.pretrained,
            ),
        )


class _Seen(NamedTuple):
    """A batch of training, kept for the epoch's scores."""

    labels: Int64[Tensor, "examples *labels"]
    logits: Float[Tensor, "examples outputs"]
    loss: Float[Tensor, ""]
    """Summed over the examples."""


def named(split: str, scores: Scores) -> dict[str, float]:
    """By the names they are tracked under."""
    return {f"{split}/{name}": value for name, value in scores.values.items()}
