"""Fine-tuning: a small labelled set teaches an encoder a clinical task, scored by patient."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from jaxtyping import Float, Int64
from torch import Tensor, nn
from torch.nn import functional as F

from pahcl_core.config import to_dict
from pahcl_core.data.preparation import Progress
from pahcl_core.data.split_files import write_split
from pahcl_core.data.splits import few_shot
from pahcl_core.data.tasks import Task, task_named
from pahcl_core.metrics.classification import Scores, classification_metrics
from pahcl_core.models.encoder import Encoder
from pahcl_core.models.heads import Classifier
from pahcl_core.training.augmentation import augmented
from pahcl_core.training.beginning import begun
from pahcl_core.training.checkpoint import (
    Checkpoint,
    encoder_from,
    load_checkpoint,
    load_fitting,
)
from pahcl_core.training.device import resolve_device
from pahcl_core.training.draws import Draw
from pahcl_core.training.evaluation import (
    CycleClassifier,
    Predictions,
    confusion_table,
    predict,
    prediction_table,
    score,
    write_predictions,
)
from pahcl_core.training.loop import Trained, reported, train
from pahcl_core.training.machine import EncoderPass, compile_in_place
from pahcl_core.training.people import Cohort, read_cohort
from pahcl_core.training.rank_layers import over_ranks
from pahcl_core.training.ranks import ALONE, Ranks
from pahcl_core.training.run_directory import METRICS, write_json
from pahcl_core.training.settings import FinetuneConfig
from pahcl_core.training.versions import versions
from pahcl_core.training.windows import WindowSource
from pahcl_track import Run, Tracker, Value

log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True, slots=True)
class FinetuneResult:
    """What a fine-tuning came to."""

    directory: Path
    metrics: Mapping[str, Any]
    """The content of `final_metrics.json`."""


def describe_finetune(config: FinetuneConfig, /, **fields: Any) -> Run:  # noqa: ANN401
    """The run as a tracker is told of it; `fields` are further ones of `Run`."""
    settled = {
        "name": config.name,
        "directory": config.output_dir / config.name,
        "job_type": "linear_eval" if config.linear_eval else "finetune",
        "config": to_dict(config),
    }
    return Run(**{**settled, **fields})


def finetune(
    config: FinetuneConfig,
    *,
    tracker: Tracker,
    run: Run | None = None,
    resume: bool = False,
    progress: Progress = lambda items, total: items,
) -> FinetuneResult:
    """Train a classifier of a task on a collection, and score it on persons it has not seen.

    Writes to `run.directory`: `config.toml`, `splits.json`, `train.log`, `best_model.pt`,
    `epoch_<n>.pt`, `predictions.csv`, `final_metrics.json`.

    Args:
        config: Everything that changes the result.
        tracker: Told of the run as it goes; whatever it raises, training goes on.
        run: What the tracker is told of the run; by default what `config` says.
        resume: Go on with the run in that directory, which was interrupted or killed, and whose
            `config` this is. It ends with the bits of one that was not.
        progress: Shown the batches of each epoch, and the recordings as they are read.

    Raises:
        DataError: If the data cannot be used.
        SettingError: If a setting does not fit the data, the checkpoint or the machine.
        TrainingError: If the loss is no longer a number.
    """
    run = run or describe_finetune(config)
    device = resolve_device(config.device)
    pretrained = None
    if config.pretrained is not None:  # refused here, before anything costly, if it does not fit
        pretrained = load_fitting(config.pretrained, config.encoder, config.signal)
    with begun(
        run, config, device=device, tracker=tracker, progress=progress, resume=resume
    ) as one:
        tracker, progress, ranks = one.tracker, one.progress, one.ranks
        directory = one.run.directory
        with ranks.one_then_others():
            cohort = read_cohort(config, progress)
        learner = _Finetuning(config, device, pretrained, cohort, ranks)
        if one.writes_anew:
            write_split(directory / "splits.json", learner.cohort.split)
        with reported(one.run, tracker) as summary, ranks.together(directory):
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
                state=one.state,
                ranks=ranks,
                scaler=learner.passes.gradient_scaler(),
            )
            metrics = _conclude(learner, trained, directory, tracker, summary)
    return FinetuneResult(directory=directory, metrics=metrics)


def _conclude(
    learner: "_Finetuning",
    trained: Trained,
    directory: Path,
    tracker: Tracker,
    summary: dict[str, Value],
) -> dict[str, Any]:
    """Score the best epoch on every split, and write it all down."""
    best = load_checkpoint(directory / "best_model.pt") if learner.ranks.first else None
    best = learner.ranks.told(best)
    assert best is not None, "the first rank has written it"
    predictions = learner.predict_best(best)
    scores = {name: score(one, learner.task) for name, one in predictions.items()}
    metrics = learner.final_metrics(trained, predictions, scores)
    # The tracker first: a disk that is full by now costs the files, not the figures.
    tables: dict[str, Value] = {
        "test/predictions": prediction_table(predictions["test"], learner.task),
        "test/confusion_matrix": confusion_table(predictions["test"], learner.task),
    }
    tracker.log(tables, step=trained.step)
    tracker.log(_named("test", scores["test"]), step=trained.step)
    for split in ("val", "test"):
        summary.update({f"best/{k}": v for k, v in _named(split, scores[split]).items()})
    tracker.save(directory / "best_model.pt", kind="checkpoint")
    if learner.ranks.first:
        write_predictions(directory / "predictions.csv", predictions, learner.task)
        write_json(directory / METRICS, metrics)
    tracker.save(directory / "predictions.csv", kind="predictions")
    tracker.save(directory / METRICS, kind="metrics")
    return metrics


class _Finetuning:
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
        self.task = task_named(config.task)
        self.train_ids = _train_ids(config, cohort, self.task)
        self.train_cycles = cohort.cycles.of_subjects(self.train_ids)
        self.labels = _cycle_labels(cohort, self.task)
        self.source = WindowSource.seen_by(config.encoder, cohort.cycles, config.signal, device)
        self.encoder = self._initial_encoder().to(device)
        over_ranks(self.encoder, ranks)
        if config.machine.compile:
            compile_in_place(self.encoder, device)
        classifier = Classifier(
            config.encoder.width, len(self.task.classes), dropout=config.encoder.dropout
        )
        self.heads = nn.ModuleDict({"classifier": classifier}).to(device)
        self.model = CycleClassifier(self.encoder, classifier, passes=self.passes, ranks=ranks)
        self.weights = self._class_weights().to(device)
        self.epoch = 0
        self.seen: list[_Seen] = []

    def _initial_encoder(self) -> Encoder:
        config = self.config
        if self.pretrained is None or config.pretrained is None:
            encoder = Encoder(config.encoder, sample_rate=config.signal.sample_rate)
        else:
            encoder = encoder_from(config.pretrained, self.pretrained, config.encoder)
        return encoder.requires_grad_(not config.linear_eval)

    def _class_weights(self) -> Float[Tensor, "classes"]:
        """Inverse frequency among the training recordings, to a power; 1 for a class they lack."""
        _, first = np.unique(self.cycles.recording[self.train_cycles], return_index=True)
        labels = self.labels[self.train_cycles][first]
        count = np.bincount(labels, minlength=len(self.task.classes))
        rarity = count.sum() / (len(count) * np.maximum(count, 1))
        weights = np.where(count > 0, rarity**self.config.class_weight_power, 1.0)
        return torch.from_numpy(weights.astype(np.float32))

    def begin_epoch(self, epoch: int) -> None:
        self.epoch = epoch
        self.model.train()
        if self.config.linear_eval:
            self.encoder.eval()  # its running statistics stay as they are, too
        self.seen = []

    def loss(self, batch: Int64[np.ndarray, "batch"]) -> Tensor:
        draw = Draw(self.config.seed, self.epoch)
        own = self.ranks.share(batch)
        windows = augmented(self.source, own, self.config.augmentation, draw)
        labels = torch.from_numpy(self.labels[batch]).to(self.device)
        logits = self.model(windows)
        loss = F.cross_entropy(logits, labels, weight=self.weights)
        self.seen.append(_Seen(self.labels[batch], logits.detach(), loss.detach() * len(batch)))
        return loss

    def after_step(self, done: float) -> None:
        """Nothing follows a step."""

    def state_dict(self) -> dict[str, Any]:
        """Nothing beyond the encoder and the classifier."""
        return {}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Nothing to go on from."""

    def train_scores(self) -> dict[str, float]:
        """Over the cycles of the epoch, as the model saw them: augmented, mid-training."""
        labels = np.concatenate([one.labels for one in self.seen])
        logits = torch.cat([one.logits for one in self.seen])
        loss = torch.stack([one.loss for one in self.seen]).sum().item() / len(labels)
        if not np.isfinite(loss):  # which ends the training; there is nothing else to score
            return {"train/loss": loss}
        scores = classification_metrics(
            labels,
            logits.double().softmax(dim=1).cpu().numpy(),
            class_names=self.task.classes,
            positive=self.task.positive,
        )
        wanted = ("accuracy", "f1", "f1_macro", "precision", "recall")
        named = {f"train/{n}": scores.values[n] for n in wanted if n in scores.values}
        return {"train/loss": loss, **named}

    def validate(self) -> dict[str, float]:
        predictions = self.predict(self.cohort.split.val)
        if not np.isfinite(predictions.probabilities).all():
            return {"val/loss": float("nan")}  # as above
        return _named("val", score(predictions, self.task))

    def rank(self, val: Mapping[str, float]) -> tuple[float, ...]:
        """The chosen metric, then the lower loss; an undefined metric is below any other."""
        loss = val["val/loss"]
        if self.config.selection == "loss":
            return (-loss,)
        return (val.get(f"val/{self.config.selection}", -np.inf), -loss)

    def checkpoint(self, *, epoch: int, step: int) -> Checkpoint:
        before = () if self.pretrained is None else self.pretrained.persons
        return Checkpoint(
            kind="finetune",
            encoder_config=self.config.encoder,
            encoder=self.encoder.state_dict(),
            signal=self.config.signal,
            heads={name: head.state_dict() for name, head in self.heads.items()},
            epoch=epoch,
            step=step,
            task=self.task.name,
            classes=self.task.classes,
            persons=sorted({*self.cohort.persons(self.train_ids), *before}),
            provenance=self.cohort.collection.provenance,
        )

    def predict(self, ids: Sequence[str]) -> Predictions:
        """What the model as it stands says of these subjects."""
        subjects = self.cohort.subjects(ids)
        return predict(self.model, self.source, self.cycles, subjects, self.task)

    def predict_best(self, best: Checkpoint) -> dict[str, Predictions]:
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
    ) -> dict[str, Any]:
        """The content of `final_metrics.json`."""
        values: dict[str, float | None] = {}
        undefined: dict[str, str] = {}
        for split in ("val", "test"):
            for name, value in scores[split].values.items():
                values[f"{split}_{name}"] = value
            for name, reason in scores[split].undefined.items():
                values[f"{split}_{name}"] = None
                undefined[f"{split}_{name}"] = reason
        return {
            "task": self.task.name,
            "unit": self.task.unit,
            "provenance": self.cohort.collection.provenance,
            "n": {name: len(p.subjects) for name, p in predictions.items()},
            "n_by_class": {name: _by_class(p, self.task) for name, p in predictions.items()},
            "seed": self.config.seed,
            "best_epoch": trained.best_epoch,
            "selected_by": f"val_{self.config.selection}",
            "test_persons_seen_in_pretraining": self._seen_in_pretraining(),
            "not_used": len(self.cohort.problems),
            **values,
            "undefined": undefined,
            "versions": versions(),
        }

    def _seen_in_pretraining(self) -> int:
        """How many of the persons under test the encoder knows already."""
        test = set(self.cohort.persons(self.cohort.split.test))
        known = test & set(() if self.pretrained is None else self.pretrained.persons)
        if known:
            log.warning(
                "%s was trained on %d of the %d persons it is tested on here: the test score is "
                "not one of unseen persons",
                self.config.pretrained,
                len(known),
                len(test),
            )
        return len(known)


