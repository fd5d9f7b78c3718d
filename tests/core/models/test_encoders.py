"""What every encoder promises, whatever it is made of; `cnn_mamba` in detail in `test_encoder`."""

from dataclasses import replace
from typing import get_args

import numpy as np
import pytest
import torch
from torch import nn

from oracles import encoder as by_loops
from pahcl_core.data.preparation import SignalConfig
from pahcl_core.errors import SettingError
from pahcl_core.models.encoder import Encoder, encoder_config
from pahcl_core.models.kinds import EncoderName
from pahcl_core.training.checkpoint import (
    Checkpoint,
    encoder_from,
    load_fitting,
    save_checkpoint,
)

NAMES = get_args(EncoderName)
LOCAL = ("resnet34_1d", "cnn")  # what a token hears ends somewhere
SMALL = {"width": 16, "dropout": 0.5}


def config_of(name, **settings):
    few = {} if name == "resnet34_1d" else {"num_blocks": 1}
    return encoder_config(name, "tiny", **(SMALL | few | settings))


@pytest.fixture
def make_encoder(shaken):
    def make(name, *, sample_rate=2000, **settings):
        torch.manual_seed(0)
        return shaken(Encoder(config_of(name, **settings), sample_rate=sample_rate))

    return make


def sound(length, *, batch=1, seed=0):
    return torch.tensor(np.random.default_rng(seed).normal(size=(batch, length)))


BOUNDS = torch.tensor(
    [
        [0, 250, 700, 900, 1700],
        [0, 300, 800, 1050, 2100],  # the diastole lasts longer than the window
        [0, 600, 1500, 2080, 2600],  # and here lies wholly beyond it
        [64, 64, 64, 64, 1500],  # unknown phases
        [0, 500, 504, 900, 1700],  # no token is centred in systole
    ]
)
VALID = [[True] * 4, [True] * 4, [True] * 3 + [False], [False] * 4, [True, False, True, True]]


def tokens_of(encoder, samples):
    tokens = encoder.front_end(samples)
    for block in encoder.blocks:
        tokens = block(tokens)
    return encoder.norm(tokens)


def pooled_by_loops(encoder, tokens, start, stop):
    if encoder.config.name != "sinc_mamba":
        return by_loops.mean_between(tokens, start, stop)
    pooling = encoder.pooling
    weights = {
        name: (getattr(pooling, name).weight.tolist(), getattr(pooling, name).bias.tolist())
        for name in ("hidden", "merge")
    } | {"score": pooling.score.weight[0].tolist()}
    return by_loops.attentive_statistics(tokens, start, stop, weights)


@pytest.mark.parametrize("pool", ["phases", "cycle"])
@pytest.mark.parametrize("name", NAMES)
def test_phases_and_cycle_are_pooled_from_one_feature_map(make_encoder, name, pool):
    """Each from the tokens in it; one that is unknown or empty is zero, and the cycle fills in."""
    encoder = make_encoder(name, pool=pool)
    samples = sound(2000, batch=len(BOUNDS))

    with torch.no_grad():
        embeddings = encoder(samples, BOUNDS)
        tokens = tokens_of(encoder, samples).tolist()

    assert embeddings.phase_valid.tolist() == VALID
    for i, bounds in enumerate(BOUNDS.tolist()):
        whole, _ = pooled_by_loops(encoder, tokens[i], bounds[0], bounds[4])
        parts = []
        for k in range(4):
            phase, _ = pooled_by_loops(encoder, tokens[i], bounds[k], bounds[k + 1])
            expected = phase if VALID[i][k] else [0.0] * 16
            np.testing.assert_allclose(embeddings.phases[i, k], expected, rtol=1e-8, atol=1e-10)
            parts += phase if VALID[i][k] else whole
        expected = whole if pool == "cycle" else parts
        assert len(expected) == encoder.config.embedding_size
        np.testing.assert_allclose(embeddings.cycle[i], expected, rtol=1e-8, atol=1e-10)


@pytest.mark.parametrize("phase", range(4))
@pytest.mark.parametrize("name", NAMES)
def test_a_phase_depends_on_the_samples_of_its_span(make_encoder, deaf_to_the_window, name, phase):
    """More on a sound in its middle than any other phase does."""
    encoder = make_encoder(name)
    deaf_to_the_window(encoder.front_end)
    bounds = torch.tensor([[0, 480, 960, 1440, 1920]])
    before = sound(2000)
    after = before.clone()
    after[0, 480 * phase + 200 : 480 * phase + 280] += 10 * sound(80, seed=1)[0]

    with torch.no_grad():
        first, second = encoder(before, bounds), encoder(after, bounds)

    moved = (first.phases - second.phases)[0].norm(dim=1)
    assert moved.argmax() == phase
    assert moved[phase] > 1e-3
    assert (first.cycle != second.cycle).any()


def reach(name, num_blocks):
    """Samples on either side of a token's centre that it hears, added up by hand."""
    if name == "cnn":  # half a token; 30, 4 · 4 and 32 for three layers; three tokens to the block
        return 16 + 30 + 16 + 32 + 96 * num_blocks
    # Kernels of 7, 3, then two of 3 to the block, at a growing number of samples to the step.
    blocks = ((3, 4), (4, 8), (6, 16), (3, 32))
    inside = sum(2 * num * step for num, step in blocks)
    return 3 + 2 + inside  # the first of a stage steps at the rate before it: less, never more


