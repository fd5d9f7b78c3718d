"""The residual network: as deep as its name says, each block its definition, tokens in place."""

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

from oracles import encoder as by_loops
from pahcl_core.models.resnet import BasicBlock, ResNet34


def count(width):
    """Parameters on paper: kernels, and a scale and a shift for each channel of each norm."""
    a, b, c, d = width // 8, width // 4, width // 2, width
    total = 7 * a + 2 * a
    for num, before, wide in ((3, a, a), (4, a, b), (6, b, c), (3, c, d)):
        total += 3 * before * wide + (2 * num - 1) * 3 * wide * wide + 2 * num * 2 * wide
        if before != wide:
            total += before * wide + 2 * wide
    return total


@pytest.mark.parametrize("width", [16, 64, 512])
def test_it_has_as_many_parameters_as_on_paper(width):
    with torch.device("meta"):
        found = sum(parameter.numel() for parameter in ResNet34(width).parameters())

    assert found == count(width)
    if width == 512:
        assert found == 7_218_240  # the sum by hand, stage by stage


def test_it_has_34_layers_less_the_classifier():
    """Not counting those around the blocks."""
    with torch.device("meta"):
        convolutions = [
            name
            for name, module in ResNet34(64).named_modules()
            if isinstance(module, nn.Conv1d) and "around" not in name
        ]

    assert len(convolutions) == 33


@pytest.mark.parametrize(("before", "stride"), [(4, 1), (2, 2), (4, 2)])
def test_a_block_equals_its_definition(shaken, before, stride):
    block = shaken(BasicBlock(before, 4, stride=stride, dropout=0.5))
    x = torch.tensor(np.random.default_rng(0).normal(size=(1, before, 9)))

    with torch.no_grad():
        out = block(x)[0]

    def normed(rows, norm):
        values = (norm.running_mean, norm.running_var, norm.weight, norm.bias)
        return by_loops.batch_norm(rows, tuple(value.tolist() for value in values))

    def convolved(rows, conv, stride, padding):
        weights = (conv.weight.tolist(), [0.0] * 4)
        return by_loops.convolution(rows, weights, stride=stride, padding=padding)

    rows = x[0].tolist()
    update = normed(convolved(rows, block.first, stride, 1), block.first_norm)
    update = [[max(v, 0.0) for v in row] for row in update]
    update = normed(convolved(update, block.second, 1, 1), block.second_norm)
    if before != 4 or stride != 1:
        rows = normed(convolved(rows, block.around[0], stride, 0), block.around[1])
    expected = np.maximum(np.array(update) + np.array(rows), 0)
    np.testing.assert_allclose(out, expected, rtol=1e-10, atol=1e-12)


def test_the_stem_halves_the_rate_twice(shaken):
    """A convolution, a norm and a maximum of three, before the first block."""
    network = shaken(ResNet34(16))
    heard = []
    network.stages[0].register_forward_pre_hook(lambda _, inputs: heard.append(inputs[0]))
    samples = torch.tensor(np.random.default_rng(0).normal(size=(1, 160)))

    with torch.no_grad():
        network(samples)
        silence = torch.cat([torch.zeros(1, 16, dtype=torch.float64), samples], dim=1)
        first = F.relu(network.first_norm(network.first(silence[:, None])))

    windows = F.pad(first, (1, 1), value=-torch.inf).unfold(2, 3, 2)  # a maximum sees no padding
    np.testing.assert_allclose(heard[0], windows.amax(dim=3), rtol=1e-12)
    assert heard[0].shape == (1, 2, (160 + 16) // 4)


def test_a_token_is_centred_on_its_samples():
    """Symmetric weights hear a sound mirrored about the token's centre as the sound itself."""
    torch.manual_seed(0)
    network = ResNet34(16).double().eval()
    with torch.no_grad():
        for module in network.modules():
            if isinstance(module, nn.Conv1d):
                module.weight.add_(module.weight.flip(2).clone())
    length, token = 4000, 60
    centre = 32 * token + 16
    samples = torch.zeros(1, length, dtype=torch.float64)
    noise = torch.tensor(np.random.default_rng(0).normal(size=2 * 700 + 1))
    samples[0, centre - 700 : centre + 701] = noise
    mirrored = samples.clone()
    mirrored[0, centre - 700 : centre + 701] = noise.flip(0)

    with torch.no_grad():
        one, other = network(samples)[0], network(mirrored)[0]

    np.testing.assert_allclose(one[token], other[token], rtol=1e-9)
    assert (one[token - 1] - other[token + 1]).abs().max() < 1e-9
    assert (one[token] - one[token - 1]).abs().max() > 1e-3


@pytest.mark.parametrize("length", [32, 96, 100, 127, 2000])
def test_there_is_a_token_for_every_32_samples(length):
    tokens = ResNet34(16).eval()(torch.zeros(1, length))

    assert tokens.shape == (1, length // 32, 16)
