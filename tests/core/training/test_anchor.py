"""The anchor: what a copy of the encoder as it began says, told from the one that is trained."""

import copy
from dataclasses import replace

import numpy as np
import pytest
import torch

from pahcl_core.models.encoder import Encoder, EncoderConfig
from pahcl_core.training.anchor import Anchor
from pahcl_core.training.augmentation import AugmentationConfig
from pahcl_core.training.machine import MachineConfig
from pahcl_core.training.objective import ObjectiveConfig
from pahcl_core.training.optimisation import OptimiserConfig
from pahcl_core.training.pretrain import pretrain
from pahcl_core.training.pretraining import Pretraining
from pahcl_core.training.settings import ScheduleConfig
from pahcl_core.training.windows import WindowSource
from support.objectives import contrastive

ENCODER = EncoderConfig(width=16, num_blocks=1, state_size=4, window_s=1.024, dropout=0.0)
RESNET = replace(ENCODER, name="resnet34_1d", num_blocks=0, state_size=0)
USUAL = AugmentationConfig()
EVERYTHING = np.arange(96)
SIZE = 4 * 16


@pytest.fixture
def source(make_cohort) -> WindowSource:
    return WindowSource(
        make_cohort().cycles, window_s=1.024, band_hz=(25.0, 200.0), device=torch.device("cpu")
    )


@pytest.fixture
def learner(pretrain_config, make_cohorts):
    def make(*, augmentation=USUAL, encoder=ENCODER, machine=None, **objective) -> Pretraining:
        config = pretrain_config(
            encoder=encoder, augmentation=augmentation, objective=contrastive(**objective),
            machine=machine or MachineConfig(),
        )  # fmt: skip
        torch.manual_seed(0)
        return Pretraining(config, torch.device("cpu"), make_cohorts(config))

    return make


def encoder_of(seed=0, config=ENCODER) -> Encoder:
    torch.manual_seed(seed)
    return Encoder(config, sample_rate=500)


def said_by(encoder, windows) -> list[list[float]]:
    """One window at a time."""
    encoder.eval()
    with torch.no_grad():
        return [
            encoder(samples[None], bounds[None]).cycle[0].tolist()
            for samples, bounds in zip(*windows, strict=True)
        ]


def usual(rows) -> list[tuple[float, float]]:
    """Mean and standard deviation of each column, as of a sample."""
    found = []
    for column in zip(*rows, strict=True):
        mean = sum(column) / len(column)
        variance = sum((one - mean) ** 2 for one in column) / (len(column) - 1)
        found.append((mean, variance**0.5))
    return found


def huber(error) -> float:
    """Girshick 2015, equation 3."""
    return 0.5 * error**2 if abs(error) < 1 else abs(error) - 0.5


def test_the_loss_is_what_loops_make_of_it(source):
    """Each view from its own embedding; in units of how much a number varies over all cycles."""
    began, trained = encoder_of(0), encoder_of(1)
    torch.manual_seed(2)
    anchor = Anchor(began, source, EVERYTHING)
    views = [source[np.array([0, 1, 5, 8, 30])], source[np.array([3, 2, 4, 9, 29])]]

    with torch.no_grad():
        loss = anchor([trained.eval()(*windows) for windows in views], views).tolist()

    scale = usual(said_by(began, source[EVERYTHING]))
    weight, bias = (one.tolist() for one in anchor.heads["anchor"].parameters())
    expected = [0.0] * 5
    for windows in views:
        rows = zip(said_by(trained, windows), said_by(began, windows), strict=True)
        for row, (embedding, said) in enumerate(rows):
            for number, (mean, spread) in enumerate(scale):
                told = bias[number] + sum(
                    w * x for w, x in zip(weight[number], embedding, strict=True)
                )
                error = huber(told - (said[number] - mean) / spread)
                expected[row] += error / SIZE / 2
    assert len(scale) == SIZE
    assert loss == pytest.approx(expected, rel=1e-4)
    assert len(set(loss)) == 5


