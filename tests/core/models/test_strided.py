"""A strided convolution over blocks is the one of torch; and its gradient is right with threads."""

from typing import get_args

import pytest
import torch
from torch import nn

from pahcl_core.models.encoder import Encoder, encoder_config
from pahcl_core.models.kinds import EncoderName
from pahcl_core.models.strided import StridedConv
from support.threads import num_threads


@pytest.mark.parametrize("stride", [2, 8])
@pytest.mark.parametrize("length", [16, 19, 24, 500, 503])
def test_it_is_that_of_torch(stride, length):
    """What it makes of samples, and the gradient of all it depends on, wherever they end."""
    torch.manual_seed(0)
    ours = StridedConv(3, 5, stride=stride).double()
    theirs = nn.Conv1d(3, 5, 2 * stride, stride=stride, padding=stride // 2).double()
    theirs.load_state_dict(ours.state_dict())
    direction = torch.randn(2, 5, length // stride, dtype=torch.float64)
    sound = torch.randn(2, 3, length, dtype=torch.float64)
    found = []
    for layer in (ours, theirs):
        samples = sound.clone().requires_grad_()
        made = layer(samples)
        slopes = torch.autograd.grad((made * direction).sum(), [samples, *layer.parameters()])
        found.append((made, *slopes))

    for one, other in zip(*found, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("name", get_args(EncoderName))
def test_the_gradient_is_the_same_however_many_threads_add_it_up(name):
    """Of every encoder in the size and at the rate that are usual: there torch 2.13 fails.

    To rounding between one thread and several, to the bit between two passes of as many.
    """
    torch.manual_seed(0)
    encoder = Encoder(encoder_config(name, "tiny", dropout=0.0), sample_rate=2000)
    sound = torch.randn(32, 2000)
    bounds = torch.tensor([[0, 250, 600, 800, 1600]]).expand(32, -1)

    def gradient():
        embeddings = encoder(sound, bounds)
        loss = embeddings.cycle.square().mean() + embeddings.phases.square().mean()
        return torch.autograd.grad(loss, list(encoder.parameters()))

    with num_threads(1):
        wanted = gradient()
    with num_threads(2):
        passes = [gradient() for _ in range(3)]

    for number, (parameter, _) in enumerate(encoder.named_parameters()):
        first, *others = (one[number] for one in passes)
        off = (first - wanted[number]).norm() / wanted[number].norm()
        assert off < 1e-3, parameter
        assert all(torch.equal(first, other) for other in others), parameter
