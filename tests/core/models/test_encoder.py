"""`cnn_mamba` is its definition, layer by layer; phases are pooled apart, where they are."""

import numpy as np
import pytest
import torch

from oracles import encoder as by_loops
from oracles.ssd import block as block_by_loops
from pahcl_core.models.encoder import Encoder, EncoderConfig
from pahcl_core.models.front_end import FrontEnd, LogEnergies

BOUNDS = [
    [0, 40, 110, 150, 300],  # phases of one, two, one and five tokens
    [0, 100, 200, 280, 420],  # the diastole lasts longer than the window
    [0, 60, 150, 330, 420],  # and here lies wholly beyond it
    [64, 64, 64, 64, 256],  # unknown phases
    [-30, 50, 130, 140, 260],  # S1 began before the window; no token is centred in S2
    [40, 45, 46, 46, 300],  # S2 without any length: nothing is known of the phases
]
VALID = [
    [True, True, True, True],
    [True, True, True, True],
    [True, True, True, False],
    [False] * 4,
    [True, True, False, True],
    [False] * 4,
]


HEAD_DIM = 8
"""At a width of 16: four heads of the 32 channels inside."""


@pytest.fixture
def make_encoder(shaken):
    def make(**settings):
        torch.manual_seed(0)
        config = EncoderConfig(**({"width": 16, "num_blocks": 0, "state_size": 3} | settings))
        return shaken(Encoder(config, sample_rate=2000))

    return make


def sound(length, *, batch=1, seed=0):
    return torch.tensor(np.random.default_rng(seed).normal(size=(batch, length)))


def parameters(module):
    """Weight and bias as nested lists."""
    return module.weight.tolist(), module.bias.tolist()


def front_end_weights(module):
    names = ("second", "second_norm", "third")
    filters = module.bands.filters.weight
    return {
        "filters": (filters.tolist(), [0.0] * len(filters)),
        "norm": parameters(module.bands.norm),
        **{name: parameters(getattr(module, name)) for name in names},
    }


