"""One tracker timed in this process: the part of `track_overhead.py` that runs in fresh ones.

    python _track_timing.py CASE MODE '{"calls": 5000, ...}'

prints one line of JSON.
"""

import contextlib
import importlib.util
import json
import os
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

Row = Mapping[str, float]
Log = Callable[[Row, int], object]
Finish = Callable[[], object]

_NAMES = tuple(f"train/metric_{number}" for number in range(10))
_WARM_UP = 100
"""Calls and steps before the ones that count: lazy imports, first allocations."""


def no_tracker(directory: Path) -> tuple[Log, Finish]:
    """An empty function: what calling anything at all costs."""
    return (lambda row, step: None), (lambda: None)


def null(directory: Path) -> tuple[Log, Finish]:
    from pahcl_track import NullTracker

    tracker = NullTracker()
    return (lambda row, step: tracker.log(row, step=step)), (lambda: None)


def journal(directory: Path) -> tuple[Log, Finish]:
    return _session(directory, {})


def journal_and_wandb(directory: Path) -> tuple[Log, Finish]:
    from pahcl_track.backends.wandb import WandbTracker

    return _session(directory, {"wandb": WandbTracker(mode="offline", save_code=False)})


def wandb(directory: Path) -> tuple[Log, Finish]:
    import wandb

    run = wandb.init(mode="offline", dir=directory, project="bench", reinit="create_new")
    return (lambda row, step: run.log(row, step=step)), run.finish


def lightning_wandb(directory: Path) -> tuple[Log, Finish]:
    from lightning.pytorch.loggers import WandbLogger

    logger = WandbLogger(offline=True, save_dir=directory, project="bench", reinit="create_new")
    run = logger.experiment  # it starts on first use
    return (lambda row, step: logger.log_metrics(row, step)), run.finish


def accelerate_wandb(directory: Path) -> tuple[Log, Finish]:
    from accelerate import Accelerator

    accelerator = Accelerator(log_with="wandb", cpu=True)
    settings = {"mode": "offline", "dir": str(directory), "reinit": "create_new"}
    accelerator.init_trackers("bench", init_kwargs={"wandb": settings})
    return (lambda row, step: accelerator.log(row, step)), accelerator.end_training


def trackio(directory: Path) -> tuple[Log, Finish]:
    import trackio

    trackio.init(project="bench", name=directory.name, embed=False)
    return (lambda row, step: trackio.log(row, step=step)), trackio.finish


def tensorboard(directory: Path) -> tuple[Log, Finish]:
    from torch.utils.tensorboard import SummaryWriter

    writer = SummaryWriter(str(directory))

    def log(row: Row, step: int) -> None:
        for name, value in row.items():
            writer.add_scalar(name, value, step)

    return log, writer.close


CASES: dict[str, tuple[Callable[[Path], tuple[Log, Finish]], tuple[str, ...]]] = {
    "null": (null, ("pahcl_track.backends.null",)),
    "journal": (journal, ("pahcl_track.session",)),
    "journal + wandb": (journal_and_wandb, ("pahcl_track.session", "wandb")),
    "raw wandb": (wandb, ("wandb",)),
    "Lightning WandbLogger": (lightning_wandb, ("lightning", "wandb")),
    "Accelerate wandb": (accelerate_wandb, ("accelerate", "wandb")),
    "trackio": (trackio, ("trackio",)),
    "TensorBoard": (tensorboard, ("torch", "tensorboard")),
}
"""What opens each case, and what it needs, which is imported first."""


def missing(case: str) -> list[str]:
    """The modules that this case would need and that are not installed."""
    return [name for name in CASES[case][1] if importlib.util.find_spec(name) is None]


def _session(directory: Path, trackers: Mapping[str, Any]) -> tuple[Log, Finish]:
    from pahcl_track import Outcome, Run, Session

    session = Session(trackers)
    session.start(Run(name="bench", directory=directory))
    finish = lambda: session.finish(Outcome(status="completed"))  # noqa: E731
    return (lambda row, step: session.log(row, step=step)), finish


