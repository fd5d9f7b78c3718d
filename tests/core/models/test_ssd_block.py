"""The block around the layer: as defined, blind to what is not valid, causal where asked."""

import numpy as np
import pytest
import torch

from oracles.ssd import block as block_by_loops
from pahcl_core.errors import SettingError
from pahcl_core.models.ssd_block import SSDBlock, SSDConfig

SMALL = {"width": 8, "state_size": 3, "head_dim": 4, "chunk": 4}


@pytest.fixture
def make_block(shaken):
    """A block whose steps, near 1, remember and forget within a few tokens."""

    def make(**settings):
        torch.manual_seed(0)
        block = shaken(SSDBlock(SSDConfig(**(SMALL | settings))))
        with torch.no_grad():
            block.step_bias.add_(3.0)
            block.log_rate.sub_(2.0)
        return block

    return make


def make_tokens(length, *, batch=2, width=8, seed=1):
    return torch.tensor(np.random.default_rng(seed).normal(size=(batch, length, width)))


def some_valid(length, batch=2):
    """Gaps in the middle and at either end, another pattern for each sequence."""
    valid = torch.ones(batch, length, dtype=torch.bool)
    valid[0, length - 3 :] = False
    valid[0, 4] = False
    valid[1, :2] = False
    valid[1, 5:7] = False
    return valid


