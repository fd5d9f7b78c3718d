"""The loop alone, on a learner of one weight: what it draws, when it reports, what it keeps."""

import itertools
import logging

import numpy as np
import pytest
import torch
from torch import nn

from pahcl_core.data.cycle_set import CycleSet
from pahcl_core.data.preparation import SignalConfig
from pahcl_core.errors import TrainingError
from pahcl_core.models.encoder import EncoderConfig
from pahcl_core.training.checkpoint import Checkpoint, load_checkpoint
from pahcl_core.training.loop import train
from pahcl_core.training.optimisation import OptimiserConfig
from pahcl_core.training.settings import ScheduleConfig
from pahcl_track import Tracker
from support.histories import logged

# Recordings of 4, 1 and 5 cycles, at most 3 of each: 7 cycles an epoch, in batches of 4 and 3.
COUNTS = (4, 1, 5)
STEPS_PER_EPOCH = 2


class Learner:
    """Its weight falls by its gradient, which is 1; its validation scores are prescribed."""

    def __init__(self, val_scores) -> None:
        counts = np.array(COUNTS)
        self.cycles = CycleSet(
            recordings=(),
            sources=(),
            sample_rate=1,
            samples=np.zeros(1, dtype=np.float32),
            offsets=np.zeros(4, dtype=np.int64),
            recording=np.repeat(np.arange(3), counts),
            bounds=np.zeros((counts.sum(), 5), dtype=np.int64),
        )
        self.train_cycles = np.arange(counts.sum())
        self.encoder = nn.Linear(1, 1, bias=False)
        self.heads = nn.ModuleDict({"classifier": nn.Linear(1, 1, bias=False)})
        self.device = torch.device("cpu")
        self.val_scores = val_scores
        self.train_loss = 0.5
        self.calls = []
        self.shares = []
        self.begun = []
        self.epochs = []

    def begin_epoch(self, epoch: int) -> None:
        self.calls.append("begin")
        self.begun.append(epoch)
        self.epochs.append([])

    def loss(self, batch):
        self.calls.append("loss")
        self.epochs[-1].append(batch.tolist())
        return self.encoder.weight.sum() + self.heads["classifier"].weight.sum()

    def after_step(self, done):
        self.calls.append("after step")
        self.shares.append(done)

    def train_scores(self):
        self.calls.append("train scores")
        return {"train/loss": self.train_loss}

    def validate(self):
        self.calls.append("validate")
        score = self.val_scores[len(self.epochs) - 1]
        return {"val/loss": -score, "val/score": score}

    def rank(self, val):
        return (val["val/score"],)

    def checkpoint(self, *, epoch, step):
        return Checkpoint(
            kind="pretrain",
            encoder_config=EncoderConfig(),
            encoder=self.encoder.state_dict(),
            signal=SignalConfig(),
            heads={},
            epoch=epoch,
            step=step,
        )

    def state_dict(self):
        return {}

    def load_state_dict(self, state):
        assert state == {}


@pytest.fixture
def run(tmp_path, mocker):
    """Train; returns the learner, what came out and the tracker."""

    def start(val_scores=(0.0,), *, learner=None, seed=0, lr=1e-3, **schedule):
        learner = learner or Learner(val_scores)
        tracker = mocker.create_autospec(Tracker, instance=True)
        trained = train(
            learner,
            schedule=ScheduleConfig(
                epochs=len(val_scores),
                **{"batch_size": 4, "cycles_per_recording": 3, "log_every": 1, **schedule},
            ),
            optimiser=OptimiserConfig(lr=lr, warmup=0.5, weight_decay=0.0),
            seed=seed,
            directory=tmp_path,
            tracker=tracker,
            progress=lambda items, total: items,
        )
        return learner, trained, tracker

    return start


def test_an_epoch_goes_in_this_order(run):
    learner, _, _ = run([0.0, 0.0])

    epoch = ["begin", "loss", "after step", "loss", "after step", "train scores", "validate"]
    assert learner.calls == 2 * epoch
    assert learner.begun == [1, 2]


