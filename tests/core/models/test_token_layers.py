"""Layers on tokens: each is its definition, or the same layer of another library."""

import numpy as np
import pytest
import torch
from torch import nn

from oracles import encoder as by_loops
from pahcl_core.models.convnext import ConvNeXtBlock
from pahcl_core.models.transformer import Positions, TransformerLayer


def make_tokens(length, *, width, batch=2):
    return torch.tensor(np.random.default_rng(1).normal(size=(batch, length, width)))


@pytest.mark.parametrize("length", [3, 11])
def test_a_convolutional_block_equals_its_definition(shaken, length):
    """Also where the kernel is longer than the sequence."""
    block, tokens = shaken(ConvNeXtBlock(4)), make_tokens(length, width=4)

    with torch.no_grad():
        mixed = block(tokens)

    weights = {
        name: (getattr(block, name).weight.tolist(), getattr(block, name).bias.tolist())
        for name in ("norm", "hidden", "out")
    } | {"kernels": block.conv.weight[:, 0, 0].tolist(), "biases": block.conv.bias.tolist()}
    expected = [by_loops.convnext_block(one.tolist(), weights) for one in tokens]
    np.testing.assert_allclose(mixed, expected, rtol=1e-10, atol=1e-12)


def test_a_transformer_layer_equals_that_of_torch(shaken):
    """Outputs, and the gradient of the tokens, of the layer with the same weights."""
    layer = shaken(TransformerLayer(16))
    theirs = nn.TransformerEncoderLayer(
        16, 4, 64, dropout=0.0, activation="gelu", batch_first=True, norm_first=True
    ).double()
    theirs.self_attn.in_proj_weight.data = layer.into.weight.data
    theirs.self_attn.in_proj_bias.data = layer.into.bias.data
    pairs = [
        (theirs.self_attn.out_proj, layer.attended),
        (theirs.norm1, layer.attention_norm),
        (theirs.norm2, layer.norm),
        (theirs.linear1, layer.hidden),
        (theirs.linear2, layer.out),
    ]
    for their, our in pairs:
        their.load_state_dict(our.state_dict())
    direction = make_tokens(9, width=16).flip(0)
    found = []
    for one in (layer, theirs):
        tokens = make_tokens(9, width=16).requires_grad_()
        mixed = one(tokens)
        (slope,) = torch.autograd.grad((mixed * direction).sum(), tokens)
        found.append((mixed.detach(), slope))

    np.testing.assert_allclose(found[0][0], found[1][0], rtol=1e-10, atol=1e-12)
    np.testing.assert_allclose(found[0][1], found[1][1], rtol=1e-10, atol=1e-12)


def test_positions_are_sines_and_cosines_of_the_place():
    """The paper's formula, for channel 2 i and 2 i + 1 of place p."""
    tokens = make_tokens(7, width=16)

    added = Positions()(tokens) - tokens

    for p in range(7):
        for i in range(8):
            angle = p / 10_000 ** (2 * i / 16)
            expected = (np.sin(angle), np.cos(angle))
            assert added[0, p, 2 * i : 2 * i + 2].tolist() == pytest.approx(expected, abs=1e-12)
            assert added[1, p, 2 * i : 2 * i + 2].tolist() == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("make", [ConvNeXtBlock, TransformerLayer])
def test_dropout_leaves_the_way_around_alone(make):
    """With nearly everything dropped, most tokens stay as they are in training."""
    torch.manual_seed(0)
    block, tokens = make(16, dropout=0.999), torch.randn(2, 50, 16)

    with torch.no_grad():
        mixed = block(tokens)

    assert (mixed == tokens).float().mean() > 0.95
