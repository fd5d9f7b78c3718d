"""Parameters and multiply-adds are those counted by hand; speed is cycles over time."""

import pytest
import torch

from pahcl_core.models.cost import cost_of, cycles_per_second
from pahcl_core.models.encoder import encoder_config

SAMPLES, TOKENS = 2000, 62  # one second at 2000 Hz
RATE = 2000


def front_end(width):
    """Multiply-adds of three convolutions: taps, channels in, channels out, steps."""
    half = width // 2
    return 64 * 2 * half * (SAMPLES // 4) + 16 * half * width * TOKENS + 3 * width * width * TOKENS


def pooled(width):
    """Four phases and the whole cycle over all tokens; side by side they cost nothing more."""
    return 5 * TOKENS * width


def convnext(width):
    return TOKENS * (7 * width + 8 * width * width)


def transformer(width):
    """Four projections, two layers of four times the width, and each token with each, twice."""
    return TOKENS * (4 + 8) * width * width + 2 * TOKENS * TOKENS * width


def ssd(width, state, *, chunk=32):
    """In and out, the short convolution, attention inside two chunks, their states both ways.

    Four heads at least, of 64 channels at most.
    """
    inner, steps = 2 * width, 64  # padded to whole chunks
    mixed, heads = inner + 2 * state, max(4, inner // 64)
    projections = TOKENS * width * (2 * inner + 2 * state + heads) + TOKENS * inner * width
    inside = steps * chunk * (state + inner)
    states = 2 * 2 * steps * state * inner
    return projections + 3 * mixed * TOKENS + inside + states


def resnet(width):
    """At 1008 samples with the silence in front: halved by the first layer, the maximum, stages."""
    steps = [-(-(SAMPLES + 16) // 2**k) for k in range(1, 6)]
    a = width // 8
    total = 7 * a * steps[0] + 3 * 6 * a * a * steps[1]
    for num, wide, there in ((4, 2 * a, steps[2]), (6, 4 * a, steps[3]), (3, 8 * a, steps[4])):
        half = wide // 2
        total += there * (3 * half * wide + (2 * num - 1) * 3 * wide * wide + half * wide)
    return total


def sinc_front_end(width):
    """Filters of 128 taps at 1000 steps a second, attention of three channels."""
    half = width // 2
    bands = 128 * half * (SAMPLES // 2) + 3 * half
    return bands + 32 * half * width * TOKENS + 3 * width * width * TOKENS


def attentive(width):
    """Scores twice, once for the phases and once for the cycle; two moments; the projection."""
    scores = 2 * TOKENS * (width * (width // 2) + width // 2)
    return scores + 2 * 5 * TOKENS * width + 5 * 2 * width * width


@pytest.mark.parametrize(
    ("name", "size", "macs"),
    [
        ("cnn", "tiny", front_end(64) + 4 * convnext(64) + pooled(64)),
        ("cnn", "base", front_end(256) + 9 * convnext(256) + pooled(256)),
        ("cnn_transformer", "tiny", front_end(64) + 2 * transformer(64) + pooled(64)),
        ("cnn_transformer", "small", front_end(128) + 4 * transformer(128) + pooled(128)),
        ("cnn_mamba", "tiny", front_end(64) + 2 * ssd(64, 16) + pooled(64)),
        ("cnn_mamba", "base", front_end(256) + 8 * ssd(256, 32) + pooled(256)),
        ("resnet34_1d", "tiny", resnet(64) + pooled(64)),
        ("resnet34_1d", "base", resnet(512) + pooled(512)),
        (
            "sinc_mamba",
            "tiny",
            sinc_front_end(64) + 2 * (convnext(64) + ssd(64, 16)) + attentive(64),
        ),
    ],
)
def test_multiply_adds_are_those_counted_by_hand(name, size, macs):
    assert cost_of(encoder_config(name, size), sample_rate=RATE).macs == macs


def test_a_longer_window_costs_as_much_more():
    """All of `cnn` does its work token by token."""
    one, two = (
        cost_of(encoder_config("cnn", "tiny", window_s=seconds), sample_rate=RATE).macs
        for seconds in (1.6, 3.2)
    )

    assert two == 2 * one


@pytest.mark.parametrize(
    ("name", "parameters"),
    [
        # Convolutions of the front-end with their norms, the blocks, the norm.
        (
            "cnn",
            (64 * 64 + 64) + (16 * 32 * 64 + 64 + 128) + (3 * 64 * 64 + 64)
            + 4 * (8 * 64 + 128 + (64 * 256 + 256) + (256 * 64 + 64))
            + 128,
        ),
        (
            "cnn_transformer",
            (64 * 64 + 64) + (16 * 32 * 64 + 64 + 128) + (3 * 64 * 64 + 64)
            + 2 * (2 * 128 + 4 * (64 * 64 + 64) + (64 * 256 + 256) + (256 * 64 + 64))
            + 128,
        ),
    ],
)  # fmt: skip
def test_parameters_are_those_counted_by_hand(name, parameters):
    assert cost_of(encoder_config(name, "tiny"), sample_rate=RATE).num_parameters == parameters


@pytest.mark.parametrize(("seconds", "steps"), [(0.0, 1), (1.0, 2), (5.0, 10)])
def test_speed_is_cycles_over_time(monkeypatch, seconds, steps):
    """By a clock of which each step takes half a second, the first one not counted."""
    num_backward = 0

    def clock():
        return 100 + 0.5 * max(0, num_backward - 1)

    def backward(self, **kwargs):
        nonlocal num_backward
        num_backward += 1

    monkeypatch.setattr("pahcl_core.models.cost.time.perf_counter", clock)
    monkeypatch.setattr(torch.Tensor, "backward", backward)

    speed = cycles_per_second(
        encoder_config("cnn", "tiny", width=16, num_blocks=0, window_s=0.1),
        sample_rate=RATE,
        batch_size=4,
        seconds=seconds,
        device=torch.device("cpu"),
    )

    assert num_backward == 1 + steps
    assert speed == pytest.approx(4 / 0.5)
