"""What `pahcl doctor` looks at: Python, the distributions, torch, the disk, data, trackers."""

import os
import shutil
import sys
import tempfile
from collections.abc import Mapping, Sequence
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from pahcl_cli.doctor import Check, Finding, State
from pahcl_cli.doctor_wandb import wandb_findings
from pahcl_core.errors import DataError

_DISTRIBUTIONS = ("pahcl", "pahcl-core", "pahcl-track")
_EXTRAS = {
    "matplotlib": ("plot", "pictures"),
    "optuna": ("search", "sweeps"),
    "soundfile": ("flac", "FLAC recordings"),
    "onnx": ("export", "models as ONNX"),
    "wandb": ("wandb", "reports to W&B"),
}
_LITTLE, _TOO_LITTLE = 10 * 2**30, 2**29  # bytes: a collection and its runs; one run


def checks_of(output_dir: Path, data: Mapping[str, Path]) -> list[tuple[str, Check]]:
    """All checks, by name.

    Args:
        output_dir: Where runs are to be written.
        data: Folders of collections, by name.
    """
    return [
        ("python", python),
        ("pahcl", distributions),
        ("torch", torch_and_device),
        ("extras", extras),
        ("trackers", trackers),
        ("wandb", wandb_findings),
        ("disk", partial(disk, {"runs": output_dir, "temporary": Path(tempfile.gettempdir())})),
        *((f"data {name}", partial(collection, name, root)) for name, root in data.items()),
    ]


def python() -> list[Finding]:
    """Which it is; it is new enough, or this would not run."""
    said = f"{sys.version.split()[0]}, {sys.executable}"
    return [Finding(name="python", state="ok", said=said)]


def distributions() -> list[Finding]:
    """The three are of one version."""
    found: dict[str, str] = {}
    for name in _DISTRIBUTIONS:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "not installed"
    said = ", ".join(f"{name} {number}" for name, number in found.items())
    if len(set(found.values())) == 1 and "not installed" not in found.values():
        return [Finding(name="pahcl", state="ok", said=said)]
    remedy = "install the three at one version: pip install --upgrade pahcl pahcl-core pahcl-track"
    return [Finding(name="pahcl", state="broken", said=said, remedy=remedy)]


def torch_and_device() -> list[Finding]:
    """Where `auto` trains, in which precision, with how many threads."""
    try:
        import torch

        from pahcl_core.training.device import resolve_device
        from pahcl_core.training.machine import autocast_dtype
    except (ImportError, OSError) as error:  # OSError: a library of its own that is damaged
        return [
            Finding(
                name="torch",
                state="broken",
                said=" ".join(str(error).split()),
                remedy="reinstall it: pip install --force-reinstall torch",
            )
        ]
    device = resolve_device("auto")
    found = [Finding(name="torch", state="ok", said=torch.__version__)]
    name = torch.cuda.get_device_name() if device.type == "cuda" else "the processor"
    square = torch.ones(8, 8, device=device)
    if float((square @ square).sum()) != 512.0:
        return [
            *found,
            Finding(
                name="device",
                state="broken",
                said=f"{device.type} ({name}) does not compute rightly",
                remedy="train on the processor: --device cpu",
            ),
        ]
    missed = device.type == "cpu" and shutil.which("nvidia-smi") is not None
    found.append(
        Finding(
            name="device",
            state="warning" if missed else "ok",
            said=f"{device.type} ({name})"
            + (", though there is an NVIDIA driver" if missed else ""),
            remedy="install the CUDA build: https://pytorch.org/get-started" if missed else "",
        )
    )
    half = autocast_dtype("auto", device)
    precision = "float32" if half is None else str(half).removeprefix("torch.")
    found.append(Finding(name="precision", state="ok", said=f"{precision} by default"))
    return [*found, _threads(torch.get_num_threads())]


def _threads(number: int) -> Finding:
    there = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    there = there or 1
    said = f"{number} of torch, {there} cores"
    if number <= there:
        return Finding(name="threads", state="ok", said=said)
    return Finding(
        name="threads",
        state="warning",
        said=said,
        remedy=f"more threads than cores wait for each other: OMP_NUM_THREADS={there}",
    )


def extras() -> list[Finding]:
    """What is optional, and what lacks without it."""
    found = []
    for name, (extra, what) in _EXTRAS.items():
        try:
            said, there = version(name), True
        except PackageNotFoundError:
            said, there = f"not installed: no {what}", False
        found.append(
            Finding(
                name=name,
                state="ok" if there else "note",
                said=said,
                remedy="" if there else f"pip install 'pahcl[{extra}]'",
            )
        )
    return found


def trackers() -> list[Finding]:
    """Each that is installed is given a run of two rows."""
    from pahcl_cli.tracker_check import check_trackers

    return [
        Finding(
            name=f"tracker {one.tracker.name}",
            state="broken" if one.problem else "ok",
            said=one.problem or f"works ({one.note})",
            remedy="do without it, or mend it: pahcl track check" if one.problem else "",
        )
        for one in check_trackers(())
    ]


def disk(folders: Mapping[str, Path]) -> list[Finding]:
    """Whether there is room, and leave to write."""
    return [_disk(name, folder) for name, folder in folders.items()]


def _disk(name: str, folder: Path) -> Finding:
    state: State = "ok"
    said, remedy = _no_place(folder), ""
    if said:
        state = "broken"
        remedy = "give another folder: --output-dir" if name == "runs" else "set TMPDIR"
    else:
        free = shutil.disk_usage(_nearest(folder)).free
        said = f"{folder}: {free / 2**30:.1f} GiB free"
        if free < _LITTLE:
            state = "broken" if free < _TOO_LITTLE else "warning"
            remedy = "pahcl runs clean shows what may go" if name == "runs" else "set TMPDIR"
    return Finding(name=f"disk, {name}", state=state, said=said, remedy=remedy)


def _nearest(folder: Path) -> Path:
    """The folder, or the lowest above it that is there and can be seen."""
    whole = folder.absolute()
    return next(one for one in (whole, *whole.parents) if os.path.lexists(one))


def _no_place(folder: Path) -> str:
    """Why nothing can be written there; empty where something can."""
    there = _nearest(folder)
    if not there.is_dir():
        return f"{there}: is no folder"
    return "" if os.access(there, os.W_OK | os.X_OK) else f"{there}: cannot be written to"


def collection(name: str, root: Path) -> Sequence[Finding]:
    """Whether a folder holds what it is said to hold."""
    from pahcl_core.data.readers import collection_of, reader_of

    title = f"data {name}"
    try:
        read = reader_of(collection_of(name)).read(root, max_damaged=1.0, strict=False)
    except DataError as error:
        remedy = f"check the path; pahcl data download {name} fetches it"
        if name.partition(":")[0] == "folder":
            remedy = "check the path"
        return [Finding(name=title, state="broken", said=str(error), remedy=remedy)]
    said = f"{len(read.recordings)} recordings of {len(read.subjects)} subjects, {read.provenance}"
    damaged = len(read.problems)
    if not damaged:
        return [Finding(name=title, state="ok", said=said)]
    return [
        Finding(
            name=title,
            state="warning",
            said=f"{said}; {damaged} things cannot be used",
            remedy=f"pahcl data check {root} names them",
        )
    ]
