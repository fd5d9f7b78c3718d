"""How much longer training takes when it is tracked: the demo's model, with and without.

    python benchmarks/track_training.py [--json] [--pairs N] [--block STEPS] [--patients N]

`finetune` trains the default encoder on synthetic patients in one process, and what it reports goes
by turns nowhere (the null tracker) and to a session with the journal and W&B offline. A block is so
many optimiser steps; blocks come in pairs, with and without, and in every second pair the other way
round, so that whatever else the machine does, or the training's own pace, falls on both alike. The
loop makes its figures in both; each block has one set of histograms, so more than by default.

What a pair says is by how much the block with trackers took longer, by the clock and in processor
time, that of W&B's service included. The table has the median of the pairs, and the interval that
holds it with a confidence of 95 %, from the pairs' order alone. What a tracker had not taken at a
block's end it takes before the next begins: that is in the processor time and not in the clock's.
Where other programs want the same cores the interval is wide, and the median says little; what the
training's own calls of the tracker took, as a share of the blocks with trackers, is steadier.
"""

import argparse
import importlib.util
import math
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from _checks import Check, format_table, report
from _track_timing import _cpu_s

from pahcl_track import NullTracker, Outcome, Run, Session, Tracker, Value

SEED = 42
_WARM_UP = 2
"""Pairs before the ones that count."""

_PATIENCE_S = 60.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Block:
    """What so many steps took."""

    tracked: bool
    wall_s: float
    cpu_s: float
    calls_s: float
    """Of the clock's, in calls of the tracker."""


class Alternating:
    """A tracker that passes on what it is told, or not; and the clock of the training's steps."""

    def __init__(self, session: Session, *, steps: int, pairs: int) -> None:
        self.blocks: list[Block] = []
        self.rows = 0
        """That the session was given."""

        self._session = session
        self._steps = steps
        self._wanted = 2 * pairs
        self._to: Tracker = NullTracker()
        self._started = False
        self._calls_s = 0.0

    def start(self, run: Run) -> None:
        """Begin the session."""
        self._session.start(run)
        self._started = True

    def log(self, values: Mapping[str, Value], *, step: int) -> None:
        """To the session, or nowhere."""
        self.rows += self._to is self._session
        began = time.perf_counter()
        self._to.log(values, step=step)
        self._calls_s += time.perf_counter() - began

    def save(self, path: Path, *, kind: str) -> None:
        """To the session."""
        self._session.save(path, kind=kind)

    def finish(self, outcome: Outcome) -> None:
        """End the session."""
        self._session.finish(outcome)

    def progress(self, items: Iterable[Any], total: int) -> Iterable[Any]:
        """Time the batches of an epoch, block by block; a block that is not whole does not count.

        Raises:
            KeyboardInterrupt: When there are enough, which ends the training in good order.
        """
        return self._timed(list(items)) if self._started else items

    def _timed(self, batches: Sequence[Any]) -> Iterator[Any]:
        for begin in range(0, len(batches) - self._steps + 1, self._steps):
            if len(self.blocks) == self._wanted:
                raise KeyboardInterrupt
            tracked = len(self.blocks) % 4 in (1, 2)
            self._to = self._session if tracked else NullTracker()
            self._calls_s = 0.0
            cpu_s, wall_s = _cpu_s(), time.perf_counter()
            yield from batches[begin : begin + self._steps]
            wall_s = time.perf_counter() - wall_s
            calls_s = self._calls_s
            self._await_delivery()
            cpu_s = _cpu_s() - cpu_s
            self.blocks.append(Block(tracked=tracked, wall_s=wall_s, cpu_s=cpu_s, calls_s=calls_s))
        self._to = NullTracker()
        yield from batches[len(batches) - len(batches) % self._steps :]

    def _await_delivery(self) -> None:
        deadline = time.monotonic() + _PATIENCE_S
        while any(one.not_delivered for one in self._session.accounts()):
            if time.monotonic() > deadline:
                raise TimeoutError(f"not delivered within {_PATIENCE_S:g} s")
            time.sleep(0.01)


