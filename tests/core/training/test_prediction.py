"""Masked prediction: what is hidden, what is to be told, and that it is trained."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from pahcl_core.errors import SettingError
from pahcl_core.models.encoder import Encoder, EncoderConfig
from pahcl_core.training.augmentation import AugmentationConfig
from pahcl_core.training.draws import Draw
from pahcl_core.training.optimisation import OptimiserConfig
from pahcl_core.training.prediction import Prediction, in_pairs, phase_means
from pahcl_core.training.pretrain import pretrain
from pahcl_core.training.pretraining import Pretraining
from pahcl_core.training.settings import ScheduleConfig
from pahcl_core.training.windows import WindowSource
from support.objectives import contrastive

ENCODER = EncoderConfig(width=16, num_blocks=1, state_size=4, window_s=1.024, dropout=0.0)
USUAL = AugmentationConfig()
ONLY = {"cycle_weight": 0.0, "substructure_weight": 0.0, "prediction_weight": 1.0}


@pytest.fixture
def source(make_cohort) -> WindowSource:
    """Sixteen tokens of 64 ms to a window."""
    return WindowSource(
        make_cohort().cycles, window_s=1.024, band_hz=(25.0, 200.0), device=torch.device("cpu")
    )


@pytest.fixture
def prediction(source):
    def make(share=0.3, seconds=0.128) -> Prediction:
        torch.manual_seed(0)
        cycles = np.arange(96)
        return Prediction(source, cycles, ENCODER, hidden_share=share, hidden_s=seconds)

    return make


@pytest.fixture
def learner(pretrain_config, make_cohorts):
    def make(augmentation=USUAL, encoder=ENCODER, **objective) -> Pretraining:
        config = pretrain_config(
            encoder=encoder, augmentation=augmentation, objective=contrastive(**objective)
        )
        torch.manual_seed(0)
        return Pretraining(config, torch.device("cpu"), make_cohorts(config))

    return make


def runs_of(hidden: list[bool]) -> list[int]:
    """Lengths of the stretches."""
    marks = "".join("x" if one else " " for one in hidden)
    return [len(stretch) for stretch in marks.split()]


def test_stretches_of_two_tokens_are_hidden(prediction):
    """Three of them make 0.3 of 16 tokens, rounded up; they may touch and overlap."""
    hidden = prediction().hidden(torch.arange(200), Draw(1, 1))

    assert hidden.shape == (200, 16)
    counts = hidden.sum(dim=1)
    assert (counts.min() >= 2, counts.max() == 6) == (True, True)
    assert min(min(runs_of(row)) for row in hidden.tolist()) == 2
    often = hidden.float().mean(dim=0)
    assert often[1:-1].min() > 0.2  # everywhere, the ends less often
    assert often.mean().item() == pytest.approx(0.33, abs=0.03)


def test_what_is_hidden_depends_on_the_draw_and_the_cycle_alone(prediction):
    one = prediction()
    alone = one.hidden(torch.tensor([7]), Draw(1, 2, view=1))

    assert torch.equal(one.hidden(torch.tensor([3, 7, 9]), Draw(1, 2, view=1))[1:2], alone)
    for draw in (Draw(2, 2, view=1), Draw(1, 3, view=1), Draw(1, 2, view=0)):
        assert not torch.equal(
            one.hidden(torch.arange(20), draw), one.hidden(torch.arange(20), Draw(1, 2, view=1))
        )


def test_something_is_always_shown(prediction):
    assert not prediction(share=0.9, seconds=5.0).hidden(torch.arange(9), Draw(0, 1)).all(1).any()


def test_nothing_need_be_hidden(prediction):
    assert not prediction(share=0.0).hidden(torch.arange(9), Draw(0, 1)).any()


@pytest.mark.parametrize("name", ["cnn_mamba", "sinc_mamba", "cnn_transformer", "cnn"])
def test_blocks_are_not_shown_what_is_hidden(name, mocker):
    """Nothing in its place; what is not hidden is as it would be."""
    states = 4 if name.endswith("mamba") else 0
    config = replace(ENCODER, name=name, state_size=states)
    torch.manual_seed(0)
    encoder = Encoder(config, sample_rate=2000).eval()
    samples, bounds = torch.randn(2, 2000), torch.tensor([[0, 200, 600, 800, 1600]] * 2)
    hidden = torch.zeros(2, 62, dtype=torch.bool)
    hidden[0, 26:39] = hidden[1, 3:9] = True
    shown = mocker.spy(encoder.blocks[0], "forward")

    with torch.no_grad():
        encoder(samples, bounds, hidden=hidden)
        tokens = encoder.front_end(samples)

    (given,) = shown.call_args.args
    assert torch.equal(given, torch.where(hidden[:, :, None], 0.0, tokens))


def test_an_encoder_without_blocks_is_shown_everything():
    torch.manual_seed(0)
    config = EncoderConfig(name="resnet34_1d", width=16, num_blocks=0, state_size=0)
    encoder = Encoder(config, sample_rate=2000).eval()
    samples, bounds = torch.randn(1, 2000), torch.tensor([[0, 200, 600, 800, 1600]])

    with torch.no_grad():
        hidden = encoder(samples, bounds, hidden=torch.ones(1, 62, dtype=torch.bool))
        assert torch.equal(hidden.cycle, encoder(samples, bounds).cycle)


def test_targets_have_no_mean_and_a_spread_of_one_over_what_is_trained_on(prediction, source):
    targets = prediction().targets(source[np.arange(96)])

    assert targets.mean(dim=(0, 1)).abs().max() < 1e-4
    np.testing.assert_allclose(targets.std(dim=(0, 1)).numpy(), 1.0, atol=1e-3)


def test_the_means_are_those_of_sounds_and_of_thirds_of_what_is_between():
    """Token k is at sample 32 k + 16."""
    values = torch.arange(40.0).reshape(1, 20, 2)  # token k: 2 k and 2 k + 1
    bounds = torch.tensor([[0, 64, 256, 288, 576]])  # 2 tokens, three times 2, 1, three times 3

    found = phase_means(values, bounds)[0]

    expected = torch.tensor([1.0, 5.0, 9.0, 13.0, 16.0, 20.0, 26.0, 32.0])
    torch.testing.assert_close(found, torch.stack([expected, expected + 1], dim=1))


def test_a_third_without_a_token_has_the_mean_of_the_whole():
    values = torch.arange(12.0).reshape(1, 12, 1)
    bounds = torch.tensor([[0, 64, 100, 192, 384]])  # thirds of 12 samples: 64 to 76, 76 to 88, ...

    found = phase_means(values, bounds)[0, :, 0]

    torch.testing.assert_close(found[1:4], torch.tensor([5.5, 2.0, 5.5]))  # token 2 is at 80


def test_a_cycle_without_phases_has_the_mean_of_the_whole_everywhere():
    found = phase_means(torch.arange(12.0).reshape(1, 6, 2), torch.tensor([[32, 32, 32, 32, 96]]))

    assert found[0, :, 0].tolist() == [3.0] * 8


def test_a_window_is_told_two_tokens_at_a_time():
    values = torch.arange(10.0).reshape(1, 5, 2)  # the fifth token has no partner

    assert in_pairs(values).tolist() == [[1.0, 2.0, 5.0, 6.0]]


def test_a_window_of_one_token_is_refused(make_cohort):
    source = WindowSource(
        make_cohort().cycles, window_s=0.064, band_hz=(25.0, 200.0), device=torch.device("cpu")
    )

    with pytest.raises(SettingError, match=r"32 samples is too short.*window_s must be at least"):
        Prediction(source, np.arange(96), ENCODER, hidden_share=0.3, hidden_s=0.1)


def test_the_loss_is_what_loops_make_of_it(learner):
    """Both views: tokens by whether they were hidden, phases from the other view's sound."""
    one = learner(**ONLY)
    one.begin_epoch(1)
    batch = np.array([0, 1, 5, 8, 30])
    seen = []
    inner = one.prediction.forward

    def spy(embeddings, hidden, clean):
        seen.append((embeddings, hidden, clean))
        return inner(embeddings, hidden, clean)

    one.prediction.forward = spy

    loss = one.loss(batch).item()

    (embeddings, hidden, clean), by_hand = seen[0], 0.0
    assert not torch.equal(*hidden)
    with torch.no_grad():
        targets = [one.prediction.targets(view) for view in clean]
        for view in (0, 1):
            told = one.heads["bands"](embeddings[view].tokens)
            expected = one.heads["phase_bands"](embeddings[view].cycle)
            other = phase_means(targets[1 - view], clean[1 - view].bounds)
            heard = one.heads["window_bands"](embeddings[view].cycle)
            for row in range(5):
                weights = [1.0 if h else 0.5 for h in hidden[view][row].tolist()]
                errors = [
                    F.smooth_l1_loss(told[row, t], targets[view][row, t]).item() for t in range(16)
                ]
                by_token = sum(w * e for w, e in zip(weights, errors, strict=True)) / sum(weights)
                by_hand += 0.3 * by_token
                by_hand += F.smooth_l1_loss(expected[row], other[row].flatten()).item()
                own = [
                    (targets[view][row, t] + targets[view][row, t + 1]) / 2 for t in range(0, 16, 2)
                ]
                by_hand += F.smooth_l1_loss(heard[row], torch.cat(own)).item()
    assert loss == pytest.approx(by_hand / 10, rel=1e-5)


