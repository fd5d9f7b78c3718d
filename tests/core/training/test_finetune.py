"""Fine-tuning: its loss by hand, undefined metrics, the encoder it starts from."""

import json
import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from sklearn import metrics as sklearn_metrics

from pahcl_core.errors import TrainingError
from pahcl_core.models.encoder import EncoderConfig
from pahcl_core.training.augmentation import AugmentationConfig
from pahcl_core.training.finetune import _Finetuning, finetune
from pahcl_core.training.optimisation import OptimiserConfig
from pahcl_core.training.settings import ScheduleConfig
from pahcl_track import Tracker

STILL = AugmentationConfig(gain=0.0, noise=0.0, shift_s=0.0)
NO_DROPOUT = EncoderConfig(width=16, num_blocks=1, state_size=4, window_s=1.024, dropout=0.0)


@pytest.fixture
def learner(finetune_config, make_cohort):
    def make(cohort=None, **changes):
        config = finetune_config(**{"encoder": NO_DROPOUT, "augmentation": STILL, **changes})
        torch.manual_seed(0)
        return _Finetuning(config, torch.device("cpu"), None, cohort or make_cohort())

    return make


def equal(one, other) -> bool:
    return one.keys() == other.keys() and all(torch.equal(one[n], other[n]) for n in one)


# Class weights and the loss. Classes are Absent, Present, Unknown; people have two recordings.

THREE_ONE_TWO = ("Absent", "Absent", "Absent", "Present", "Unknown", "Unknown")


@pytest.mark.parametrize(
    ("train", "power", "expected"),
    [
        (THREE_ONE_TWO, 1.0, [12 / (3 * 6), 12 / (3 * 2), 12 / (3 * 4)]),
        (THREE_ONE_TWO, 0.5, [math.sqrt(2 / 3), math.sqrt(2), 1.0]),
        (THREE_ONE_TWO, 0.0, [1.0, 1.0, 1.0]),
        (("Absent", "Absent", "Present"), 1.0, [6 / (3 * 4), 6 / (3 * 2), 1.0]),
    ],
)
def test_rare_classes_weigh_more(learner, make_cohort, train, power, expected):
    """Recordings of all classes, by classes times recordings of the class, to the power."""
    weights = learner(make_cohort(train=train), class_weight_power=power).weights

    assert weights.tolist() == pytest.approx(expected, rel=1e-6)


def test_classes_are_weighed_by_recordings_not_by_cycles(learner, make_cohort):
    """In a step, each recording has its few cycles, however many there are to draw from."""
    cohort = make_cohort(train=("Absent", "Present", "Unknown"))
    keep = np.delete(np.arange(len(cohort.cycles)), [0, 1, 2, 4, 5])  # of the one who is Absent
    cycles = replace(
        cohort.cycles,
        recording=cohort.cycles.recording[keep],
        bounds=cohort.cycles.bounds[keep],
    )

    assert learner(replace(cohort, cycles=cycles)).weights.tolist() == [1.0, 1.0, 1.0]


def test_a_cycle_has_the_label_of_its_recording(learner, make_cohort):
    """A murmur that was not heard at a location is none there, whatever its patient has."""
    cohort = make_cohort(train=("Present", "Absent", "Unknown"))
    recordings = list(cohort.cycles.recordings)
    recordings[1] = replace(recordings[1], labels={"murmur": "Absent", "outcome": "Abnormal"})
    cohort = replace(cohort, cycles=replace(cohort.cycles, recordings=tuple(recordings)))

    labels = learner(cohort).labels

    assert labels[:16].tolist() == [1] * 4 + [0] * 4 + [0] * 8


def forward(one, batch):
    """Logits of a batch as they are, in training mode or not."""
    with torch.no_grad():
        return one.model(one.source[batch]).double().numpy()


def test_the_loss_is_the_weighted_cross_entropy(learner, make_cohort):
    one = learner(make_cohort(train=THREE_ONE_TWO), linear_eval=True)
    one.begin_epoch(1)
    batch = np.array([0, 9, 24, 30, 32, 47])

    loss = one.loss(batch).item()

    weight = np.array([2 / 3, 2.0, 1.0])[one.labels[batch]]
    logits = forward(one, batch)
    chosen = logits[np.arange(6), one.labels[batch]]
    surprise = np.log(np.exp(logits).sum(axis=1)) - chosen
    assert one.labels[batch].tolist() == [0, 0, 1, 1, 2, 2]
    assert loss == pytest.approx((weight * surprise).sum() / weight.sum(), rel=1e-5)


def test_training_scores_are_of_what_the_model_said_in_the_epoch(learner):
    """Over both batches, by scikit-learn; the loss is the mean over cycles."""
    one = learner()
    one.begin_epoch(1)
    said, losses = [], []
    one.model.register_forward_hook(lambda _, __, logits: said.append(logits.detach()))
    drawn = (np.arange(0, 48, 2), np.arange(1, 17, 2))
    for batch in drawn:
        losses.append(one.loss(batch).item())

    scores = one.train_scores()

    labels = one.labels[np.concatenate(drawn)]
    predicted = torch.cat(said).argmax(dim=1).numpy()
    two_sided = {"labels": [1], "average": "macro", "zero_division": np.nan}
    assert scores["train/loss"] == pytest.approx((24 * losses[0] + 8 * losses[1]) / 32)
    assert scores["train/accuracy"] == sklearn_metrics.accuracy_score(labels, predicted)
    assert scores["train/recall"] == sklearn_metrics.recall_score(labels, predicted, **two_sided)
    for name, function in (
        ("precision", sklearn_metrics.precision_score),
        ("f1", sklearn_metrics.f1_score),
    ):
        expected = function(labels, predicted, **two_sided)
        assert scores.get(f"train/{name}", np.nan) == pytest.approx(expected, nan_ok=True)


