"""What a state-space block costs beside other layers of its width, and what whole encoders do.

    python benchmarks/encoder.py [--batch N] [--rounds N] [--sizes tiny small base] [--json]

Each layer goes forwards and backwards over random tokens of width 256, and so do its parameters'
gradients. A step is 64 windows of up to 250 tokens, or as many tokens in fewer, longer windows: 16
of 1000, 8 of 2000, 4 of 4000. So figures are per token, and `mambapy`, whose memory is large, gets
a quarter of the windows. Layers take turns; a ratio is the median over the rounds, so that a busy
machine slows both sides of it alike; set OMP_NUM_THREADS=1 where cores are shared, since threads
that wait for one another do not slow alike. On Linux the script starts itself again with an
allocator that keeps what is freed: buffers of these sizes are otherwise given back after each use,
and page faults, which the smaller steps of a training do not have, are a third of the time. Memory
is the peak of a process of its own in a step of 250 and of 2000 tokens to the window, less what it
held before. Layers whose package is not installed are left out and named.
"""

import argparse
import importlib.util
import os
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable

import torch
from _checks import Check, format_table, report
from torch import Tensor, nn

from pahcl_core.data.preparation import SignalConfig
from pahcl_core.models.cost import cycles_per_second
from pahcl_core.models.encoder import encoder_config
from pahcl_core.models.kinds import SIZES, Size
from pahcl_core.models.ssd_block import SSDBlock, SSDConfig

WIDTH, STATE = 256, 16
LENGTHS = (125, 250, 1000, 2000, 4000)
FULL_LENGTH = 250
"""Tokens of a window up to which all of the batch is taken."""

MEMORY_LENGTHS = (250, 2000)
OURS = "SSD block, both ways"
ONE_WAY = "SSD block, one way"
PRODUCTS = "its products with weights alone"
TRANSFORMER = "Transformer layer"
MAMBAPY = "mambapy, parallel scan"
KEEPING = {"MALLOC_MMAP_THRESHOLD_": str(2**32), "MALLOC_TRIM_THRESHOLD_": str(2**34)}
"""Settings of glibc; other allocators do not look at them."""

Times = dict[int, dict[str, list[float]]]


class S4D(nn.Module):
    """A diagonal state-space layer by FFT, initialised as S4D-Lin.

    Gu et al., "On the Parameterization and Initialization of Diagonal State Space Models", 2022.
    """

    def __init__(self, width: int, num_states: int = 32) -> None:
        super().__init__()
        self.log_step = nn.Parameter(torch.empty(width, 1).uniform_(-6.9, -2.3))
        self.log_decay = nn.Parameter(torch.full((width, num_states), 0.5).log())
        self.frequency = nn.Parameter(torch.pi * torch.arange(num_states).repeat(width, 1).float())
        self.read = nn.Parameter(torch.randn(width, num_states, 2))
        self.skip = nn.Parameter(torch.ones(width))
        self.out = nn.Linear(width, 2 * width)

    def forward(self, tokens: Tensor) -> Tensor:
        """Convolve each channel with its kernel, then gate."""
        length = tokens.shape[1]
        rate = torch.complex(-self.log_decay.exp(), self.frequency)
        step = self.log_step.exp()
        weight = torch.view_as_complex(self.read) * (torch.exp(step * rate) - 1) / rate
        powers = torch.exp((step * rate)[:, :, None] * torch.arange(length))  # (D, N, T)
        kernel = 2 * torch.einsum("dn,dnt->dt", weight, powers).real
        x = tokens.transpose(1, 2)
        spectrum = torch.fft.rfft(x, 2 * length) * torch.fft.rfft(kernel, 2 * length)
        y = torch.fft.irfft(spectrum, 2 * length)[..., :length] + self.skip[:, None] * x
        return nn.functional.glu(self.out(nn.functional.gelu(y.transpose(1, 2))), dim=2)


class GRU(nn.Module):
    """Torch's, without its last state."""

    def __init__(self) -> None:
        super().__init__()
        self.gru = nn.GRU(WIDTH, WIDTH, batch_first=True)

    def forward(self, tokens: Tensor) -> Tensor:
        """Outputs of every step."""
        return self.gru(tokens)[0]


class Products(nn.Module):
    """What is left of the block if all but its products with weights took no time."""

    def __init__(self) -> None:
        super().__init__()
        self.block = _ours(bidirectional=True)

    def forward(self, tokens: Tensor) -> Tensor:
        """Into the block, and out of it."""
        gate, x, rest = self.block._entered(tokens)
        return torch.cat([self.block.out(gate + x), rest], dim=-1)