def test_the_learner_is_told_how_much_is_done(run):
    """Of all steps, after each of them."""
    learner, _, _ = run([0.0, 0.0])

    assert learner.shares == [0.25, 0.5, 0.75, 1.0]


def test_every_epoch_draws_anew(run):
    """No cycle twice in an epoch, three of each recording at most, in two batches."""
    learner, _, _ = run([0.0] * 6)

    for batches in learner.epochs:
        assert [len(batch) for batch in batches] == [4, 3]
        drawn = list(itertools.chain(*batches))
        assert len(set(drawn)) == 7
        assert np.bincount(learner.cycles.recording[drawn]).tolist() == [3, 1, 3]
    assert len({str(batches) for batches in learner.epochs}) == 6


def test_the_seed_decides_what_is_drawn(run):
    epochs = [run([0.0, 0.0], seed=seed)[0].epochs for seed in (1, 1, 2)]

    assert epochs[0] == epochs[1] != epochs[2]


def test_the_rate_rises_and_falls_over_all_steps_of_all_epochs(run):
    """Eight steps: half of them up, then a cosine to nothing."""
    _, trained, tracker = run([0.0] * 4, lr=0.1)

    half = 2**-0.5
    by_hand = [0.25, 0.5, 0.75, 1.0, (1 + half) / 2, 0.5, (1 - half) / 2, 0.0]
    rates = logged(tracker, "lr/classifier")
    assert list(rates) == list(range(1, 9))
    assert list(rates.values()) == pytest.approx([0.1 * share for share in by_hand])
    assert trained.step == 8


def test_the_loop_descends(run):
    """AdamW's step along a constant gradient is the rate: the weight falls by their sum."""
    learner = Learner([0.0] * 4)
    before = learner.encoder.weight.item()

    _, _, tracker = run([0.0] * 4, learner=learner, lr=0.1)

    fallen = sum(logged(tracker, "lr/encoder").values())
    assert learner.encoder.weight.item() == pytest.approx(before - fallen, abs=1e-5)


def test_norms_and_loss_of_a_report_are_those_of_its_step(run):
    """The gradient is 1 in both parts; the loss is taken before the step."""
    learner = Learner([0.0])
    before = (learner.encoder.weight + learner.heads["classifier"].weight).item()

    _, _, tracker = run([0.0], learner=learner)

    assert logged(tracker, "train/batch_loss")[1] == pytest.approx(before, abs=1e-6)
    assert logged(tracker, "grad_norm/encoder") == {1: 1.0, 2: 1.0}
    assert logged(tracker, "grad_norm/total")[1] == pytest.approx(2**0.5)


def test_throughput_is_the_cycles_since_the_last_report_by_the_time_they_took(run, mocker):
    """A clock that goes a quarter of a second at each look; a new epoch starts it anew."""
    mocker.patch("time.perf_counter", side_effect=itertools.count(step=0.25))

    _, _, tracker = run([0.0, 0.0])

    assert logged(tracker, "throughput/cycles_per_s") == {1: 16.0, 2: 12.0, 3: 16.0, 4: 12.0}


def test_reports_of_several_steps_count_all_their_cycles(run, mocker):
    mocker.patch("time.perf_counter", side_effect=itertools.count(step=0.25))

    _, _, tracker = run([0.0, 0.0], log_every=2)

    assert logged(tracker, "throughput/cycles_per_s") == {2: 28.0, 4: 28.0}


@pytest.mark.parametrize(("every", "steps"), [(0, []), (1, [1, 2, 3, 4, 5, 6]), (4, [4])])
def test_histograms_come_as_often_as_asked(run, every, steps):
    _, _, tracker = run([0.0] * 3, histogram_every=every)

    assert list(logged(tracker, "parameters/encoder.weight")) == steps
    assert list(logged(tracker, "gradients/classifier.weight")) == steps


def test_scores_are_logged_at_the_last_step_of_their_epoch(run):
    _, _, tracker = run([0.25, 0.75])

    assert logged(tracker, "val/score") == {2: 0.25, 4: 0.75}
    assert logged(tracker, "train/loss") == {2: 0.5, 4: 0.5}
    assert logged(tracker, "epoch") == {2: 1, 4: 2}


