"""Fine-tuning: its loss by hand, undefined metrics, the encoder it starts from."""

import json

import numpy as np
import pytest
import torch
from sklearn import metrics as sklearn_metrics

from pahcl_core.errors import TrainingError
from pahcl_core.models.encoder import EncoderConfig
from pahcl_core.training.augmentation import AugmentationConfig, augmented
from pahcl_core.training.draws import Draw
from pahcl_core.training.finetune import finetune
from pahcl_core.training.finetuning import Finetuning
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
        return Finetuning(config, torch.device("cpu"), None, cohort or make_cohort())

    return make


KINDS = ("attention", "mean", "statistics", "vote")
THREE_ONE_TWO = ("Absent", "Absent", "Absent", "Present", "Unknown", "Unknown")
BATCH = np.array([0, 1, 4, 5, 24, 25, 28, 32, 33, 36, 37])  # of an Absent, a Present, an Unknown


def test_the_loss_of_votes_is_the_weighted_cross_entropy(learner, make_cohort):
    """Of each cycle by itself."""
    one = learner(make_cohort(train=THREE_ONE_TWO), linear_eval=True, pooling="vote")
    one.begin_epoch(1)
    batch = np.array([0, 9, 24, 30, 32, 47])
    labels = np.array([0, 0, 1, 1, 2, 2])

    loss = one.loss(batch).item()

    weight = np.array([2 / 3, 2.0, 1.0])[labels]
    with torch.no_grad():
        logits = one.model(one.source[batch]).double().numpy()
    surprise = np.log(np.exp(logits).sum(axis=1)) - logits[np.arange(6), labels]
    assert loss == pytest.approx((weight * surprise).sum() / weight.sum(), rel=1e-5)


def test_the_loss_of_means_is_of_patients(learner, make_cohort):
    """Of the logits that the mean over cycles, and then over recordings, has; by hand."""
    one = learner(make_cohort(train=THREE_ONE_TWO), linear_eval=True, pooling="mean")
    one.begin_epoch(1)

    loss = one.loss(BATCH).item()

    with torch.no_grad():
        embedding = one.model.embed(one.source[BATCH]).double().numpy()
    recordings = [embedding[0:2], embedding[2:4], embedding[4:6], embedding[6:7], embedding[7:9],
                  embedding[9:11]]  # fmt: skip
    means = [cycles.mean(axis=0) for cycles in recordings]
    linear = one.heads["classifier"].linear
    weight, bias = (p.detach().double().numpy() for p in (linear.weight, linear.bias))
    cost = 0.0
    for label, first in enumerate((0, 2, 4)):
        logits = weight @ ((means[first] + means[first + 1]) / 2) + bias
        surprise = np.log(np.exp(logits).sum()) - logits[label]
        cost += (2 / 3, 2.0, 1.0)[label] * surprise
    assert loss == pytest.approx(cost / 3, rel=1e-5)


def test_what_is_trained_is_what_is_scored(learner, make_cohort):
    """All cycles in one batch: the loss is that of the predictions, weighted by class."""
    cohort = make_cohort(train=THREE_ONE_TWO)
    one = learner(cohort, linear_eval=True)
    one.begin_epoch(1)

    loss = one.loss(np.arange(48)).item()

    said = one.predict(cohort.split.train).predictions
    surprise = -np.log(said.probabilities[np.arange(6), said.labels])
    weight = np.array([2 / 3, 2.0, 1.0])[said.labels]
    assert loss == pytest.approx((weight * surprise).mean(), rel=1e-5)


@pytest.mark.parametrize("kind", KINDS)
def test_the_encoder_is_taught_by_every_cycle(learner, kind):
    """No cycle of the batch is without influence on the encoder's gradient."""
    one = learner(pooling=kind)
    one.begin_epoch(1)

    def gradient(silent=None):
        one.model.zero_grad()
        if silent is not None:
            one.source._samples[silent] = 0.0
        one.loss(BATCH).backward()
        return torch.cat([p.grad.flatten() for p in one.encoder.parameters()]).clone()

    whole = gradient()
    assert whole.abs().sum() > 0
    original = one.source._samples.clone()
    for cycle in BATCH:
        begin, *_, stop = one.cycles.bounds[cycle]
        assert not torch.equal(gradient(slice(begin, stop)), whole)
        one.source._samples.copy_(original)


@pytest.mark.parametrize("kind", KINDS)
def test_attention_alone_has_something_to_learn_beside_the_classifier(learner, kind):
    heads = 2 if kind == "attention" else 1
    one = learner(pooling=kind)
    one.begin_epoch(1)
    one.loss(BATCH).backward()

    by_head = {
        name: [p.grad.abs().sum().item() for p in head.parameters()]
        for name, head in one.heads.items()
        if list(head.parameters())
    }
    assert len(by_head) == heads
    assert all(norm > 0 for norms in by_head.values() for norm in norms)


def test_an_epoch_shows_so_many_cycles_and_recordings(learner):
    """By the settings: one of the two recordings, three of its four cycles."""
    schedule = ScheduleConfig(epochs=1, batch_size=9, cycles_per_recording=3)
    one = learner(training=schedule, recordings_per_unit=1)

    batches = one.draws.batches(1)

    assert [len(batch) for batch in batches] == [9, 9]
    assert len({one.cycles.recording[cycle] for batch in batches for cycle in batch}) == 6
    assert learner(training=schedule, pooling="vote").draws is None


def test_training_sees_changed_cycles(learner):
    """Those that the epoch's draw makes of them."""
    one = learner(augmentation=AugmentationConfig(), linear_eval=True)
    one.begin_epoch(3)

    loss = one.loss(BATCH).item()

    _, bags = one.draws.units.bags(BATCH, torch.device("cpu"))
    windows = augmented(one.source, BATCH, AugmentationConfig(), Draw(one.config.seed, 3))
    with torch.no_grad():
        expected = one.examples.loss(one.model(windows, bags), torch.tensor([0, 1, 2]))
    assert loss == pytest.approx(expected.item(), rel=1e-6)


def test_training_scores_are_of_what_the_model_said_in_the_epoch(learner):
    """Over both batches, by scikit-learn; the loss is the mean over cycles."""
    one = learner(pooling="vote")
    one.begin_epoch(1)
    said, losses = [], []
    one.model.register_forward_hook(lambda _, __, logits: said.append(logits.detach()))
    drawn = (np.arange(0, 48, 2), np.arange(1, 17, 2))
    for batch in drawn:
        losses.append(one.loss(batch).item())

    scores = one.train_scores()

    labels = one.examples.labels[np.concatenate(drawn)]
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


def test_training_scores_are_of_units_where_those_are_trained_on(learner, make_cohort):
    """Six patients in two batches of 4 and 2."""
    one = learner(make_cohort(train=THREE_ONE_TWO))
    one.begin_epoch(1)
    said = []
    one.model.register_forward_hook(lambda _, __, logits: said.append(logits.detach()))
    losses = [one.loss(batch).item() for batch in (np.arange(32), np.arange(32, 48))]

    scores = one.train_scores()

    predicted = torch.cat(said).argmax(dim=1).tolist()
    assert scores["train/loss"] == pytest.approx((4 * losses[0] + 2 * losses[1]) / 6)
    assert scores["train/accuracy"] == sklearn_metrics.accuracy_score([0, 0, 0, 1, 2, 2], predicted)


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