def time_calls(case: str, directory: Path, *, calls: int) -> dict[str, Any]:
    """Log back to back."""
    rows = _rows(calls + _WARM_UP)
    began = time.perf_counter()
    _import(case)
    imported = time.perf_counter()
    log, finish = CASES[case][0](directory)
    ready = time.perf_counter()
    took_ns = [_timed(log, row, step) for step, row in enumerate(rows)]
    logged = time.perf_counter()
    finish()
    return {
        **_quantiles(took_ns[_WARM_UP:]),
        "import_s": imported - began,
        "start_s": ready - imported,
        "finish_s": time.perf_counter() - logged,
    }


def time_loop(case: str, directory: Path, *, steps: int, threads: int, size: int) -> dict[str, Any]:
    """Log at each step of a loop that multiplies matrices, between two such loops that do not."""
    work = matrix_work(threads, size)
    rows = _rows(steps)
    _import(case)
    silent, _ = no_tracker(directory)
    took_ns: list[int] = []
    before = _run_loop(work, silent, rows, [])
    log, finish = CASES[case][0](directory)
    between = _run_loop(work, log, rows, took_ns)
    finish()
    after = _run_loop(work, silent, rows, [])
    without_s, without_cpu_s = (statistics.mean(pair) for pair in zip(before, after, strict=True))
    return {
        **_quantiles(took_ns),
        "longer": between[0] / without_s - 1,
        "longer_cpu": between[1] / without_cpu_s - 1,
        "step_ms": 1000 * without_s / steps,
    }


def matrix_work(threads: int, size: int) -> Callable[[], None]:
    """A step: the product of two square matrices of float32."""
    import torch

    torch.set_num_threads(threads)
    generator = torch.Generator().manual_seed(0)
    left, right = (torch.rand(size, size, generator=generator) for _ in range(2))
    product = torch.empty(size, size)

    def work() -> None:
        torch.mm(left, right, out=product)

    return work


def size_for(threads: int, step_ms: float) -> dict[str, int]:
    """The size of matrices whose product takes that long here, when nothing else runs."""
    size = 256
    for _ in range(4):  # larger products are not slower by the cube alone
        size = round(size * (step_ms / _least_ms(matrix_work(threads, size))) ** (1 / 3))
    return {"size": size}


def _least_ms(work: Callable[[], None]) -> float:
    return min(_timed(lambda row, step: work(), {}, 0) for _ in range(200)) / 1e6


def _run_loop(
    work: Callable[[], None], log: Log, rows: Sequence[Row], took_ns: list[int]
) -> tuple[float, float]:
    """Seconds by the clock, and of all processors together."""
    for _ in range(_WARM_UP):
        work()
    began, began_cpu = time.perf_counter(), _cpu_s()
    for step, row in enumerate(rows):
        work()
        took_ns.append(_timed(log, row, step))
    return time.perf_counter() - began, _cpu_s() - began_cpu


def _cpu_s() -> float:
    """Processor time of this process and of those it started that still run (Linux only)."""
    total_s = time.process_time()
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):  # it has just ended
            fields = stat.read_text().rpartition(")")[2].split()
            if int(fields[1]) == os.getpid():
                total_s += (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    return total_s


def _timed(log: Log, row: Row, step: int) -> int:
    began = time.perf_counter_ns()
    log(row, step)
    return time.perf_counter_ns() - began


def _rows(number: int) -> list[Row]:
    """Values of full precision, which take the longest to write, each row a mapping of its own."""
    source = random.Random(0)
    return [{name: source.random() for name in _NAMES} for _ in range(number)]


def _quantiles(took_ns: Sequence[int]) -> dict[str, float]:
    ordered = sorted(took_ns)
    return {
        "median_us": statistics.median(ordered) / 1000,
        "p99_us": ordered[min(len(ordered) - 1, int(0.99 * len(ordered)))] / 1000,
    }


def _import(case: str) -> None:
    for name in CASES[case][1]:
        importlib.import_module(name)


def main(case: str, mode: str, settings: str) -> None:
    """Print the figures of one case."""
    options = json.loads(settings)
    if mode == "calibrate":
        print(json.dumps(size_for(**options)))
        return
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        directory = Path(folder)
        os.environ["TRACKIO_DIR"] = str(directory / "trackio")
        timed = {"calls": time_calls, "loop": time_loop}[mode]
        print(json.dumps(timed(case, directory, **options)))


if __name__ == "__main__":
    main(*sys.argv[1:])