@pytest.mark.parametrize(
    ("scores", "best"),
    [([1.0, 3.0, 2.0], 2), ([3.0, 2.0, 1.0], 1), ([1.0, 2.0, 3.0], 3), ([1.0, 2.0, 2.0], 2)],
)
def test_the_best_epoch_is_kept_the_first_of_equals(run, tmp_path, scores, best):
    _, trained, _ = run(scores)

    assert trained.best_epoch == best
    assert trained.best_val["val/score"] == scores[best - 1]
    kept = load_checkpoint(tmp_path / "best_model.pt")
    assert (kept.epoch, kept.step) == (best, best * STEPS_PER_EPOCH)


def test_the_best_model_is_the_one_of_its_epoch(run, tmp_path):
    """Not the last one: its weight is higher, since every step lowers it."""
    learner, _, _ = run([1.0, 3.0, 2.0, 0.0], lr=0.1)

    best = load_checkpoint(tmp_path / "best_model.pt").encoder["weight"].item()
    assert best > learner.encoder.weight.item() + 0.05


@pytest.mark.parametrize(("every", "kept"), [(0, []), (2, [2, 4]), (3, [3])])
def test_some_epochs_are_kept_for_good(run, tmp_path, every, kept):
    run([0.0] * 5, checkpoint_every=every)

    files = {path.name for path in tmp_path.glob("epoch_*.pt")}
    assert files == {f"epoch_{epoch}.pt" for epoch in kept}
    assert [load_checkpoint(tmp_path / f"epoch_{epoch}.pt").epoch for epoch in kept] == kept


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_training_loss_that_is_no_number_ends_it(run, tmp_path, value):
    """Before anything of that epoch is kept."""
    learner = Learner([0.0])
    learner.train_loss = value

    with pytest.raises(
        TrainingError, match=f"train/loss became {value} in epoch 1; try an lr below 0.001"
    ):
        run([0.0], learner=learner)

    assert "validate" not in learner.calls
    assert not list(tmp_path.iterdir())


def test_a_validation_loss_that_is_no_number_ends_it(run, tmp_path):
    """The best epoch so far stays."""
    with pytest.raises(TrainingError, match="val/loss became nan in epoch 2; try an lr below"):
        run([1.0, float("nan"), 2.0])

    assert load_checkpoint(tmp_path / "best_model.pt").epoch == 1


def test_every_epoch_has_a_line_in_the_log(run, caplog):
    with caplog.at_level(logging.INFO, logger="pahcl_core"):
        run([0.25, 0.75])

    assert [record.getMessage() for record in caplog.records] == [
        "epoch 1/2: train/loss 0.5000, val/loss -0.2500",
        "epoch 2/2: train/loss 0.5000, val/loss -0.7500",
    ]


def test_the_watcher_is_shown_the_batches_of_each_epoch(tmp_path, mocker):
    shown = []

    def progress(items, total):
        shown.append(total)
        return items

    train(
        Learner([0.0, 0.0]),
        schedule=ScheduleConfig(epochs=2, batch_size=4, cycles_per_recording=3),
        optimiser=OptimiserConfig(lr=1e-3),
        seed=0,
        directory=tmp_path,
        tracker=mocker.create_autospec(Tracker, instance=True),
        progress=progress,
    )

    assert shown == [STEPS_PER_EPOCH] * 2


def test_frozen_parameters_have_no_gradients_to_show(run):
    learner = Learner([0.0])
    learner.encoder.requires_grad_(False)

    _, _, tracker = run([0.0], learner=learner, histogram_every=1)

    assert not logged(tracker, "gradients/encoder.weight")
    assert list(logged(tracker, "parameters/encoder.weight")) == [1, 2]
    assert logged(tracker, "lr/encoder") == {1: 0.0, 2: 0.0}
    assert torch.is_tensor(learner.heads["classifier"].weight.grad)