@pytest.mark.parametrize("masked", [False, True], ids=["whole", "masked"])
@pytest.mark.parametrize("settings", [{}, {"conv_size": 1}, {"conv_size": 5}, {"expand": 1}])
@pytest.mark.parametrize("bidirectional", [True, False])
def test_a_block_equals_its_definition(make_block, block_weights, bidirectional, settings, masked):
    block = make_block(bidirectional=bidirectional, **settings)
    tokens = make_tokens(11)
    valid = some_valid(11) if masked else None

    with torch.no_grad():
        mixed = block(tokens, valid)

    weights = block_weights(block)
    expected = [
        block_by_loops(one.tolist(), weights, 4, None if valid is None else valid[index].tolist())
        for index, one in enumerate(tokens)
    ]
    np.testing.assert_allclose(mixed, expected, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("bidirectional", [True, False])
def test_what_is_not_valid_stays_as_it_is_and_tells_nothing(make_block, bidirectional):
    """Other values there, even none at all, change nothing elsewhere."""
    block, tokens, valid = make_block(bidirectional=bidirectional), make_tokens(11), some_valid(11)
    spoilt = tokens.masked_fill(~valid[..., None], torch.nan)

    with torch.no_grad():
        mixed, other = block(tokens, valid), block(spoilt, valid)

    assert torch.equal(mixed[valid], other[valid])
    assert torch.equal(mixed[~valid], tokens[~valid])
    assert (mixed[valid] != tokens[valid]).all()


@pytest.mark.parametrize("before", [0, 3])
@pytest.mark.parametrize("bidirectional", [True, False])
def test_padding_does_not_matter(make_block, bidirectional, before):
    """A short sequence among longer ones comes out as it does alone."""
    block, tokens = make_block(bidirectional=bidirectional), make_tokens(13)
    valid = torch.zeros(2, 13, dtype=torch.bool)
    valid[:, before : before + 6] = True

    with torch.no_grad():
        padded = block(tokens, valid)[:, before : before + 6]
        alone = block(tokens[:, before : before + 6])

    np.testing.assert_allclose(padded, alone, rtol=1e-10, atol=1e-12)


def test_all_valid_is_as_good_as_no_mask(make_block):
    block, tokens = make_block(), make_tokens(9)

    with torch.no_grad():
        masked, plain = block(tokens, torch.ones(2, 9, dtype=torch.bool)), block(tokens)

    assert torch.equal(masked, plain)


@pytest.mark.parametrize("masked", [False, True], ids=["whole", "masked"])
@pytest.mark.parametrize("bidirectional", [True, False])
def test_gradients_of_a_block_agree_with_differences(make_block, bidirectional, masked):
    """Of its tokens and of each of its parameters; the norms' are written out."""
    block, tokens = make_block(bidirectional=bidirectional), make_tokens(9).requires_grad_()
    valid = some_valid(9) if masked else None
    names = [name for name, _ in block.named_parameters()]

    def mixed(one, *parameters):
        return torch.func.functional_call(
            block, dict(zip(names, parameters, strict=True)), (one, valid)
        )

    assert torch.autograd.gradcheck(mixed, (tokens, *block.parameters()))


def test_a_token_of_zeros_stays_one_and_its_gradient_is_a_number(make_block):
    """There a norm has no slope, but what is multiplied by it has."""
    block, tokens = make_block(), make_tokens(9)
    tokens[:, 3:] = 0
    tokens.requires_grad_()

    block(tokens).sum().backward()

    assert torch.isfinite(tokens.grad).all()
    assert all(torch.isfinite(parameter.grad).all() for parameter in block.parameters())


@pytest.mark.parametrize("kind", [torch.bfloat16, torch.float16])
def test_a_norm_is_in_float32_where_what_it_is_of_is_not(make_block, kind):
    """What is inside is made so large here that float16 does not have its squares."""
    block, tokens = make_block().float(), make_tokens(9).float()
    with torch.no_grad():
        block.into.weight[:16] *= 1000

    (exact,) = torch.autograd.grad(block(tokens.requires_grad_()).square().sum(), tokens)
    with torch.autocast("cpu", kind):
        mixed = block(tokens)
    (slope,) = torch.autograd.grad(mixed.float().square().sum(), tokens)

    assert (slope - exact).norm() / exact.norm() < 0.03


@pytest.mark.parametrize("bidirectional", [True, False])
@pytest.mark.parametrize(("kind", "error"), [(torch.bfloat16, 0.06), (torch.float16, 0.01)])
def test_small_steps_are_not_lost_beside_the_direct_path_in_half_precision(
    bidirectional, kind, error
):
    """As a block begins: steps of 0.001 to 0.1 add little to a token's own path, which is 1."""
    torch.manual_seed(3)
    block = SSDBlock(SSDConfig(width=128, bidirectional=bidirectional))
    tokens, slope = (
        make_tokens(62, batch=16, width=128),
        make_tokens(62, batch=16, width=128, seed=2),
    )

    def of_steps(block, mixed):
        weights = [block.step_bias, block.into.weight]
        bias, into = torch.autograd.grad((mixed.double() * slope).sum(), weights)
        return torch.cat([bias, into[-len(bias) :].flatten()]).double()

    with torch.autocast("cpu", kind):
        mixed = block(tokens.float())
    found = of_steps(block, mixed)
    exact = of_steps(block.double(), block(tokens))

    assert (found - exact).norm() / exact.norm() < error


def heard_by(block, changed, length=40):
    """Whether each token comes out otherwise when one token is changed."""
    tokens = make_tokens(length, batch=1)
    other = tokens.clone()
    other[0, changed] += torch.linspace(-1, 2, 8, dtype=torch.float64)
    with torch.no_grad():
        difference = (block(tokens) - block(other))[0].abs().amax(dim=1)
    return (difference > 1e-12).numpy()


@pytest.mark.parametrize("conv_size", [1, 3, 5])
def test_one_direction_hears_nothing_from_later_than_the_convolution_reaches(make_block, conv_size):
    """Half the kernel ahead, and all that was before, over every chunk in between."""
    block = make_block(bidirectional=False, conv_size=conv_size)

    heard = heard_by(block, 10)

    assert heard.tolist() == [t >= 10 - conv_size // 2 for t in range(40)]


def test_two_directions_hear_everything(make_block):
    assert heard_by(make_block(bidirectional=True), 20).all()


@pytest.mark.parametrize("chunk", [1, 3, 16, 64])
def test_the_chunk_does_not_change_a_block(make_block, chunk):
    block, other = make_block(), make_block(chunk=chunk)
    tokens = make_tokens(21)

    with torch.no_grad():
        np.testing.assert_allclose(block(tokens), other(tokens), rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("bidirectional", [True, False])
def test_the_number_of_parameters(bidirectional):
    """By hand, width 64, inside 128, 4 heads, state 16, kernel 3."""
    block = SSDBlock(SSDConfig(width=64, bidirectional=bidirectional))

    into, conv, out = 64 * (128 + 160 + 4), 160 * 3 + 160, 128 * 64
    norms = 64 + 128
    rates = 4 * (2 if bidirectional else 1)
    expected = into + conv + out + norms + 4 + 4 + rates
    assert expected == 27_720 + (8 if bidirectional else 4)
    assert sum(p.numel() for p in block.parameters()) == expected


@pytest.mark.parametrize(
    ("width", "size"), [(64, 32), (128, 64), (256, 64), (16, 8), (144, 48), (1, 1)]
)
def test_heads_are_of_64_channels_unless_there_were_fewer_than_four(width, size):
    """Inside are twice as many; 288 = 6 · 48 is no multiple of 64."""
    config = SSDConfig(width=width)

    assert config.channels_of_head == size
    assert len(SSDBlock(config).skip) == 2 * width // size


def test_it_starts_where_the_reference_does():
    """Rates uniform from 1 to 16, steps log-uniform from 0.001 to 0.1, skip 1: mean and range."""
    torch.manual_seed(0)
    block = SSDBlock(SSDConfig(width=1000, state_size=1, head_dim=1))

    rates = block.log_rate.exp().detach().numpy()
    log_steps = torch.nn.functional.softplus(block.step_bias).log10().detach().numpy()

    assert rates.shape == (2, 2000)
    assert 1 <= rates.min() < 1.05
    assert 15.95 < rates.max() <= 16.0001
    assert rates.mean() == pytest.approx(8.5, abs=0.2)
    assert -3.0001 <= log_steps.min() < -2.99
    assert -1.01 < log_steps.max() <= -0.9999
    assert log_steps.mean() == pytest.approx(-2, abs=0.05)
    assert (block.skip == 1).all()


def test_dropout_takes_from_the_update_and_only_in_training(make_block):
    """Half of the update's numbers are gone, the others doubled; the input stays."""
    block, tokens = make_block(dropout=0.5), make_tokens(50)
    with torch.no_grad():
        whole = block(tokens) - tokens
        ratio = (block.train()(tokens) - tokens) / whole

    kept = ratio.abs() > 1e-6
    np.testing.assert_allclose(ratio[kept], 2.0, rtol=1e-6)
    assert kept.double().mean() == pytest.approx(0.5, abs=0.06)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"width": 0}, "width must be positive, got 0"),
        ({"state_size": 0}, "state_size must be positive, got 0"),
        ({"head_dim": -1}, "head_dim must be positive, got -1"),
        ({"expand": 0}, "expand must be positive, got 0"),
        ({"conv_size": 0}, "conv_size must be positive, got 0"),
        ({"chunk": 0}, "chunk must be positive, got 0"),
        ({"conv_size": 4}, "conv_size must be odd, got 4"),
        ({"head_dim": 5}, r"expand \* width = 16 is not a multiple of head_dim = 5"),
    ],
)
def test_a_shape_that_cannot_be_is_refused(settings, message):
    with pytest.raises(SettingError, match=message):
        SSDConfig(**(SMALL | settings))
