"""A classifier's head start: where it begins, held against scikit-learn, and when there is one."""

from dataclasses import replace
from functools import partial

import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression
from torch import nn

from pahcl_core.training import finetuning
from pahcl_core.training.checkpoint import load_checkpoint
from pahcl_core.training.finetune import finetune
from pahcl_core.training.head_start import settle
from pahcl_core.training.optimisation import OptimiserConfig
from pahcl_core.training.pretrain import pretrain
from pahcl_core.training.watching import EndedEarly
from pahcl_track import NullTracker


def three_clouds(num=90):
    rng = np.random.default_rng(5)
    labels = rng.choice(3, size=num, p=[0.6, 0.3, 0.1])
    rows = rng.normal(size=(num, 4)) * [1, 20, 0.01, 1] + [0, 50, 0, -3]
    rows[:, 1] += 15 * labels
    rows[:, 3] = 7.0  # says nothing, and has no spread
    return rows, labels


@pytest.mark.parametrize("strength", [0.01, 0.3])
def test_it_is_the_regression_that_scikit_learn_finds(strength):
    rows, labels = three_clouds()
    count = np.bincount(labels)
    weights = count.sum() / (3 * count)
    classifier = nn.Linear(4, 3).double()
    settle(
        classifier,
        torch.from_numpy(rows),
        torch.from_numpy(labels),
        partial(nn.functional.cross_entropy, weight=torch.from_numpy(weights)),
        strength=strength,
    )
    said = classifier(torch.from_numpy(rows)).softmax(dim=1).detach().numpy()

    spread = rows.std(axis=0)
    scaled = (rows - rows.mean(axis=0)) / np.where(spread > 0, spread, 1)
    model = LogisticRegression(
        C=1 / (strength * weights[labels].sum()), class_weight="balanced", tol=1e-8, max_iter=5000
    )
    assert said == pytest.approx(model.fit(scaled, labels).predict_proba(scaled), abs=2e-4)


@pytest.fixture
def linear(pretrain_config, finetune_config, make_cohort, on, silent):
    """The classifier's layer after a fine-tuning that hardly moves, and what validation loses."""
    on(make_cohort())
    pretrained = pretrain(pretrain_config(), tracker=silent).checkpoint
    still = OptimiserConfig(lr=1e-9, weight_decay=0.0)

    def run(**changes):
        config = finetune_config(
            **{"pretrained": pretrained, "optimiser": still, "seed": 3, **changes}
        )
        result = finetune(config, tracker=silent)
        heads = load_checkpoint(result.directory / "best_model.pt").heads
        log = (result.directory / "train.log").read_text()
        loss = float(log.split("val/loss ")[1].split(",")[0])
        return heads["classifier"]["linear.weight"], loss

    return run


@pytest.mark.parametrize("pooling", ["vote", "mean", "statistics", "attention"])
def test_a_pretrained_encoder_gives_it(linear, pooling):
    """The tones of `make_cohort` are told apart at once, where chance says log 3.

    Weights that are pulled to zero that hard, by a dozen patients, leave it far from sure.
    """
    (started, low), (random, high) = (
        linear(pooling=pooling, head_start=given) for given in (True, False)
    )

    assert low < 0.7 * high
    assert high == pytest.approx(np.log(3), abs=0.3)
    assert not torch.allclose(started, random, atol=1e-2)


def test_it_does_not_depend_on_the_weights_that_chance_gave(linear):
    one, other = (linear(pooling="vote", seed=seed)[0] for seed in (3, 4))

    assert torch.allclose(one, other, atol=1e-3)


def test_an_encoder_with_random_weights_gives_none(linear):
    (one, _), (other, _) = (
        linear(pretrained=None, pooling="vote", head_start=given) for given in (True, False)
    )

    assert torch.equal(one, other)


def test_all_learns_at_the_usual_rate_unless_told_otherwise(
    pretrain_config, finetune_config, make_cohort, on, mocker
):
    on(make_cohort())
    pretrained = pretrain(pretrain_config(), tracker=NullTracker()).checkpoint
    rates = []
    for lr in ("auto", 0.5):
        tracker = mocker.create_autospec(NullTracker, instance=True)
        config = finetune_config(
            pretrained=pretrained, optimiser=OptimiserConfig(lr=lr, warmup=0.0)
        )
        finetune(replace(config, training=replace(config.training, log_every=1)), tracker=tracker)
        rates.append(max(one.args[0].get("lr/encoder", 0) for one in tracker.log.mock_calls))

    assert rates == pytest.approx([1e-3, 0.5], rel=0.3)


def test_who_goes_on_does_not_begin_again(
    pretrain_config, finetune_config, make_cohort, on, silent, mocker
):
    """What was learnt since then is the start, and embedding everyone once more changes nothing."""
    on(make_cohort())
    pretrained = pretrain(pretrain_config(), tracker=silent).checkpoint
    whole, parts = (
        finetune_config(pretrained=pretrained, seed=3, experiment_name=name)
        for name in ("whole", "parts")
    )
    settled = mocker.spy(finetuning, "settle")

    def end(epoch, val):
        raise EndedEarly

    expected = finetune(whole, tracker=silent).directory
    with pytest.raises(EndedEarly):
        finetune(parts, tracker=silent, watch=end)
    assert settled.call_count == 2
    resumed = finetune(parts, tracker=silent, resume=True).directory

    assert settled.call_count == 2
    one, other = (load_checkpoint(folder / "best_model.pt") for folder in (expected, resumed))
    for name, tensor in one.encoder.items():
        assert torch.equal(other.encoder[name], tensor), name
    assert torch.equal(
        one.heads["classifier"]["linear.weight"], other.heads["classifier"]["linear.weight"]
    )
