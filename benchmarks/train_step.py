"""What a step of pretraining takes beside its model: a whole step against one on a resident batch.

    python benchmarks/train_step.py [--size tiny|small|base] [--batch-size N] [--blocks N]
        [--threads N] [--device auto] [--set KEY=VALUE] [--json]

One side is the training loop itself on synthetic patients, with a journal: gather, augment,
forwards, backwards, optimiser, logging. The other has the same encoder, projections, loss and
optimiser, and a batch of random sound of the same shape that lies on the device, with what is
hidden and what is to be predicted, if anything is. On a CPU they take turns step by step, on a GPU
block by block, since it is given work ahead. A block is as many steps as there are between two
reports, and has one set of histograms, of which only the share counts that a run has by default.
Validation and checkpoints are no part of a step; the copy of the encoder that anchors it hears new
sound in every step, and is of the model on both sides.

The ratio is the median over blocks, its interval that of a bootstrap over blocks. Where other
programs want the same cores the clock says little, and processor time more. Parts are timed in
blocks of their own, in which a GPU is waited for at each border; each is without those inside it.
"""

import argparse
import functools
import os
import statistics
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from _checks import Check, format_table, report
from _train_step_sides import PARTS, RESIDENT, REST, SEED, STEP, Parts, Resident, Taken

from pahcl_core.config import apply_overrides, from_dict, to_dict
from pahcl_core.data.kept_memory import keep_memory
from pahcl_core.data.synthetic_circor import write_synthetic_circor
from pahcl_core.models.encoder import encoder_config
from pahcl_core.models.kinds import SIZES
from pahcl_core.models.sizes import DEFAULT_NAME, DEFAULT_SIZE
from pahcl_core.training.cohorts import read_cohorts
from pahcl_core.training.device import reproducible, resolve_device
from pahcl_core.training.loop import train
from pahcl_core.training.optimisation import OptimiserConfig
from pahcl_core.training.pretrain import describe_pretrain
from pahcl_core.training.pretraining import Pretraining
from pahcl_core.training.reporting import Guarded
from pahcl_core.training.settings import PretrainConfig, ScheduleConfig
from pahcl_track import Histogram, Outcome, Run, Session, Value

MOST = 1.05
NUM_PATIENTS = 24
BLOCK = ScheduleConfig().log_every
HISTOGRAMS = BLOCK / ScheduleConfig().histogram_every
"""The share of a block's set that counts."""

_WARM_UP = 2
"""Blocks before those that count."""