class _Seen(NamedTuple):
    """A batch of training, kept for the epoch's scores."""

    labels: Int64[np.ndarray, "batch"]
    logits: Float[Tensor, "batch classes"]
    loss: Float[Tensor, ""]
    """Summed over the batch."""


def _train_ids(config: FinetuneConfig, cohort: Cohort, task: Task) -> tuple[str, ...]:
    if not config.few_shot:
        return tuple(cohort.split.train)
    taken = few_shot(
        cohort.collection.subjects,
        cohort.split.train,
        label=task.label,
        ratio=config.shot_ratio,
        seed=config.seed,
    )
    log.info(
        "few-shot: %d of %d training persons",
        len(cohort.persons(taken)), len(cohort.persons(cohort.split.train)),
    )  # fmt: skip
    return taken


def _cycle_labels(cohort: Cohort, task: Task) -> Int64[np.ndarray, "cycles"]:
    """The class of each cycle: that of its recording; -1 where it has none and is in no split."""
    by_recording = [
        task.class_index(recording.labels[task.label]) if task.label in recording.labels else -1
        for recording in cohort.cycles.recordings
    ]
    labels: Int64[np.ndarray, "cycles"] = np.array(by_recording, dtype=np.int64)[
        cohort.cycles.recording
    ]
    return labels


def _named(split: str, scores: Scores) -> dict[str, float]:
    return {f"{split}/{name}": value for name, value in scores.values.items()}


def _by_class(predictions: Predictions, task: Task) -> dict[str, int]:
    counts = np.bincount(predictions.labels, minlength=len(task.classes))
    return dict(zip(task.classes, counts.tolist(), strict=True))