def test_what_is_to_be_told_is_the_sound_before_it_was_changed(learner):
    """Moved as the view is, and neither louder nor noisier nor masked."""
    loud = AugmentationConfig(gain=2.0, noise=3.0, mask_s=0.5, shift_s=0.1)
    still = AugmentationConfig(gain=0.0, noise=0.0, shift_s=0.1)
    clean = []
    for augmentation in (loud, still):
        one = learner(augmentation, **ONLY)
        one.begin_epoch(1)
        inner = one.prediction.forward
        one.prediction.forward = lambda e, h, c, f=inner: clean.append(c) or f(e, h, c)
        one.loss(np.arange(6))

    for view in (0, 1):
        assert torch.equal(clean[0][view].samples, clean[1][view].samples)
        assert torch.equal(clean[0][view].bounds, clean[1][view].bounds)
    assert not torch.equal(clean[0][0].samples, one.source[np.arange(6)].samples)


def test_it_is_added_by_its_weight(learner):
    """To the contrastive losses of the same embeddings."""
    losses = {}
    for weight in (1.0, 3.0):
        one = learner(prediction_weight=weight)
        one.begin_epoch(1)
        losses[weight] = one._losses(np.arange(8), 1)

    first, third = losses[1.0], losses[3.0]
    assert third.prediction.item() == first.prediction.item()
    assert first.total.item() == pytest.approx(
        (first.cycle + 0.5 * first.substructure + first.prediction).item(), rel=1e-6
    )
    assert (third.total - first.total).item() == pytest.approx(
        2 * first.prediction.item(), rel=1e-4
    )


