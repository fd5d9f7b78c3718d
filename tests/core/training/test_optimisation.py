"""The schedule by hand, the parameter groups, and the norms before clipping."""

import numpy as np
import pytest
import torch
from torch import nn

from oracles.schedule import ScalarAdamW, share_of_peak
from pahcl_core.training.optimisation import Optimiser, OptimiserConfig, rate_at


def rates(total: int, warmup: float) -> list[float]:
    return [rate_at(step, total=total, warmup=warmup) for step in range(1, total + 1)]


@pytest.mark.parametrize(
    ("total", "warmup", "rising"),
    [(100, 0.1, 10), (100, 0.0, 1), (7, 0.3, 2), (300, 0.05, 15), (2, 0.0, 1)],
)
def test_equals_the_definition(total, warmup, rising):
    expected = [share_of_peak(step, total, rising) for step in range(1, total + 1)]

    assert rates(total, warmup) == pytest.approx(expected, abs=1e-12)


def test_a_schedule_on_paper():
    """Four steps up, four steps down: cosines of a quarter, half and three quarters of π."""
    half = 2**-0.5

    assert rates(8, 0.5) == pytest.approx(
        [0.25, 0.5, 0.75, 1.0, (1 + half) / 2, 0.5, (1 - half) / 2, 0.0], abs=1e-12
    )


@pytest.mark.parametrize("total", [1, 2, 3, 10, 999])
@pytest.mark.parametrize("warmup", [0.0, 0.1, 0.5, 0.99])
def test_rises_to_its_peak_once_and_then_only_falls(total, warmup):
    share = np.array(rates(total, warmup))
    peak = int(share.argmax())

    assert share[peak] == 1.0
    assert (share > 0).sum() >= total - 1
    assert (np.diff(share[: peak + 1]) > 0).all()
    assert (np.diff(share[peak:]) < 0).all()


class Encoder(nn.Module):
    """A matrix, a kernel, a bias and a norm."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(3, 2)
        self.kernel = nn.Parameter(torch.ones(2, 1, 3))
        self.norm = nn.LayerNorm(2)


def optimiser(config=None, *, num_steps=10, encoder=None, heads=None) -> Optimiser:
    return Optimiser(
        encoder or Encoder(),
        heads or nn.ModuleDict({"classifier": nn.Linear(2, 2)}),
        config or OptimiserConfig(lr=1e-3),
        num_steps=num_steps,
    )


def test_encoder_and_head_have_rates_of_their_own():
    descent = optimiser(OptimiserConfig(lr=0.5, encoder_lr_factor=0.1, warmup=0.4))

    assert descent.rates(1) == pytest.approx({"lr/encoder": 0.0125, "lr/classifier": 0.125})
    assert descent.rates(4) == pytest.approx({"lr/encoder": 0.05, "lr/classifier": 0.5})
    assert descent.rates(10) == pytest.approx({"lr/encoder": 0.0, "lr/classifier": 0.0})


def test_a_frozen_encoder_has_no_rate():
    descent = optimiser(encoder=Encoder().requires_grad_(False))

    assert descent.rates(1) == {"lr/encoder": 0.0, "lr/classifier": 1e-3}


@pytest.mark.parametrize("part", ["encoder", "classifier"])
def test_descends_as_adamw_does_and_decays_weights_alone(part):
    """Three steps against a scalar AdamW: a matrix and a kernel decay, biases and norms do not."""
    encoder, heads = Encoder(), nn.ModuleDict({"classifier": nn.Linear(2, 2)})
    config = OptimiserConfig(
        lr=0.1, encoder_lr_factor=0.5, weight_decay=0.3, warmup=0.5, max_grad_norm=1e9
    )
    descent = optimiser(config, num_steps=4, encoder=encoder, heads=heads)
    scale = {"encoder": 0.5, "classifier": 1.0}[part]
    module = encoder if part == "encoder" else heads
    decayed = {"linear.weight", "kernel", "classifier.weight"}
    expected = {
        name: ScalarAdamW(p.flatten()[0].item(), 0.3 if name in decayed else 0.0)
        for name, p in module.named_parameters()
    }

    for step, gradient in ((1, 2.0), (2, -0.5), (3, 0.1)):
        parameters = [*encoder.parameters(), *heads.parameters()]
        descent.step(gradient * sum(p.sum() for p in parameters), step)
        rate = 0.1 * scale * [0.5, 1.0, 0.5, 0.0][step - 1]
        for one in expected.values():
            one.step(gradient, rate)

    for name, parameter in module.named_parameters():
        assert parameter.flatten()[0].item() == pytest.approx(expected[name].weight, rel=1e-5)


def test_norms_are_those_before_clipping():
    """Gradients 3 and 4 by hand, in an encoder and a head of one weight each."""
    encoder, head = nn.Linear(1, 1, bias=False), nn.Linear(1, 1, bias=False)
    descent = optimiser(
        OptimiserConfig(lr=1e-3, max_grad_norm=0.5),
        encoder=encoder,
        heads=nn.ModuleDict({"c": head}),
    )

    norms = descent.step((3 * encoder.weight + 4 * head.weight).sum(), 1)

    assert {name: norm.item() for name, norm in norms.items()} == pytest.approx(
        {"grad_norm/encoder": 3.0, "grad_norm/classifier": 4.0, "grad_norm/total": 5.0}
    )
    assert encoder.weight.grad.item() == pytest.approx(0.3, rel=1e-5)
    assert head.weight.grad.item() == pytest.approx(0.4, rel=1e-5)


def test_short_gradients_are_left_alone():
    encoder, head = nn.Linear(1, 1, bias=False), nn.Linear(1, 1, bias=False)
    descent = optimiser(
        OptimiserConfig(lr=1e-3, max_grad_norm=6.0),
        encoder=encoder,
        heads=nn.ModuleDict({"c": head}),
    )
    descent.step((3 * encoder.weight + 4 * head.weight).sum(), 1)

    assert (encoder.weight.grad.item(), head.weight.grad.item()) == (3.0, 4.0)


def test_gradients_do_not_add_up_over_steps():
    encoder = nn.Linear(1, 1, bias=False)
    descent = optimiser(encoder=encoder)
    for step in (1, 2):
        norms = descent.step(3 * encoder.weight.sum(), step)

    assert norms["grad_norm/encoder"].item() == pytest.approx(3.0)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"lr": 0.0}, "lr must be positive, got 0.0"),
        ({"encoder_lr_factor": -1.0}, "encoder_lr_factor and weight_decay must be at least 0"),
        ({"weight_decay": -0.1}, "encoder_lr_factor and weight_decay must be at least 0"),
        ({"warmup": 1.0}, r"warmup must lie in \[0, 1\), got 1.0"),
        ({"warmup": -0.1}, r"warmup must lie in \[0, 1\), got -0.1"),
        ({"max_grad_norm": 0.0}, "max_grad_norm must be positive, got 0.0"),
    ],
)
def test_senseless_settings_are_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        OptimiserConfig(**changes)
