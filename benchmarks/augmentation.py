"""What views cost: each augmentation alone, and all at once, beside a step of the default encoder.

    python benchmarks/augmentation.py [--batch N] [--rounds N] [--device cpu] [--json]

A batch of windows of one second at 2000 Hz, cut from noise. Times are the best of several rounds
and in milliseconds for a batch. What an augmentation costs is what it adds to plain windows. The
step is the encoder forwards and backwards on one such batch, resident; what the budgets say is how
much longer it takes with views made for it.
"""

import argparse
import sys
import time
from collections.abc import Callable

import numpy as np
import torch
from _checks import Check, format_table, report

from pahcl_core.data.cycle_set import CycleSet
from pahcl_core.models.encoder import Encoder, EncoderConfig
from pahcl_core.training.augmentation import AugmentationConfig, augmented
from pahcl_core.training.draws import Draw
from pahcl_core.training.windows import WindowSource

RATE = 2000
NUM_RECORDINGS, RECORDING_S = 200, 10
OFF = {"gain": 0.0, "noise": 0.0, "shift_s": 0.0}
STRENGTHS = {
    "shift_s": 0.01,
    "stretch": 0.05,
    "respiration": 0.3,
    "gain": 0.3,
    "noise": 0.1,
    "band_noise": 0.2,
    "frequency_mask_octaves": 0.5,
    "mask_s": 0.1,
}
MOST_BY_DEFAULT = 0.03
MOST_WITH_ALL = 0.1


def main() -> int:
    """Measure, compare, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--rounds", type=int, default=40)
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    device = torch.device(options.device)
    source = _noise(device)
    cycle = np.random.default_rng(1).permutation(NUM_RECORDINGS * RECORDING_S)[: options.batch]

    def views(config: AugmentationConfig) -> float:
        return _best_ms(
            lambda: augmented(source, cycle, config, Draw(1, 1)), options.rounds, device
        )

    plain = _best_ms(lambda: source[cycle], options.rounds, device)
    alone = {
        name: views(AugmentationConfig(**{**OFF, name: strength})) - plain
        for name, strength in STRENGTHS.items()
    }
    step = _step_ms(source, cycle, max(3, options.rounds // 4), device)
    by_default = views(AugmentationConfig())
    together = views(AugmentationConfig(**STRENGTHS))
    checks = [
        Check(name="encoder, forwards and backwards", value=step, unit="ms"),
        Check(name="plain windows", value=plain, unit="ms"),
        Check(name="views, defaults", value=by_default, unit="ms"),
        Check(name="views, all on", value=together, unit="ms"),
        Check(name="views of a step, defaults", value=by_default / step, most=MOST_BY_DEFAULT),
        Check(name="views of a step, all on", value=together / step, most=MOST_WITH_ALL),
    ]
    rows = [[name, f"{ms:.2f}", f"{ms / step:.1%}"] for name, ms in alone.items()]
    table = format_table(["adds to plain windows", "ms", "of a step"], rows)
    return report(checks, as_json=options.json, table=table, details={"alone_ms": alone})


def _noise(device: torch.device) -> WindowSource:
    """Recordings side by side, with a cycle each second."""
    length = RECORDING_S * RATE
    offsets = np.arange(NUM_RECORDINGS + 1) * length
    starts = np.arange(NUM_RECORDINGS * RECORDING_S) * RATE
    cycles = CycleSet(
        recordings=(),
        sources=(),
        sample_rate=RATE,
        samples=np.random.default_rng(0).normal(size=offsets[-1]).astype(np.float32),
        offsets=offsets,
        recording=np.repeat(np.arange(NUM_RECORDINGS), RECORDING_S),
        bounds=starts[:, None] + np.array([0, 240, 640, 860, 1600]),
    )
    return WindowSource(cycles, window_s=1.0, band_hz=(25.0, 600.0), device=device)


def _step_ms(source: WindowSource, cycle: np.ndarray, rounds: int, device: torch.device) -> float:
    encoder = Encoder(EncoderConfig(), sample_rate=RATE).to(device)
    windows = source[cycle]

    def step() -> None:
        embeddings = encoder(*windows)
        (embeddings.cycle.sum() + embeddings.phases.sum()).backward()

    return _best_ms(step, rounds, device)


def _best_ms(do: Callable[[], object], rounds: int, device: torch.device) -> float:
    """The least of several; the first, which warms up, is not counted."""
    taken = []
    for _ in range(rounds + 1):
        started = time.perf_counter()
        do()
        if device.type == "cuda":
            torch.cuda.synchronize(device)
        taken.append(time.perf_counter() - started)
    return 1000 * min(taken[1:])


if __name__ == "__main__":
    sys.exit(main())