def _ours(*, bidirectional: bool) -> SSDBlock:
    return SSDBlock(SSDConfig(width=WIDTH, state_size=STATE, bidirectional=bidirectional))


def _transformer() -> nn.Module:
    return nn.TransformerEncoderLayer(
        WIDTH, 4, 4 * WIDTH, dropout=0.0, activation="gelu", batch_first=True, norm_first=True
    )


def _mambapy() -> nn.Module:
    from mambapy.mamba import MambaBlock, MambaConfig

    return MambaBlock(MambaConfig(d_model=WIDTH, n_layers=1, d_state=STATE, pscan=True))


def _huggingface() -> nn.Module:
    from transformers import Mamba2Config
    from transformers.models.mamba2.modeling_mamba2 import Mamba2Mixer

    config = Mamba2Config(
        hidden_size=WIDTH, state_size=STATE, head_dim=64, num_heads=2 * WIDTH // 64, n_groups=1
    )
    return Mamba2Mixer(config, layer_idx=0)


LAYERS: dict[str, Callable[[], nn.Module]] = {
    OURS: lambda: _ours(bidirectional=True),
    ONE_WAY: lambda: _ours(bidirectional=False),
    PRODUCTS: Products,
    TRANSFORMER: _transformer,
    "GRU": GRU,
    "S4D by FFT": lambda: S4D(WIDTH),
    MAMBAPY: _mambapy,
    "Hugging Face Mamba-2": _huggingface,
}
COMPILED_LENGTH = 2000
"""At which the block and the Transformer layer are compared compiled, too: compiling takes long."""

PACKAGES = {MAMBAPY: "mambapy", "Hugging Face Mamba-2": "transformers"}