def test_the_seed_decides_how_cycles_are_changed(learner):
    """The same model hears the same cycles otherwise with another seed, or in another epoch."""
    losses = []
    for seed, epoch in ((1, 1), (1, 1), (2, 1), (1, 2)):
        one = learner(seed=seed, augmentation=AugmentationConfig())
        one.begin_epoch(epoch)
        losses.append(one.loss(np.arange(48)).item())

    assert losses[0] == losses[1]
    assert len(set(losses)) == 3


def test_an_epoch_forgets_the_scores_of_the_one_before(learner):
    one = learner()
    one.begin_epoch(1)
    one.loss(np.arange(48))
    one.begin_epoch(1)
    loss = one.loss(np.arange(8)).item()

    assert one.train_scores()["train/loss"] == pytest.approx(loss)


def test_after_validation_training_goes_on_in_training_mode(learner):
    one = learner()
    one.validate()
    assert not one.model.training
    one.begin_epoch(1)
    assert one.model.training


# Metrics that do not exist.


@pytest.fixture
def tracker(mocker):
    return mocker.create_autospec(Tracker, instance=True)


def logged_names(tracker) -> set[str]:
    return {name for call in tracker.log.mock_calls for name in call.args[0]}


def test_undefined_metrics_are_left_out_and_explained(finetune_config, make_cohort, on, tracker):
    """Nobody with a murmur under validation, nobody without one under test."""
    on(make_cohort(val=("Absent", "Unknown", "Absent"), test=("Present", "Present")))

    result = finetune(finetune_config(), tracker=tracker)

    undefined = {
        "val_sensitivity": "nobody is Present",
        "val_recall": "nobody is Present",
        "val_auroc_Present": "nobody is Present",
        "val_auprc_Present": "nobody is Present",
        "test_specificity": "everybody is Present",
        "test_auroc": "only one class occurs",
        "test_auprc": "only one class occurs",
        "test_auroc_Present": "everybody is Present",
        "test_auroc_Absent": "nobody is Absent",
    }
    text = (result.directory / "final_metrics.json").read_text()
    metrics = json.loads(text)
    assert undefined.items() <= metrics["undefined"].items()
    assert all(metrics[name] is None for name in metrics["undefined"])
    assert "NaN" not in text
    names = logged_names(tracker)
    assert not names & {name.replace("_", "/", 1) for name in undefined}
    assert {"val/auroc", "val/specificity", "test/sensitivity", "test/accuracy"} <= names
    (outcome,) = (call.args[0] for call in tracker.finish.mock_calls)
    assert not {f"best/{name.replace('_', '/', 1)}" for name in undefined} & outcome.summary.keys()


def test_where_the_chosen_metric_is_undefined_the_loss_decides(
    finetune_config, make_cohort, on, tracker
):
    """One class under validation: no area to compare epochs by."""
    on(make_cohort(val=("Absent", "Absent")))
    schedule = ScheduleConfig(epochs=4, batch_size=16, cycles_per_recording=2)

    result = finetune(
        finetune_config(training=schedule, optimiser=OptimiserConfig(lr=0.02)), tracker=tracker
    )

    losses = [c.args[0]["val/loss"] for c in tracker.log.mock_calls if "epoch" in c.args[0]]
    assert result.metrics["best_epoch"] == 1 + losses.index(min(losses))
    assert result.metrics["val_auroc"] is None


@pytest.mark.parametrize(
    ("selection", "sign"), [("loss", -1), ("f1_macro", 1), ("balanced_accuracy", 1)]
)
def test_the_best_epoch_is_chosen_as_asked(
    finetune_config, make_cohort, on, tracker, selection, sign
):
    on(make_cohort())
    schedule = ScheduleConfig(epochs=5, batch_size=16, cycles_per_recording=2)
    config = finetune_config(
        training=schedule, optimiser=OptimiserConfig(lr=0.02), selection=selection
    )

    result = finetune(config, tracker=tracker)

    epochs = [call.args[0] for call in tracker.log.mock_calls if "epoch" in call.args[0]]
    ranks = [(sign * one[f"val/{selection}"], -one["val/loss"]) for one in epochs]
    assert result.metrics["best_epoch"] == 1 + ranks.index(max(ranks))
    assert result.metrics["selected_by"] == f"val_{selection}"


def test_a_model_that_breaks_in_the_last_step_of_an_epoch_is_noticed(
    finetune_config, make_cohort, on, silent
):
    """The training loss was still a number; no metric is made of what is none."""
    on(make_cohort())
    config = finetune_config(
        training=ScheduleConfig(epochs=1, batch_size=64, cycles_per_recording=2),
        optimiser=OptimiserConfig(lr=1e30, warmup=0.0),
    )

    with pytest.raises(TrainingError, match="val/loss became nan in epoch 1; try an lr below"):
        finetune(config, tracker=silent)