def test_an_encoder_that_has_not_changed_tells_all_of_it(source):
    """Where the layer only brings its numbers to their usual range; a changed one does not."""
    began = encoder_of()
    anchor = Anchor(began, source, EVERYTHING)
    mean, spread = torch.tensor(usual(said_by(began, source[EVERYTHING]))).unbind(dim=1)
    with torch.no_grad():
        anchor.heads["anchor"].weight.copy_(torch.diag(1 / spread))
        anchor.heads["anchor"].bias.copy_(-mean / spread)
    views = [source[np.arange(8)], source[np.arange(8, 16)]]

    def loss(encoder):
        with torch.no_grad():
            return anchor([encoder.eval()(*windows) for windows in views], views)

    assert loss(began).max() < 1e-9
    assert loss(encoder_of(1)).min() > 0.1


@pytest.mark.parametrize("cycles", [EVERYTHING[:1], EVERYTHING])
def test_a_number_that_does_not_vary_is_no_error(source, cycles):
    """As of a single cycle to train on, or an encoder that says one thing of all."""
    began = encoder_of()
    if len(cycles) > 1:
        with torch.no_grad():
            began.norm.weight.zero_()
    anchor = Anchor(began, source, cycles)
    windows = source[cycles[:1]]
    with torch.no_grad():
        for parameter in anchor.parameters():
            parameter.zero_()
        loss = anchor([began.eval()(*windows)], [windows])

    assert loss.item() == pytest.approx(0.0, abs=1e-6)


def test_the_copy_is_in_no_file_and_in_no_optimiser(learner):
    one = learner(anchor_weight=1.0)

    assert set(one.anchor.state_dict()) == {"heads.anchor.weight", "heads.anchor.bias"}
    assert sum(p.numel() for p in one.anchor.parameters()) == SIZE * SIZE + SIZE
    kept = one.checkpoint(epoch=1, step=1)
    assert kept.encoder.keys() == encoder_of().state_dict().keys()
    assert set(kept.heads) == {"cycle", "phase", "anchor"}
    assert one.state_dict() == {}
    assert one.heads["anchor"] is one.anchor.heads["anchor"]


@pytest.mark.parametrize("encoder", [ENCODER, RESNET], ids=["cnn_mamba", "resnet34_1d"])
def test_the_copy_stays_as_the_encoder_began(learner, encoder):
    """Its running statistics, too, while all of the encoder and the layer that tells move on."""
    one = learner(encoder=encoder, anchor_weight=1.0)
    (held,) = one.anchor._copy
    began = {name: tensor.clone() for name, tensor in one.encoder.state_dict().items()}
    layer = one.heads["anchor"].weight.clone()
    steps = torch.optim.SGD([*one.encoder.parameters(), *one.heads.parameters()], lr=0.1)
    for epoch in (1, 2):
        one.begin_epoch(epoch)
        one.loss(np.arange(48)).backward()
        steps.step()
        one.validate()
    one.begin_epoch(3)

    assert not held.training
    assert all(parameter.grad is None for parameter in held.parameters())
    for name, tensor in held.state_dict().items():
        assert torch.equal(tensor, began[name]), name
    moved = one.encoder.state_dict()
    assert not any(torch.equal(moved[name], began[name]) for name in moved)
    assert not torch.equal(one.heads["anchor"].weight, layer)


def test_the_copy_hears_the_sound_before_it_was_changed(learner, mocker):
    """Moved as the view is, and neither louder nor noisier nor masked; nothing hidden from it."""
    loud = AugmentationConfig(gain=2.0, noise=3.0, mask_s=0.5, shift_s=0.1)
    still = AugmentationConfig(gain=0.0, noise=0.0, shift_s=0.1)
    heard, shown = [], []
    for augmentation in (loud, still):
        one = learner(augmentation=augmentation, prediction_weight=1.0, anchor_weight=1.0)
        one.begin_epoch(1)
        (held,) = one.anchor._copy
        of_copy, of_encoder = mocker.spy(held, "forward"), mocker.spy(one.encoder, "forward")
        one.loss(np.arange(6))
        heard.append(of_copy.mock_calls)
        shown.append(of_encoder.mock_calls)

    for view in (0, 1):
        assert heard[0][view].kwargs == {}
        for mine, other in zip(heard[0][view].args, heard[1][view].args, strict=True):
            assert torch.equal(mine, other)
        assert not torch.equal(heard[0][view].args[0], shown[0][view].args[0])
        assert torch.equal(heard[1][view].args[0], shown[1][view].args[0])
        assert shown[0][view].kwargs["hidden"].any()
    assert not torch.equal(heard[0][0].args[0], one.source[np.arange(6)].samples)
    assert not torch.equal(heard[0][0].args[0], heard[0][1].args[0])


