"""What `pahcl tasks --models` prints: each encoder in each size, with what it costs here."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import torch
import typer

from pahcl_core.data.preparation import SignalConfig
from pahcl_core.models.cost import cost_of, cycles_per_second
from pahcl_core.models.encoder import encoder_config
from pahcl_core.models.kinds import SIZES
from pahcl_core.training.device import resolve_device


@dataclass(frozen=True, kw_only=True, slots=True)
class EncoderCost:
    """One row."""

    name: str
    size: str
    width: int
    num_blocks: int
    state_size: int
    num_parameters: int
    macs_per_cycle: int
    """Multiply-adds, forwards."""

    cycles_per_s: float
    """Forwards and backwards."""


def encoder_costs() -> Iterator[EncoderCost]:
    """Count and measure one encoder after the other, at the rate that runs have by default."""
    rate, device = SignalConfig().sample_rate, resolve_device("auto")
    for name, sizes in SIZES.items():
        for size, numbers in sizes.items():
            config = encoder_config(name, size)
            cost = cost_of(config, sample_rate=rate)
            yield EncoderCost(
                name=name,
                size=size,
                **numbers._asdict(),
                num_parameters=cost.num_parameters,
                macs_per_cycle=cost.macs,
                cycles_per_s=cycles_per_second(config, sample_rate=rate, device=device),
            )


def show_costs(costs: Iterable[EncoderCost]) -> None:
    """Print a table, each line when it is known, and what its columns mean."""
    heads = f"{'encoder':<16}{'size':<6}{'width':>6}{'blocks':>7}{'parameters':>12}"
    typer.echo(f"{heads}{'MMAC/cycle':>12}{'cycles/s':>10}")
    for cost in costs:
        shape = f"{cost.name:<16}{cost.size:<6}{cost.width:>6}{cost.num_blocks or '':>7}"
        counts = f"{cost.num_parameters:>12,}{cost.macs_per_cycle / 1e6:>12.1f}"
        typer.echo(f"{shape}{counts}{cost.cycles_per_s:>10.1f}")
    typer.echo(
        "MMAC/cycle: millions of multiply-adds, forwards. cycles/s: forwards and backwards, "
        f"on {_where()}. Choose with --set encoder.name=NAME --set encoder.size=SIZE."
    )


def _where() -> str:
    device = resolve_device("auto")
    return f"{torch.get_num_threads()} threads" if device.type == "cpu" else str(device)