@pytest.mark.parametrize("name", LOCAL)
def test_what_a_token_cannot_hear_changes_nothing(make_encoder, deaf_to_the_window, name):
    """Samples beyond the reach of a phase's tokens leave its embedding as it was, to the bit."""
    encoder = make_encoder(name)
    deaf_to_the_window(encoder.front_end)
    bounds = torch.tensor([[1600, 1664, 1728, 1792, 1856]])
    far = reach(name, 1)
    before = sound(3400)
    after = before.clone()
    after[0, : 1600 - far] += 1
    after[0, 1856 + far :] -= 1

    with torch.no_grad():
        first, second = encoder(before, bounds), encoder(after, bounds)

    assert torch.equal(first.phases, second.phases)
    assert torch.equal(first.cycle, second.cycle)


@pytest.mark.parametrize("name", [name for name in NAMES if name not in LOCAL])
def test_a_token_hears_the_whole_window(make_encoder, name):
    encoder = make_encoder(name)
    samples = sound(2000).requires_grad_()

    token = tokens_of(encoder, samples)[0, 31].square().sum()
    (slope,) = torch.autograd.grad(token, samples)

    assert slope[0, :100].abs().max() > 0
    assert slope[0, -100:].abs().max() > 0


@pytest.mark.parametrize("name", NAMES)
def test_every_parameter_is_learnt(name):
    """From the cycle and the phases together, in training."""
    torch.manual_seed(0)
    encoder = Encoder(config_of(name), sample_rate=2000)
    samples, bounds = sound(2000, batch=4).float(), BOUNDS[[0, 1, 0, 1]]

    embeddings = encoder(samples, bounds)
    weights = torch.randn(5, 16)  # a sum of normalised features would have no gradient
    by_cycle = embeddings.cycle @ weights[:4].flatten()
    (by_cycle + (embeddings.phases @ weights[4]).sum(dim=1)).sum().backward()

    silent = [
        key
        for key, parameter in encoder.named_parameters()
        if parameter.grad is None or not parameter.grad.abs().max() > 0
    ]
    assert silent == []


@pytest.mark.parametrize("name", NAMES)
def test_a_cycle_is_embedded_alone_as_among_others(make_encoder, name):
    encoder = make_encoder(name)
    samples = sound(2000, batch=len(BOUNDS))

    with torch.no_grad():
        together = encoder(samples, BOUNDS)
        for i in range(len(BOUNDS)):
            alone = encoder(samples[i : i + 1], BOUNDS[i : i + 1])
            np.testing.assert_allclose(together.cycle[i : i + 1], alone.cycle, rtol=1e-9)
            np.testing.assert_allclose(together.phases[i : i + 1], alone.phases, rtol=1e-9)


@pytest.mark.parametrize("length", [512, 1000, 2047, 5000])
@pytest.mark.parametrize("name", NAMES)
def test_a_window_may_be_of_any_length(make_encoder, name, length):
    """What does not fill a token is not heard; the rest is one token to 32 samples."""
    encoder = make_encoder(name)
    bounds = torch.tensor([[0, 100, 200, 300, 480]])
    samples = sound(length)

    with torch.no_grad():
        tokens = tokens_of(encoder, samples)
        embeddings = encoder(samples, bounds)

    assert tokens.shape == (1, length // 32, 16)
    assert embeddings.phase_valid.all()
    mean, _ = pooled_by_loops(encoder, tokens[0].tolist(), 0, 100)
    np.testing.assert_allclose(embeddings.phases[0, 0], mean, rtol=1e-8, atol=1e-10)


@pytest.mark.parametrize("name", NAMES)
def test_a_checkpoint_gives_the_same_encoder_back(tmp_path, name):
    """Settings, weights and statistics, at the rate of its recordings; another is refused."""
    torch.manual_seed(0)
    wanted, signal = config_of(name), SignalConfig(sample_rate=4000)
    encoder = Encoder(wanted, sample_rate=4000)
    encoder(sound(4000, batch=4).float(), BOUNDS[:4])  # moves the running statistics
    path = tmp_path / "model.pt"
    save_checkpoint(
        path,
        Checkpoint(
            kind="pretrain",
            encoder_config=wanted,
            encoder=encoder.state_dict(),
            signal=signal,
            heads={},
            epoch=1,
            step=1,
        ),
    )

    found = encoder_from(path, load_fitting(path, wanted, signal), wanted)

    assert found.config == wanted
    samples = sound(4000, batch=4).float()
    with torch.no_grad():
        ours, theirs = encoder.eval()(samples, BOUNDS[:4]), found.eval()(samples, BOUNDS[:4])
    assert torch.equal(ours.cycle, theirs.cycle)
    other = config_of("cnn" if name != "cnn" else "cnn_mamba")
    with pytest.raises(SettingError) as caught:
        load_fitting(path, other, signal)
    for setting in ("name", "width", "num_blocks", "state_size"):
        assert f"--set encoder.{setting}={getattr(wanted, setting)}" in str(caught.value)


@pytest.mark.parametrize("name", NAMES)
def test_dropout_acts_in_training_alone(name):
    torch.manual_seed(0)
    encoder = Encoder(config_of(name), sample_rate=2000)
    without = Encoder(replace(encoder.config, dropout=0.0), sample_rate=2000)
    without.load_state_dict(encoder.state_dict())
    samples = sound(2000, batch=3).float()
    for norm in (*encoder.modules(), *without.modules()):
        if isinstance(norm, nn.BatchNorm1d):
            norm.momentum = 0.0

    def embedded(one):
        with torch.no_grad():
            return one(samples, BOUNDS[:3]).cycle

    assert not torch.equal(embedded(encoder), embedded(encoder))
    assert torch.equal(embedded(without), embedded(without))
    assert torch.equal(embedded(encoder.eval()), embedded(without.eval()))