@pytest.mark.parametrize("prediction", [0.0, 2.0])
def test_it_is_added_by_its_weight(learner, prediction):
    """To the other losses of the same embeddings, predicting or not."""
    losses = {}
    for weight in (1.0, 3.0):
        one = learner(prediction_weight=prediction, anchor_weight=weight)
        one.begin_epoch(1)
        losses[weight] = one._losses(np.arange(8), 1)

    first, third = losses[1.0], losses[3.0]
    assert third.anchor.item() == first.anchor.item() > 0
    others = first.cycle + 0.5 * first.substructure
    if prediction:
        others = others + prediction * first.prediction
    assert first.total.item() == pytest.approx((others + first.anchor).item(), rel=1e-6)
    assert (third.total - first.total).item() == pytest.approx(2 * first.anchor.item(), rel=1e-4)
    assert (first.prediction is None) == (prediction == 0)


@pytest.mark.parametrize("prediction", [0.0, 1.0])
def test_without_a_weight_nothing_is_made(learner, mocker, prediction):
    made = mocker.patch("pahcl_core.training.pretraining.Anchor")
    one = learner(prediction_weight=prediction)
    one.begin_epoch(1)
    one.loss(np.arange(4))

    assert one.anchor is None
    assert not made.called
    assert "anchor" not in one.heads
    assert "train/anchor_loss" not in one.train_scores()


def test_it_tells_of_what_the_encoder_began_as(learner):
    """Not of what is compiled in place of it, nor of what training has made of it since."""
    began = learner(anchor_weight=1.0)
    one = learner(anchor_weight=1.0)
    with torch.no_grad():
        for parameter in one.encoder.parameters():
            parameter.add_(1.0)
    windows = one.source[np.arange(5)]

    assert torch.equal(one.anchor.targets(windows), began.anchor.targets(windows))
    scale = usual(said_by(began.encoder, one.source[one.train_cycles]))
    for found, said in zip(
        one.anchor.targets(windows).tolist(), said_by(began.encoder, windows), strict=True
    ):
        wanted = [(x - mean) / spread for x, (mean, spread) in zip(said, scale, strict=True)]
        assert found == pytest.approx(wanted, rel=1e-3, abs=1e-4)


def test_the_copy_is_not_compiled(learner, mocker):
    def compile_it(encoder, device):
        encoder.compile(backend="eager")

    mocker.patch("pahcl_core.training.pretraining.compile_in_place", side_effect=compile_it)

    one = learner(machine=MachineConfig(compile=True), anchor_weight=1.0)

    assert one.encoder._compiled_call_impl is not None
    assert one.anchor._copy[0]._compiled_call_impl is None
    assert copy.deepcopy(one.anchor._copy[0]).state_dict().keys() == one.encoder.state_dict().keys()


def test_it_is_learnt_and_told_of(pretrain_config, make_cohort, on, silent, mocker):
    """Beside masked prediction, as by default, and here for the most part."""
    on(make_cohort(train=("Absent", "Present", "Unknown") * 4))
    tracker = mocker.Mock(wraps=silent)
    config = pretrain_config(
        training=ScheduleConfig(epochs=8, batch_size=16, cycles_per_recording=4),
        optimiser=OptimiserConfig(lr=5e-3),
        objective=ObjectiveConfig(anchor_weight=5.0),
    )

    result = pretrain(config, tracker=tracker)

    logged = [call.args[0] for call in tracker.log.mock_calls]
    for split in ("train", "val"):
        course = [one[f"{split}/anchor_loss"] for one in logged if f"{split}/loss" in one]
        assert len(course) == 8
        assert course[-1] < 0.9 * course[0]
    assert result.metrics["val_loss"] == pytest.approx(
        result.metrics["val_prediction_loss"] + 5 * result.metrics["val_anchor_loss"], rel=1e-6
    )