class Turns:
    """Shows a training its batches, lets the other side go in between, and times both.

    It is the training's tracker as well, in front of a session, and so knows what histograms took.
    """

    def __init__(
        self, session: Session, resident: Resident, device: torch.device, *, blocks: int, apart: int
    ) -> None:
        """Take the sides.

        Args:
            session: Told what the training reports.
            resident: The other side.
            device: Where both run.
            blocks: How many to time as a whole.
            apart: How many to time part by part, after those.
        """
        self.blocks: list[dict[str, Taken]] = []
        """What each side took."""

        self.apart: list[dict[tuple[str, str], Taken]] = []
        """The same by side and part, of later blocks."""

        self._session = session
        self._resident = resident
        self._wait = functools.partial(_wait_for, device)
        self.parts = Parts(self._wait)
        self._turn = 1 if device.type == "cpu" else BLOCK
        self._blocks, self._apart = blocks + _WARM_UP, apart + 1
        self._done = 0
        self._sums: dict[str, list[Taken]] = {STEP: [], RESIDENT: []}
        self._logged = Taken.by_now()
        self._histograms = Taken(0.0, 0.0)

    def start(self, run: Run) -> None:
        """Begin the session."""
        self._session.start(run)

    def log(self, values: Mapping[str, Value], *, step: int) -> None:
        """To the session."""
        self._session.log(values, step=step)
        now = Taken.by_now()
        if any(isinstance(value, Histogram) for value in values.values()):
            self._histograms = now.since(self._logged)  # they follow upon a report of figures
        self._logged = now

    def save(self, path: Path, *, kind: str) -> None:
        """To the session."""
        self._session.save(path, kind=kind)

    def finish(self, outcome: Outcome) -> None:
        """End the session."""
        self._session.finish(outcome)

    def progress(self, batches: Sequence[Any], total: int) -> Iterator[Any]:
        """The batches of an epoch.

        Raises:
            KeyboardInterrupt: When there are enough blocks, which ends the training.
        """
        left = list(batches)
        while left:
            count = min(self._turn, BLOCK - self._done % BLOCK)
            some, left = left[:count], left[count:]
            turns = [functools.partial(iter, some), functools.partial(self._other, some)]
            sides = [STEP, RESIDENT]
            for place in (0, 1) if self._done // self._turn % 2 else (1, 0):
                began = self._begin(sides[place])
                yield from turns[place]()
                self._end(sides[place], began)
            self._done += len(some)
            if self._done % BLOCK == 0:
                self._close()
            if len(self.apart) == self._apart:
                raise KeyboardInterrupt

    def _other(self, batches: Sequence[Any]) -> Sequence[Any]:
        for batch in batches:
            self._resident.step(len(batch))
        return ()

    def _begin(self, side: str) -> Taken:
        self._wait()
        self.parts.side = side
        if self.parts.on:
            self.parts.begin(REST)
        return Taken.by_now()

    def _end(self, side: str, began: Taken) -> None:
        self._wait()
        self._sums[side].append(Taken.by_now().since(began))
        if self.parts.on:
            self.parts.end()

    def _close(self) -> None:
        """Of a block: keep what it took, less what it had too much of histograms."""
        if self.parts.on:
            taken = self.parts.taken
            taken[STEP, REST] = taken[STEP, REST].plus(self._histograms, HISTOGRAMS - 1)
            self.apart.append(dict(taken))
            taken.clear()
        else:
            sums = {
                side: Taken(*map(sum, zip(*taken, strict=True)))
                for side, taken in self._sums.items()
            }
            self.blocks.append({**sums, STEP: sums[STEP].plus(self._histograms, HISTOGRAMS - 1)})
        self._sums = {STEP: [], RESIDENT: []}
        self.parts.on = len(self.blocks) == self._blocks

    @property
    def histograms_ms(self) -> float:
        """What a set took by the clock, the last time."""
        return 1000 * self._histograms.wall