def main() -> int:
    """Measure, compare, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--sizes", nargs="+", default=["tiny", "small"], choices=SIZES["cnn"])
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--peak-of", nargs=2, metavar=("LAYER", "LENGTH"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if sys.platform == "linux" and not KEEPING.keys() <= os.environ.keys():
        os.execve(sys.executable, [sys.executable, *sys.argv], {**os.environ, **KEEPING})
    if options.peak_of:
        print(_peak_mib(options.peak_of[0], int(options.peak_of[1]), options.batch))
        return 0
    absent = {name for name, package in PACKAGES.items() if not importlib.util.find_spec(package)}
    for name in sorted(absent):
        print(f"left out: {name}: pip install {PACKAGES[name]}", file=sys.stderr)
    names = [name for name in LAYERS if name not in absent]
    # First, since a process inherits its parent's peak, which is small now.
    memory = {length: _peaks(names, length, options.batch) for length in MEMORY_LENGTHS}
    times = _times(names, options.batch, options.rounds)
    compiled = _compiled_times(options.batch, options.rounds)
    speeds = _speeds(options.sizes)
    return report(
        _checks(times, compiled, memory),
        as_json=options.json,
        table="\n\n".join([_layer_table(times, memory, options.batch), _encoder_table(speeds)]),
        details={
            "us_per_token": {
                length: {name: statistics.median(taken) for name, taken in found.items()}
                for length, found in times.items()
            },
            "us_per_token_compiled": {
                name: statistics.median(taken) for name, taken in compiled.items()
            },
            "peak_mib": memory,
            "cycles_per_s": speeds,
        },
    )


def _num_windows(name: str, length: int, batch: int) -> int:
    """So many that a step holds as many tokens at any length, or a quarter for mambapy."""
    windows = batch * FULL_LENGTH // max(length, FULL_LENGTH)
    return max(1, windows // 4 if name == MAMBAPY else windows)


def _step(layer: nn.Module, tokens: Tensor) -> None:
    tokens.grad = None
    layer.zero_grad()
    layer(tokens).sum().backward()


def _times(names: list[str], batch: int, rounds: int) -> Times:
    """Microseconds per token of each round, by length and layer."""
    torch.manual_seed(0)
    layers = {name: LAYERS[name]() for name in names}
    return {length: _taken(layers, length, batch, rounds) for length in LENGTHS}


def _taken(
    layers: dict[str, nn.Module], length: int, batch: int, rounds: int
) -> dict[str, list[float]]:
    """The same at one length."""
    found: dict[str, list[float]] = {name: [] for name in layers}
    for turn in range(rounds + 1):
        for name, layer in layers.items():
            windows = _num_windows(name, length, batch)
            tokens = torch.randn(windows, length, WIDTH, requires_grad=True)
            begun = time.perf_counter()
            _step(layer, tokens)
            if turn:  # the first warms up
                taken = time.perf_counter() - begun
                found[name].append(1e6 * taken / (windows * length))
    return found


def _compiled_times(batch: int, rounds: int) -> dict[str, list[float]]:
    """As `_taken`, by `torch.compile`; empty where there is no compiler."""
    layers = {name: LAYERS[name]() for name in (OURS, TRANSFORMER)}
    for layer in layers.values():
        layer.compile(dynamic=False)
    try:
        return _taken(layers, COMPILED_LENGTH, batch, rounds)
    except RuntimeError as error:
        print(f"left out: compiled layers: {str(error).splitlines()[0]}", file=sys.stderr)
        return {}


def _peaks(names: list[str], length: int, batch: int) -> dict[str, float]:
    """MiB of one step of each layer, in a process of its own."""
    return {
        name: float(
            subprocess.run(
                [sys.executable, __file__, "--batch", str(batch), "--peak-of", name, str(length)],
                capture_output=True,
                text=True,
                check=True,
            ).stdout
        )
        for name in names
    }


def _peak_mib(name: str, length: int, batch: int) -> float:
    """Of this process, in a step, per token of the batch that all layers but one are given."""
    layer = LAYERS[name]()
    windows = _num_windows(name, length, batch)
    _step(layer, torch.randn(1, 32, WIDTH, requires_grad=True))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    _step(layer, torch.randn(windows, length, WIDTH, requires_grad=True))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    unit = 2**20 if sys.platform == "darwin" else 2**10
    return (peak - before) / unit * _num_windows(OURS, length, batch) / windows


def _speeds(sizes: list[Size]) -> dict[str, dict[str, float]]:
    rate, device = SignalConfig().sample_rate, torch.device("cpu")
    return {
        name: {
            size: cycles_per_second(encoder_config(name, size), sample_rate=rate, device=device)
            for size in sizes
        }
        for name in SIZES
    }


def _ratio(taken: dict[str, list[float]], one: str, other: str) -> float:
    pairs = zip(taken[one], taken[other], strict=True)
    return statistics.median(a / b for a, b in pairs)


def _checks(
    times: Times, compiled: dict[str, list[float]], memory: dict[int, dict[str, float]]
) -> list[Check]:
    def at(length: int) -> float:
        return statistics.median(times[length][OURS])

    slower = _ratio(times[250], OURS, TRANSFORMER)
    faster, fastest = (_ratio(times[2000], TRANSFORMER, name) for name in (OURS, PRODUCTS))
    checks = [
        Check(name="SSD block's time of a Transformer layer's, L 250", value=slower, most=1.0),
        Check(name="SSD block as fast as it, L 2000", value=faster, unit="times", least=3.0),
        Check(name="bound: its products with weights alone, L 2000", value=fastest, unit="times"),
        Check(name="time per token, L 4000 of L 1000", value=at(4000) / at(1000), most=1.5),
    ]
    if compiled:
        faster = _ratio(compiled, TRANSFORMER, OURS)
        name = f"the same, both compiled, L {COMPILED_LENGTH}"
        checks.insert(2, Check(name=name, value=faster, unit="times", least=3.0))
    if MAMBAPY in times[250]:
        both, one, bound = (_ratio(times[250], MAMBAPY, name) for name in (OURS, ONE_WAY, PRODUCTS))
        share = memory[250][OURS] / memory[250][MAMBAPY]
        checks += [
            Check(name="as fast as mambapy, L 250", value=both, unit="times", least=5.0),
            Check(name="one way, as mambapy is", value=one, unit="times", least=5.0),
            Check(name="bound: its products alone, L 250", value=bound, unit="times"),
            Check(name="memory of mambapy's, L 250", value=share, most=0.25),
        ]
    return checks


def _layer_table(times: Times, memory: dict[int, dict[str, float]], batch: int) -> str:
    heads = [f"us/token, B {batch}", *(f"L {length}" for length in LENGTHS)]
    heads += [f"MiB L {length}" for length in MEMORY_LENGTHS]
    rows = [
        [
            name,
            *(f"{statistics.median(times[length][name]):.1f}" for length in LENGTHS),
            *(f"{memory[length][name]:.0f}" for length in MEMORY_LENGTHS),
        ]
        for name in times[LENGTHS[0]]
    ]
    windows = ", ".join(f"{_num_windows(OURS, length, batch)} of {length}" for length in LENGTHS)
    note = f"windows in a step: {windows}; width {WIDTH}, {torch.get_num_threads()} threads"
    return f"{format_table(heads, rows)}\n{note}"


def _encoder_table(speeds: dict[str, dict[str, float]]) -> str:
    sizes = list(next(iter(speeds.values())))
    rows = [[name, *(f"{found[size]:.0f}" for size in sizes)] for name, found in speeds.items()]
    return format_table(["encoder, cycles/s in training", *sizes], rows)


if __name__ == "__main__":
    sys.exit(main())
