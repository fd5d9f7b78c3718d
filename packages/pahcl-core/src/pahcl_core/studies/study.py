"""A study: runs that differ in a few settings and in their seeds, each in a directory of its own.

    <output_dir>/<study>/study.toml                 the base, a run file
                         train.log                  the log of all runs
                         <variant>/seed_<n>/        an ordinary run

A study that was interrupted or killed is gone on with by beginning it again: what is complete is
left as it is. Axes and seeds may be added later; the base stays what it was.
"""

import contextlib
import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Generic, TypeVar

from pahcl_core.baselines.settings import BaselineConfig
from pahcl_core.config import to_dict, write_toml
from pahcl_core.data.output_folder import make_folder
from pahcl_core.errors import AGAIN, DataError, DiskError, SettingError, TrainingError
from pahcl_core.studies.begun_with import HARMLESS, Settings, difference, settings_apart, written
from pahcl_core.studies.variants import Variant
from pahcl_core.training.ranks import among_others
from pahcl_core.training.run_directory import CONFIG, STUDY, resumed_directory
from pahcl_core.training.settings import FinetuneConfig, PretrainConfig

log = logging.getLogger(__name__)

C = TypeVar("C", FinetuneConfig, PretrainConfig, BaselineConfig)
R = TypeVar("R")


# What one run may end with while the others go on: memory or a number that ran out.
OF_ONE_RUN = (DataError, SettingError, TrainingError, RuntimeError, OSError, MemoryError)


@dataclass(frozen=True, kw_only=True, slots=True)
class PlannedRun(Generic[C]):
    """One run of a study."""

    variant: Variant
    config: C
    """Complete: with its seed, and the directory that it writes to."""

    @property
    def name(self) -> str:
        """`<variant>/seed_<n>`."""
        return f"{self.variant.name}/{self.config.name}"

    @property
    def directory(self) -> Path:
        """Its own."""
        return self.config.output_dir / self.config.name


@dataclass(frozen=True, kw_only=True, slots=True)
class Failure:
    """A run that came to nothing."""

    reason: str


def directory_of(base: Settings) -> Path:
    """Where the study of this base writes."""
    return base.output_dir / base.name


def planned(
    base: C, variants: Iterable[tuple[Variant, C]], seeds: Sequence[int]
) -> tuple[PlannedRun[C], ...]:
    """The runs of a study: all variants with the first seed, then with the next.

    Args:
        base: Says where the study is, and where prepared recordings are, for all.
        variants: With their settings.
        seeds: Of each.
    """
    return tuple(
        PlannedRun(
            variant=variant,
            config=replace(
                config,
                output_dir=directory_of(base) / variant.folder,
                experiment_name=f"seed_{seed}",
                seed=seed,
                store=base.prepared,
            ),
        )
        for seed in seeds
        for variant, config in variants
    )


@contextlib.contextmanager
def held(base: C, runs: Sequence[PlannedRun[C]]) -> Iterator[Path]:
    """Hold the directory of a study that begins or goes on.

    Raises:
        SettingError: If it is another's: it holds a run or a study with other settings, or another
            process is at work there; or it cannot be written to; or this is one of several ranks.
    """
    directory = directory_of(base)
    if among_others():
        raise SettingError("a study runs in one process; torchrun is for single runs")
    refuse_others(base, runs)
    make_folder(directory)
    with resumed_directory(directory):
        write_base(base)
        yield directory


def write_base(base: Settings) -> None:
    """Write what the runs of a study have in common, once; its directory is there."""
    if not (directory_of(base) / STUDY).exists():
        write_toml(directory_of(base) / STUDY, to_dict(base))


def refuse_others(base: C, runs: Sequence[PlannedRun[C]]) -> None:
    """Compare a study with what is in its directory, if anything is.

    Raises:
        SettingError: If there is a run, or a study with other settings, naming one of them.
    """
    directory = directory_of(base)
    refuse_run(directory)
    _refuse_other(directory / STUDY, base, harmless=HARMLESS | {"seed"})
    for run in runs:
        refuse_other_run(run)


def refuse_run(directory: Path) -> None:
    """Keep what holds many runs out of the folder of a single one.

    Raises:
        SettingError: If there is a run.
    """
    if (directory / CONFIG).exists():
        raise SettingError(f"{directory} is the folder of a run; choose another --experiment-name")


def refuse_other_run(run: PlannedRun[C]) -> None:
    """Compare a run with what is in its directory, if anything is.

    Raises:
        SettingError: If it has other settings, naming one of them.
    """
    _refuse_other(run.directory / CONFIG, run.config, harmless=HARMLESS)


def _refuse_other(file: Path, wanted: C, *, harmless: frozenset[str]) -> None:
    if not file.exists():
        return
    apart = difference(written(file, wanted, harmless), settings_apart(wanted, harmless))
    if apart is not None:
        key, theirs, ours = apart
        raise SettingError(
            f"{file.parent} was begun with {key} = {theirs}, not {ours}; keep that, or choose "
            "another --experiment-name"
        )


def carried_out(
    runs: Sequence[PlannedRun[C]],
    do: Callable[[PlannedRun[C]], R],
    *,
    tell: Callable[[str], None],
) -> dict[str, R | Failure]:
    """Do one run after the other; where one fails, the others go on.

    Args:
        runs: In this order.
        do: Does a run, goes on with it, or finds that it is complete.
        tell: Given a line before each run.

    Returns:
        By the name of the run.

    Raises:
        DiskError: If the disk is full, which stops the others, too.
    """
    outcomes: dict[str, R | Failure] = {}
    for number, run in enumerate(runs, start=1):
        tell(f"{number}/{len(runs)} {run.name}")
        try:
            outcomes[run.name] = do(run)
        except DiskError as error:
            raise error.instead(AGAIN) from error
        except OF_ONE_RUN as error:
            reason = reason_of(error)
            log.warning("%s failed, the others go on: %s", run.name, reason, exc_info=error)
            outcomes[run.name] = Failure(reason=reason)
        except KeyboardInterrupt:
            log.warning(
                "interrupted in %s, with %d of %d runs done: the same command goes on from there",
                run.name, number - 1, len(runs),
            )  # fmt: skip
            raise
    return outcomes


def reason_of(error: Exception) -> str:
    """The first line of what it says, or its name where it says nothing."""
    return str(error).strip().splitlines()[0] if str(error).strip() else repr(error)