def measure(options: argparse.Namespace, trackers: Mapping[str, Tracker]) -> tuple[Any, int]:
    """Train until there are enough blocks; the tracker with them, and what was not delivered."""
    from pahcl_core.data.synthetic_circor import write_synthetic_circor
    from pahcl_core.training.finetune import finetune
    from pahcl_core.training.settings import FinetuneConfig, ScheduleConfig

    session = Session(trackers)
    alternating = Alternating(session, steps=options.block, pairs=options.pairs + _WARM_UP)
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        data = Path(folder) / "data"
        write_synthetic_circor(data, num_patients=options.patients, seed=SEED)
        config = FinetuneConfig(
            task="circor_murmur",
            data_dir=data,
            output_dir=Path(folder) / "outputs",
            seed=SEED,
            training=ScheduleConfig(
                epochs=10_000,
                cycles_per_recording=options.cycles,
                histogram_every=options.block,
                checkpoint_every=0,
            ),
        )
        try:
            finetune(config, tracker=alternating, progress=alternating.progress)
        except KeyboardInterrupt:
            if len(alternating.blocks) < 2 * (options.pairs + _WARM_UP):
                raise
    lacking = sum(one.failed + one.not_delivered + one.no_end for one in session.accounts())
    return alternating, lacking


def longer(blocks: Sequence[Block], figure: str) -> list[float]:
    """By which share the tracked block of each pair took longer."""
    found = []
    for pair in zip(blocks[::2], blocks[1::2], strict=True):
        by_kind = {block.tracked: getattr(block, figure) for block in pair}
        found.append(by_kind[True] / by_kind[False] - 1)
    return found


def interval(values: Sequence[float]) -> tuple[float, float]:
    """Holds the median of what they are drawn from with a confidence of 95 %, where there are 6."""
    ordered, number = sorted(values), len(values)
    below, outside = 0.0, 0
    for rank in range(number // 2):
        below += math.comb(number, rank) / 2**number
        if below > 0.025:
            break
        outside = rank
    return ordered[outside], ordered[number - 1 - outside]


def main() -> int:
    """Measure; 1 when training takes too much longer."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", action="store_true", help="print the figures as JSON")
    parser.add_argument("--pairs", type=int, default=40, help="of blocks (%(default)s)")
    parser.add_argument("--block", type=int, default=20, help="steps of a block (%(default)s)")
    parser.add_argument("--patients", type=int, default=40, help="synthetic ones (%(default)s)")
    parser.add_argument(
        "--cycles", type=int, default=64, help="of each recording in an epoch (%(default)s)"
    )
    parser.add_argument("--threads", type=int, default=2, help="of torch (%(default)s)")
    options = parser.parse_args()
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # as the command line does
    import torch

    torch.set_num_threads(options.threads)
    trackers: dict[str, Tracker] = {}
    if importlib.util.find_spec("wandb") is not None:
        from pahcl_track.backends.wandb import WandbTracker

        trackers["wandb"] = WandbTracker(mode="offline", save_code=False)
    load = os.getloadavg()[0]
    alternating, lacking = measure(options, trackers)
    blocks = alternating.blocks[2 * _WARM_UP :]
    checks, rows = [], []
    for figure, name, most in (("wall_s", "by the clock", 1.0), ("cpu_s", "processor time", None)):
        found = [100 * one for one in longer(blocks, figure)]
        low, high = interval(found)
        step_ms = statistics.median(1000 * getattr(one, figure) / options.block for one in blocks)
        shown = (step_ms, statistics.median(found), low, high)
        rows.append([name, *(f"{one:.3g}" for one in shown)])
        longer_by = f"training longer, {name}, median"
        checks.append(Check(name=longer_by, value=shown[1], unit="%", most=most))
        checks.append(Check(name=f"{longer_by}: from", value=low, unit="%"))
        checks.append(Check(name=f"{longer_by}: to", value=high, unit="%"))
    with_trackers = [block for block in blocks if block.tracked]
    calls_s, wall_s = (sum(getattr(b, n) for b in with_trackers) for n in ("calls_s", "wall_s"))
    checks.append(Check(name="in the training's own calls", value=100 * calls_s / wall_s, unit="%"))
    checks.append(Check(name="rows and files not delivered", value=float(lacking), most=0.0))
    notes = [
        f"journal{' and wandb offline' if trackers else '; wandb is not installed'}, "
        f"{alternating.rows} rows; {len(blocks) // 2} pairs of blocks of {options.block} steps; "
        f"{options.threads} torch threads; load of the machine {load:.1f} before, "
        f"{os.getloadavg()[0]:.1f} after",
    ]
    heads = ["", "a step: ms", "longer by %", "from", "to"]
    return report(
        checks,
        as_json=options.json,
        table="\n".join([format_table(heads, rows), "", *notes]),
        details={"notes": notes},
    )


if __name__ == "__main__":
    sys.exit(main())
