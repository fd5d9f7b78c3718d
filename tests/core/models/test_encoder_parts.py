"""What each encoder is made of, and that its parts are put together as they should be."""

import numpy as np
import pytest
import torch

from oracles import encoder as by_loops
from pahcl_core.models.convnext import ConvNeXtBlock
from pahcl_core.models.encoder import Encoder, encoder_config
from pahcl_core.models.ssd_block import SSDBlock
from pahcl_core.models.transformer import Positions, TransformerLayer


@pytest.fixture
def make_encoder(shaken):
    def make(name, *, sample_rate=2000, **settings):
        torch.manual_seed(0)
        config = encoder_config(name, "tiny", width=16, **settings)
        return shaken(Encoder(config, sample_rate=sample_rate))

    return make


@pytest.mark.parametrize(
    ("name", "num_blocks", "blocks"),
    [
        ("cnn_mamba", 2, [SSDBlock, SSDBlock]),
        ("sinc_mamba", 2, [ConvNeXtBlock, SSDBlock, ConvNeXtBlock, SSDBlock]),
        ("cnn_transformer", 2, [Positions, TransformerLayer, TransformerLayer]),
        ("resnet34_1d", 0, []),
        ("cnn", 3, [ConvNeXtBlock, ConvNeXtBlock, ConvNeXtBlock]),
    ],
)
def test_an_encoder_is_made_of_what_its_name_says(make_encoder, name, num_blocks, blocks):
    encoder = make_encoder(name, num_blocks=num_blocks)

    assert [type(block) for block in encoder.blocks] == blocks
    assert all(block.config.bidirectional for block in encoder.blocks if type(block) is SSDBlock)


def test_bands_are_weighed_before_they_become_tokens(make_encoder):
    """Sinc filters, norm, GELU, attention; then 16 steps of 2 samples make a token."""
    front_end = make_encoder("sinc_mamba").front_end
    samples = torch.tensor(np.random.default_rng(0).normal(size=(1, 160)))

    def both(layer):
        return layer.weight.tolist(), layer.bias.tolist()

    def normed(rows, norm):
        return by_loops.activated(by_loops.window_norm(rows, both(norm)))

    with torch.no_grad():
        tokens = front_end(samples)[0]
        bands = front_end.bands
        rows = normed(bands.conv(samples[:, None])[0].tolist(), bands.norm)
    rows = by_loops.channel_attention(rows, bands.attention.conv.weight[0, 0].tolist())
    rows = by_loops.convolution(rows, both(front_end.second), stride=16, padding=8)
    rows = normed(rows, front_end.second_norm)
    rows = by_loops.convolution(rows, both(front_end.third), stride=1, padding=1)
    np.testing.assert_allclose(tokens.T, by_loops.activated(rows), rtol=1e-9, atol=1e-12)


def test_bands_are_placed_by_the_sample_rate(make_encoder):
    """The same 64 ms and the same hertz at another rate."""
    slow, fast = (
        make_encoder("sinc_mamba", sample_rate=rate).front_end.bands.conv for rate in (2000, 4000)
    )

    assert [len(conv.filters()[0]) for conv in (slow, fast)] == [128, 256]
    gain = [
        np.abs(np.fft.rfft(conv.filters().detach().numpy(), num))
        for conv, num in ((slow, 4000), (fast, 8000))
    ]  # every half hertz
    np.testing.assert_allclose(gain[0][:, :1100], gain[1][:, :1100], atol=0.01)


def test_attention_knows_where_its_tokens_are(make_encoder):
    """In silence, tokens differ by nothing but their places."""
    encoder = make_encoder("cnn_transformer", num_blocks=0)

    with torch.no_grad():
        silent = encoder.front_end(torch.zeros(1, 2000, dtype=torch.float64))
        tokens = encoder.blocks[0](silent)[0, 2:-2]

    apart = (tokens[:, None] - tokens).abs().amax(dim=2) + torch.eye(len(tokens))
    assert apart.min() > 1e-3
