"""Where a training stands after an epoch: all that it takes to go on as if nothing had happened.

`resume.pt` is written after every epoch, after everything else of that epoch. A run that is killed
loses at most the epoch it was in, and does that one again with the same random numbers: those of
the views depend on the epoch alone, and the state of torch's generators is kept here.
"""

import contextlib
import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from pahcl_core.data.cycle_set import CycleSet
from pahcl_core.errors import DataError, SettingError
from pahcl_core.training.checkpoint import read_content, save_content
from pahcl_core.training.optimisation import Optimiser
from pahcl_core.training.ranks import ALONE, Ranks
from pahcl_core.training.run_directory import METRICS, STATE, resumed_directory, run_directory
from pahcl_track import Run

_FORMAT = 3


@dataclass(frozen=True, kw_only=True, slots=True)
class TrainingState:
    """A training after an epoch."""

    epoch: int
    """The last one that is complete."""

    step: int
    best_epoch: int
    best_val: Mapping[str, float]
    encoder: Mapping[str, Tensor]
    heads: Mapping[str, Tensor]
    learner: Mapping[str, Any]
    """What else the learner goes on with."""

    optimiser: Mapping[str, Any]
    random: Mapping[str, Any]
    """States of torch's generators, by device."""

    data: str
    """A hash of the cycles it is trained on."""


@contextlib.contextmanager
def opened(
    run: Run, *, resume: bool, ranks: Ranks = ALONE
) -> Iterator[tuple[Run, TrainingState | None]]:
    """Hold the directory of a run that begins or goes on; `resume.pt` is removed at its end.

    Of several ranks the first holds it, and tells the others what it has found.

    Yields:
        The run, with the step that it goes on from, and where it stood.

    Raises:
        SettingError: As `run_directory`; if there is no run to go on with, or it is complete.
        DataError: If the file that says where it stood is damaged.
    """
    if not ranks.first:
        nothing: tuple[Run, TrainingState | None] = (run, None)
        yield ranks.told(nothing)
        return
    with _opened_here(run, resume=resume) as found:
        yield ranks.told(found)


@contextlib.contextmanager
def _opened_here(run: Run, *, resume: bool) -> Iterator[tuple[Run, TrainingState | None]]:
    """As `opened`, on the rank that holds it."""
    if not resume:
        with run_directory(run.directory, resumable=True) as fresh:
            yield run, None
            (fresh / STATE).unlink(missing_ok=True)
        return
    directory = run.directory
    state = load_state(directory)
    if (directory / METRICS).exists() and state is None:  # a state goes last of all
        raise SettingError(f"{directory}: this run is complete; there is nothing to resume")
    with resumed_directory(directory) as same:
        yield replace(run, resumed_from_step=0 if state is None else state.step), state
        (same / STATE).unlink(missing_ok=True)


def save_state(path: Path, state: TrainingState) -> None:
    """Write a state: complete, or not at all."""
    fields = {name: getattr(state, name) for name in TrainingState.__dataclass_fields__}
    save_content(path, {"format": _FORMAT, **fields})


def load_state(directory: Path) -> TrainingState | None:
    """The state that a run's directory holds; None if its first epoch did not end.

    Raises:
        SettingError: If there is no run.
        DataError: If the file is damaged, or of another version.
    """
    if not directory.is_dir():
        raise SettingError(f"{directory}: there is no run to resume")
    path = directory / STATE
    if not path.exists():
        return None
    content = read_content(path)
    try:
        if content.pop("format") == _FORMAT:
            return TrainingState(**content)
    except (KeyError, TypeError, AttributeError) as error:
        raise DataError(f"{path}: is not the state of a training ({error})") from error
    raise DataError(f"{path}: was written by another version of pahcl; begin the run again")


def data_digest(cycles: CycleSet) -> str:
    """A hash of the cycles: of where they are, and of the recordings' names and lengths."""
    digest = hashlib.sha256()
    for array in (cycles.offsets, cycles.recording, cycles.bounds):
        digest.update(array.tobytes())
    for recording in cycles.recordings:
        digest.update(f"{recording.recording_id}\n".encode())
    return digest.hexdigest()


def random_state(device: torch.device) -> dict[str, Any]:
    """Of torch's generators on the host and on the device; they are the same on every rank."""
    states: dict[str, Any] = {"cpu": torch.get_rng_state()}
    if device.type == "cuda":
        states["cuda"] = torch.cuda.get_rng_state(device)
    elif device.type == "mps":
        states["mps"] = torch.mps.get_rng_state()
    return states


def restore(
    state: TrainingState,
    *,
    encoder: nn.Module,
    heads: nn.Module,
    optimiser: Optimiser,
    data: str,
    device: torch.device,
) -> None:
    """Put a training back to where it stood.

    `data` is the `data_digest` of what it is to go on with.

    Raises:
        SettingError: If it was trained on other cycles.
    """
    if state.data != data:
        raise SettingError(
            "the recordings, or how they are segmented, have changed since the run began: it "
            "cannot be resumed, only begun again"
        )
    encoder.load_state_dict(dict(state.encoder))
    heads.load_state_dict(dict(state.heads))
    optimiser.load_state_dict(dict(state.optimiser))
    torch.set_rng_state(state.random["cpu"])
    if "cuda" in state.random and device.type == "cuda":
        torch.cuda.set_rng_state(state.random["cuda"], device)
    if "mps" in state.random and device.type == "mps":
        torch.mps.set_rng_state(state.random["mps"])