def _wait_for(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    elif device.type == "mps":
        torch.mps.synchronize()


def main() -> int:
    """Measure, compare, print; 1 when a step takes too long."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--size", default=DEFAULT_SIZE, choices=SIZES[DEFAULT_NAME])
    parser.add_argument("--batch-size", type=int, default=ScheduleConfig().batch_size)
    parser.add_argument("--blocks", type=int, default=20, help=f"of {BLOCK} steps (%(default)s)")
    parser.add_argument("--threads", type=int, help="of torch (as it chooses)")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", dest="settings")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    if "OMP_WAIT_POLICY" not in os.environ:  # as the command line has it, before torch is imported
        passive = {**os.environ, "OMP_WAIT_POLICY": "PASSIVE"}
        os.execve(sys.executable, [sys.executable, *sys.argv], passive)
    if options.threads:
        torch.set_num_threads(options.threads)
    load = os.getloadavg()[0]
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        config = _config(Path(folder), options)
        if config.objective.negatives != "batch":
            parser.error("the other side has no queue: leave objective.negatives at batch")
        turns = measure(config, options.blocks)
    loads = f"load of the machine {load:.1f} before, {os.getloadavg()[0]:.1f} after"
    note = (
        f"{config.encoder.name} {options.size}, batches of {options.batch_size}, "
        f"{resolve_device(config.device)}, {torch.get_num_threads()} torch threads, "
        f"{options.blocks} blocks of {BLOCK} steps; {loads}"
    )
    return _reported(turns, note, as_json=options.json)


def _config(folder: Path, options: argparse.Namespace) -> PretrainConfig:
    data = folder / "data"
    write_synthetic_circor(data, num_patients=NUM_PATIENTS, seed=SEED)
    config = PretrainConfig(
        data={"circor": data},
        output_dir=folder / "outputs",
        seed=SEED,
        device=options.device,
        train_on="all",
        encoder=encoder_config(DEFAULT_NAME, options.size),
        optimiser=OptimiserConfig(lr=2e-3),  # a step takes as long at any rate
        training=ScheduleConfig(
            epochs=10_000,
            batch_size=options.batch_size,
            cycles_per_recording=64,
            histogram_every=BLOCK,
            checkpoint_every=0,
        ),
    )
    table = apply_overrides(to_dict(config), options.settings)
    return from_dict(PretrainConfig, table, source="--set")


def measure(config: PretrainConfig, blocks: int) -> Turns:
    """Train as `pretrain` does, until there are enough blocks."""
    device = resolve_device(config.device)
    if device.type == "cpu":
        keep_memory()
    run = describe_pretrain(config)
    run.directory.mkdir(parents=True)
    with reproducible(config.seed, config.machine, device):
        cohorts = read_cohorts(config, lambda items, total: items)
        learner, other = (Pretraining(config, device, cohorts) for _ in range(2))
        other.encoder.load_state_dict(learner.encoder.state_dict())
        other.heads.load_state_dict(learner.heads.state_dict())
        apart = max(3, blocks // 3)
        turns = Turns(Session({}), Resident(other), device, blocks=blocks, apart=apart)
        with turns.parts.watching():
            turns.start(run)
            try:
                train(
                    learner,
                    schedule=config.training,
                    optimiser=config.optimiser.settled(2e-3),
                    seed=config.seed,
                    directory=run.directory,
                    tracker=Guarded(turns),
                    progress=turns.progress,
                    scaler=learner.passes.gradient_scaler(),
                )
            except KeyboardInterrupt:
                if len(turns.apart) <= apart:
                    raise
            finally:
                turns.finish(Outcome(status="completed"))
    return turns


def interval(values: Sequence[float]) -> tuple[float, float]:
    """Of their median, with a confidence of 95 %, by the percentiles of a bootstrap."""
    rng = np.random.default_rng(SEED)
    drawn = np.array(values)[rng.integers(len(values), size=(2000, len(values)))]
    low, high = np.quantile(np.median(drawn, axis=1), (0.025, 0.975))
    return float(low), float(high)


def _reported(turns: Turns, note: str, *, as_json: bool) -> int:
    blocks = turns.blocks[_WARM_UP:]
    checks = [
        Check(
            name=side,
            value=statistics.median(1000 * one[side].wall / BLOCK for one in blocks),
            unit="ms",
        )
        for side in (STEP, RESIDENT)
    ]
    for place, (name, most) in enumerate((("by the clock", MOST), ("processor time", None))):
        ratios = [one[STEP][place] / one[RESIDENT][place] for one in blocks]
        low, high = interval(ratios)
        name = f"the step of one on a resident batch, {name}"
        checks.append(Check(name=name, value=statistics.median(ratios), most=most))
        checks.append(Check(name=f"{name}: from", value=low))
        checks.append(Check(name=f"{name}: to", value=high))
    checks.append(Check(name="a set of histograms", value=turns.histograms_ms, unit="ms"))
    kinds = (("ms", 0), ("processor ms", 1))
    apart = {
        part: {
            f"{side}, {kind}": _median_ms(turns.apart[1:], (side, part), place)
            for kind, place in kinds
            for side in (STEP, RESIDENT)
        }
        for part in PARTS
    }
    rows = [[part, *(f"{ms:.2f}" for ms in columns.values())] for part, columns in apart.items()]
    table = format_table(["", *next(iter(apart.values()))], rows)
    return report(
        checks,
        as_json=as_json,
        table=f"{table}\n\n{note}",
        details={"parts": apart, "notes": [note]},
    )


def _median_ms(
    apart: Sequence[Mapping[tuple[str, str], Taken]], key: tuple[str, str], place: int
) -> float:
    """Of a step; nothing where a side has no such part."""
    return statistics.median(1000 * one[key][place] / BLOCK if key in one else 0.0 for one in apart)


if __name__ == "__main__":
    sys.exit(main())
