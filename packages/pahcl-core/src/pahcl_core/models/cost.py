"""What an encoder costs: parameters, multiply-adds, and cycles per second on this machine."""

import time
from dataclasses import dataclass

import torch
from torch.utils.flop_counter import FlopCounterMode

from pahcl_core.models.encoder import Embeddings, Encoder, EncoderConfig


@dataclass(frozen=True, kw_only=True, slots=True)
class Cost:
    """What depends on nothing but an encoder's settings."""

    num_parameters: int

    macs: int
    """Multiply-adds of one cycle, forwards: those of matrix products, convolutions and attention.
    Backwards they are about twice as many."""


def cost_of(config: EncoderConfig, *, sample_rate: float) -> Cost:
    """Count, without computing anything.

    Args:
        config: Which encoder, how large, and how long its window.
        sample_rate: In hertz.
    """
    with torch.device("meta"):  # shapes alone, so that nothing is allocated, and attention counts
        encoder = Encoder(config, sample_rate=sample_rate).eval()
        samples = torch.zeros(1, round(config.window_s * sample_rate))
        bounds = torch.zeros(1, 5, dtype=torch.int64)
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        encoder(samples, bounds)
    return Cost(
        num_parameters=sum(parameter.numel() for parameter in encoder.parameters()),
        macs=counter.get_total_flops() // 2,  # a multiply-add is two operations
    )


def cycles_per_second(
    config: EncoderConfig,
    *,
    sample_rate: float,
    batch_size: int = 32,
    seconds: float = 1.0,
    device: torch.device,
) -> float:
    """How many cycles pass forwards and backwards in a second, as in training.

    Args:
        config: Which encoder, how large, and how long its window.
        sample_rate: In hertz.
        batch_size: Cycles in a step.
        seconds: Steps are taken until at least so long has passed, and one before, to warm up.
        device: Where.
    """
    encoder = Encoder(config, sample_rate=sample_rate).to(device)
    length = round(config.window_s * sample_rate)
    samples = torch.randn(batch_size, length, device=device)
    bounds = torch.linspace(0, length, 5, device=device).long().expand(batch_size, 5)

    def step() -> None:
        embeddings: Embeddings = encoder(samples, bounds)
        encoder.zero_grad()
        (embeddings.cycle.sum() + embeddings.phases.sum()).backward()
        if device.type == "cuda":
            torch.cuda.synchronize(device)

    step()
    num_steps = 0
    begun = time.perf_counter()
    while (passed := time.perf_counter() - begun) < seconds or num_steps == 0:
        step()
        num_steps += 1
    return num_steps * batch_size / passed