def front_end_of(width):
    return FrontEnd(width, bands=LogEnergies(width // 2), stride=4)


@pytest.mark.parametrize("length", [96, 100, 127])
def test_the_front_end_equals_its_definition(shaken, length):
    front_end = shaken(front_end_of(16))
    samples = sound(length)

    with torch.no_grad():
        tokens = front_end(samples)[0]

    expected = by_loops.front_end(samples[0].tolist(), front_end_weights(front_end))
    assert len(expected) == 3
    np.testing.assert_allclose(tokens, expected, rtol=1e-10, atol=1e-12)


def test_a_token_is_centred_on_its_samples(shaken, deaf_to_the_window):
    """What moves token 4 lies around the middle of samples 128 to 159, as far on either side.

    But for the norms, which hear everything.
    """
    front_end = deaf_to_the_window(shaken(front_end_of(16)))
    samples = sound(320).requires_grad_()

    (slope,) = torch.autograd.grad(front_end(samples)[0, 4].sum(), samples)

    heard = slope[0].nonzero()[:, 0]
    assert (heard.min() + heard.max()).item() / 2 == (128 + 159) / 2
    assert heard.max() - heard.min() + 1 == 64 + 4 * 15 + 2 * 32


@pytest.mark.parametrize(("num_blocks", "pool"), [(0, "phases"), (0, "cycle"), (2, "phases")])
def test_the_encoder_equals_its_definition(make_encoder, block_weights, num_blocks, pool):
    """Phases that are known, unknown, partly and wholly out of the window."""
    encoder = make_encoder(num_blocks=num_blocks, pool=pool)
    samples = sound(320, batch=len(BOUNDS))

    with torch.no_grad():
        embeddings = encoder(samples, torch.tensor(BOUNDS))

    for i, bounds in enumerate(BOUNDS):
        tokens = by_loops.front_end(samples[i].tolist(), front_end_weights(encoder.front_end))
        for block in encoder.blocks:
            tokens = block_by_loops(tokens, block_weights(block), HEAD_DIM)
        tokens = [by_loops.layer_norm(token, parameters(encoder.norm)) for token in tokens]
        parts, phases, valid = by_loops.pooled(tokens, bounds, pool)
        side_by_side = [value for part in parts for value in part]
        assert len(side_by_side) == encoder.config.embedding_size
        assert valid == VALID[i]
        assert embeddings.phase_valid[i].tolist() == VALID[i]
        np.testing.assert_allclose(embeddings.phases[i], phases, rtol=1e-9, atol=1e-12)
        np.testing.assert_allclose(embeddings.cycle[i], side_by_side, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("phase", range(4))
def test_phases_are_pooled_apart(make_encoder, deaf_to_the_window, phase):
    """A sound in the middle of one phase is in its embedding, and in its place of the cycle's."""
    encoder = make_encoder()
    deaf_to_the_window(encoder.front_end)
    bounds = torch.tensor([[0, 256, 512, 768, 1024]])
    before = sound(1024)
    after = before.clone()
    after[0, 256 * phase + 120 : 256 * phase + 136] += 1.0  # a token hears 94 samples around it

    with torch.no_grad():
        first, second = encoder(before, bounds), encoder(after, bounds)

    moved = (first.phases != second.phases).any(dim=2)[0]
    assert moved.tolist() == [k == phase for k in range(4)]
    places = (first.cycle != second.cycle)[0].view(4, 16).any(dim=1)
    assert places.tolist() == moved.tolist()


def test_the_order_of_the_phases_tells(make_encoder, deaf_to_the_window):
    """Two phases that change places change the embedding, but not if the cycle is pooled whole."""
    windows = sound(4096)
    swapped = torch.cat([windows[:, 2048:], windows[:, :2048]], dim=1)
    inside = torch.tensor([[96, 1952, 2144, 4000, 4096]])  # S1 and S2, clear of edge and seam
    change = {}
    for pool in ("phases", "cycle"):
        encoder = make_encoder(pool=pool)
        deaf_to_the_window(encoder.front_end)
        with torch.no_grad():
            there, back = encoder(windows, inside), encoder(swapped, inside)
        np.testing.assert_allclose(there.phases[0, 0], back.phases[0, 2], rtol=1e-10)
        change[pool] = (there.cycle - back.cycle).abs().max().item()

    assert change["phases"] > 10 * change["cycle"]


@pytest.mark.parametrize("shift", [32, 96])
def test_where_the_window_starts_does_not_matter(make_encoder, deaf_to_the_window, shift):
    """Whole tokens earlier, with bounds that say so; without blocks, which see the whole window."""
    encoder = make_encoder()
    deaf_to_the_window(encoder.front_end)
    signal = sound(1200)
    bounds = torch.tensor([[200, 300, 450, 520, 800]])

    with torch.no_grad():
        late = encoder(signal[:, shift:], bounds - shift)
        early = encoder(signal, bounds)

    np.testing.assert_allclose(late.cycle, early.cycle, rtol=1e-10)
    np.testing.assert_allclose(late.phases, early.phases, rtol=1e-10)


def test_a_cycle_is_embedded_alone_as_among_others(make_encoder):
    encoder = make_encoder(num_blocks=2)
    samples, bounds = sound(320, batch=len(BOUNDS)), torch.tensor(BOUNDS)

    with torch.no_grad():
        together, alone = encoder(samples, bounds), encoder(samples[2:3], bounds[2:3])

    np.testing.assert_allclose(together.cycle[2:3], alone.cycle, rtol=1e-10)


def test_unknown_phases_leave_the_whole_cycle(make_encoder):
    """All four are the mean over the cycle: a classifier sees it four times."""
    encoder = make_encoder()
    samples = sound(320)
    with torch.no_grad():
        unknown = encoder(samples, torch.tensor([[64, 64, 64, 64, 256]]))
        tokens = encoder.norm(encoder.front_end(samples))
        four_times = tokens[0, 2:8].mean(dim=0).repeat(4)

    assert not unknown.phase_valid.any()
    assert (unknown.phases == 0).all()
    np.testing.assert_allclose(unknown.cycle[0], four_times, rtol=1e-10)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"width": 0}, "width must be a positive multiple of 16, got 0"),
        ({"width": 24}, "width must be a positive multiple of 16, got 24"),
        ({"num_blocks": -1}, "num_blocks must be at least 0, got -1"),
        ({"state_size": 0}, "state_size must be at least 1, got 0"),
        ({"name": "cnn"}, "state_size must be 0 for cnn, which has no state-space blocks, got 16"),
        (
            {"name": "resnet34_1d", "state_size": 0},
            "num_blocks must be 0 for resnet34_1d, whose blocks are fixed, got 2",
        ),
        ({"window_s": 0.0}, r"window_s must be positive, got 0\.0"),
        ({"dropout": -0.1}, r"dropout must be at least 0 and below 1, got -0\.1"),
        ({"dropout": 1.0}, r"dropout must be at least 0 and below 1, got 1\.0"),
    ],
)
def test_an_encoder_that_cannot_be_is_refused(settings, message):
    with pytest.raises(ValueError, match=message):
        EncoderConfig(**settings)
