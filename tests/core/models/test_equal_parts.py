"""Equal parts of a cycle are pooled from the tokens that its embedding is made of."""

import numpy as np
import pytest
import torch

from oracles.momentum import part_of
from pahcl_core.models.encoder import Encoder, EncoderConfig
from pahcl_core.models.pooling import equal_spans

# Ordinary; begun before the window; unknown phases; longer than the window; of no whole part.
BOUNDS = [
    [0, 40, 110, 150, 300],
    [-30, 50, 130, 140, 260],
    [64, 64, 64, 64, 320],
    [0, 100, 200, 280, 430],
    [7, 30, 60, 90, 311],
]


@pytest.fixture
def encoder(shaken):
    torch.manual_seed(0)
    config = EncoderConfig(width=16, num_blocks=1, state_size=3)
    return shaken(Encoder(config, sample_rate=2000))


@pytest.fixture
def sound():
    return torch.tensor(np.random.default_rng(0).normal(size=(len(BOUNDS), 320)))


@pytest.mark.parametrize("num_parts", [2, 4, 8])
@pytest.mark.parametrize("span", [(0, 1000), (-37, 411), (5, 6), (12, 12), (3, 1004)])
def test_a_sample_is_in_the_part_that_the_exact_border_puts_it_in(span, num_parts):
    start, stop = equal_spans(torch.tensor([span[0]]), torch.tensor([span[1]]), num_parts)

    for sample in range(span[0] - 3, span[1] + 3):
        inside = ((sample >= start[0]) & (sample < stop[0])).nonzero().flatten().tolist()
        expected = part_of(sample, *span, num_parts)
        assert inside == ([] if expected is None else [expected])


def test_equal_spans_by_hand():
    """A second and a half in four; and ten samples in four: at 0, 2.5, 5 and 7.5."""
    start, stop = equal_spans(torch.tensor([0, 100]), torch.tensor([3000, 110]), 4)

    assert start.tolist() == [[0, 750, 1500, 2250], [100, 103, 105, 108]]
    assert stop.tolist() == [[750, 1500, 2250, 3000], [103, 105, 108, 110]]


@pytest.mark.parametrize("num_parts", [2, 4, 8])
def test_parts_are_the_means_of_their_tokens(encoder, sound, num_parts):
    """Also of cycles without known phases, which the phases of the same batch leave at zero."""
    with torch.no_grad():
        embeddings = encoder(sound, torch.tensor(BOUNDS), num_parts=num_parts)
        tokens = encoder.front_end(sound)
        for block in encoder.blocks:
            tokens = block(tokens)
        tokens = encoder.norm(tokens)

    for i, bounds in enumerate(BOUNDS):
        owner = [part_of(32 * t + 16, bounds[0], bounds[4], num_parts) for t in range(10)]
        for part in range(num_parts):
            inside = [tokens[i, t].tolist() for t in range(10) if owner[t] == part]
            mean = np.mean(inside, axis=0) if inside else np.zeros(16)
            assert embeddings.part_valid[i, part].item() is bool(inside)
            np.testing.assert_allclose(embeddings.parts[i, part], mean, rtol=1e-10, atol=1e-13)
    assert embeddings.part_valid[2].all()
    assert not embeddings.phase_valid[2].any()
    if num_parts == 8:
        assert not embeddings.part_valid[3].all()


@pytest.mark.parametrize("name", ["cnn_mamba", "sinc_mamba"])
def test_the_embedding_is_what_it_is_without_them(name):
    """To the bit; with plain and with attentive pooling."""
    torch.manual_seed(0)
    config = EncoderConfig(name=name, width=16, num_blocks=1, state_size=3)
    encoder = Encoder(config, sample_rate=2000).eval()
    sound, bounds = torch.randn(len(BOUNDS), 320), torch.tensor(BOUNDS)

    plain, with_parts = encoder(sound, bounds), encoder(sound, bounds, num_parts=4)

    assert torch.equal(plain.cycle, with_parts.cycle)
    assert torch.equal(plain.phases, with_parts.phases)
    assert plain.parts.shape == (len(BOUNDS), 0, 16)
    assert plain.part_valid.shape == (len(BOUNDS), 0)
    assert with_parts.part_valid[0].all()


def test_one_pass_over_the_sound_serves_both_levels(encoder, sound, mocker):
    seen = mocker.spy(encoder.front_end, "forward")

    encoder(sound, torch.tensor(BOUNDS), num_parts=8)

    assert seen.call_count == 1


def test_a_part_teaches_the_encoder(sound, deaf_to_the_window):
    """By what is heard in it: the gradient ends a token's reach beyond either border."""
    sound = torch.cat([sound] * 4, dim=1)[:1].requires_grad_()
    bounds = torch.tensor([[0, 300, 600, 900, 1280]])
    config = EncoderConfig(width=16, num_blocks=0, state_size=3)
    encoder = Encoder(config, sample_rate=2000).double().eval()
    deaf_to_the_window(encoder.front_end)

    parts = encoder(sound, bounds, num_parts=4).parts
    (slope,) = torch.autograd.grad(parts[0, 1].square().sum(), sound)

    heard = slope[0].nonzero()[:, 0]
    assert 320 - 100 < heard.min() < 320 + 32
    assert 640 - 32 < heard.max() < 640 + 100