def test_without_a_weight_nothing_is_hidden_and_no_layer_is_made(learner, mocker):
    one = learner()
    one.begin_epoch(1)
    shown = mocker.spy(one.encoder, "forward")

    one.loss(np.arange(4))

    assert set(one.heads) == {"cycle", "phase"}
    assert [call.kwargs["hidden"] for call in shown.mock_calls] == [None, None]
    assert set(one.train_scores()) == {"train/loss", "train/cycle_loss", "train/substructure_loss"}


def test_it_is_learnt_and_told_of(pretrain_config, make_cohort, on, silent, mocker):
    on(make_cohort(train=("Absent", "Present", "Unknown") * 4))
    tracker = mocker.Mock(wraps=silent)
    config = pretrain_config(
        training=ScheduleConfig(epochs=12, batch_size=16, cycles_per_recording=4),
        optimiser=OptimiserConfig(lr=5e-3),
        objective=contrastive(**ONLY),
    )

    result = pretrain(config, tracker=tracker)

    logged = [call.args[0] for call in tracker.log.mock_calls]
    for split in ("train", "val"):
        course = [one[f"{split}/prediction_loss"] for one in logged if f"{split}/loss" in one]
        assert len(course) == 12
        assert course[-1] < 0.8 * course[0]
    assert result.metrics["val_loss"] == result.metrics["val_prediction_loss"]
