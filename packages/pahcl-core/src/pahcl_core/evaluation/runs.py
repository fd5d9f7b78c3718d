"""What the directories of runs say at a glance: by small files alone, without torch or NumPy.

Of a journal its first line and its end are read, however long it is. How a run stands:

- `complete`: its final metrics are written, and nothing is left to go on from.
- `running`: a process holds its log.
- `failed`: its journal ends with an error.
- `interrupted`: it was stopped, or killed; it can be gone on with.
- `damaged`: a file of it cannot be read; the reason says which.
"""

import json
import os
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, cast

from pahcl_core.errors import DataError
from pahcl_core.training.run_directory import CONFIG, LOG, METRICS, STATE, STUDY, is_in_use
from pahcl_track.journal import JOURNAL

State = Literal["complete", "running", "failed", "interrupted", "damaged"]
PRETRAIN = "pretrain"
_LOWER_IS_BETTER = ("loss", "cost")

_MOST_DEEP = 4  # folders below the one that is listed
_NO_MOMENT_S = 253_402_300_800  # the year 10000
_END = 16_384  # bytes; a last line that is longer is read with more


@dataclass(frozen=True, kw_only=True, slots=True)
class RunSummary:
    """One run, as far as its directory tells."""

    directory: Path
    name: str
    """Its directory, below the one that was listed."""

    state: State
    reason: str = ""
    """Of a failure or damage, in one line."""

    task: str | None = None
    """Of a fine-tuning; `pretrain` for a pretraining."""

    kind: str | None = None
    """`pretrain`, `finetune`, `linear_eval`, `baseline`, …"""

    seed: int | None = None
    begun_s: float | None = None
    """Seconds since 1970."""

    group: str | None = None
    tags: tuple[str, ...] = ()
    config: Mapping[str, Any] = field(default_factory=dict)
    metrics: Mapping[str, Any] = field(default_factory=dict)
    """The content of `final_metrics.json`; empty where there is none."""

    def metric(self, name: str) -> tuple[float | None, float | None, float | None]:
        """A figure such as `test_auroc`, and the ends of its interval; None for what there is not.

        Args:
            name: As in `final_metrics.json`.
        """
        value = self.metrics.get(name)
        split, _, metric = name.partition("_")
        intervals = self.metrics.get("intervals")
        by_split = intervals.get(split) if isinstance(intervals, Mapping) else None
        ends = by_split.get(metric) if isinstance(by_split, Mapping) else None
        low, high = ends if isinstance(ends, list) and len(ends) == 2 else (None, None)
        return _number(value), _number(low), _number(high)


def _number(value: object) -> float | None:
    """None for what is none, or is beyond all floats."""
    try:
        return float(value) if isinstance(value, int | float) else None
    except OverflowError:
        return None


def lower_is_better(metric: str) -> bool:
    """Whether the smallest value of a metric is the best; `loss_murmur` is the loss of a label."""
    return any(metric == one or metric.startswith(f"{one}_") for one in _LOWER_IS_BETTER)


def section(metrics: Mapping[str, Any], *path: str) -> Mapping[str, Any]:
    """A table within metrics; empty where there is none."""
    found: Any = metrics
    for name in path:
        found = found.get(name) if isinstance(found, Mapping) else None
    return found if isinstance(found, Mapping) else {}


def find_runs(root: Path) -> Iterator[Path]:
    """The directories of runs in a folder and below, in the order of their names.

    Nothing inside a run is looked for, nor in what is hidden, nor behind links. A folder below that
    cannot be read may be one, too.

    Raises:
        DataError: If there is no such folder, or it cannot be read.
    """
    yield from _find(root, 0)


def _inside(folder: Path) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            return sorted(entries, key=lambda entry: entry.name)
    except OSError as error:
        raise DataError(f"{folder}: cannot be read: {error.strerror}") from error


def _find(folder: Path, depth: int) -> Iterator[Path]:
    try:
        inside = _inside(folder)
    except DataError:
        if depth == 0:
            raise
        yield folder  # which is told as of a run that is damaged
        return
    names = {entry.name for entry in inside}
    if METRICS in names or JOURNAL in names or {CONFIG, LOG} <= names:
        yield folder
    elif depth < _MOST_DEEP:
        for entry in inside:
            if not entry.name.startswith(".") and entry.is_dir(follow_symlinks=False):
                yield from _find(folder / entry.name, depth + 1)


def list_runs(root: Path) -> list[RunSummary]:
    """Every run in a folder and below.

    Raises:
        DataError: If there is no such folder, or it cannot be read.
    """
    return [read_run(directory, root=root) for directory in find_runs(root)]


def read_run(directory: Path, *, root: Path | None = None) -> RunSummary:
    """What a run's directory says; whatever is wrong with it is in `state` and `reason`.

    Args:
        directory: Of the run.
        root: The folder that is listed; the run's name is relative to it.
    """
    name = directory.name or str(directory)
    if root is not None and directory != root:
        name = directory.relative_to(root).as_posix()
    try:
        return _read(directory, name)
    except DataError as error:
        return RunSummary(directory=directory, name=name, state="damaged", reason=str(error))


def _read(directory: Path, name: str) -> RunSummary:
    _inside(directory)  # refuses one that cannot be read
    metrics = _json_object(directory / METRICS)
    first, last = _ends_of_journal(directory / JOURNAL)
    run = first.get("run")
    run = run if isinstance(run, Mapping) else {}
    config = run.get("config")
    if not isinstance(config, Mapping):
        config = _toml_table(directory / CONFIG) or _toml_table(directory / STUDY)
    state, reason = _state(directory, bool(metrics), last)
    tracking = config.get("tracking")
    tracking = tracking if isinstance(tracking, Mapping) else {}
    seed, task = config.get("seed"), config.get("task", PRETRAIN if config else None)
    group = run.get("group", tracking.get("group"))
    tags = run.get("tags", tracking.get("tags", ()))
    begun = _number(first.get("t"))
    if begun is None or not 0 <= begun < _NO_MOMENT_S:
        begun = _modified(directory / CONFIG)
    return RunSummary(
        directory=directory,
        name=name,
        state=state,
        reason=reason,
        task=task if isinstance(task, str) else None,
        kind=_kind(run, config),
        seed=seed if isinstance(seed, int) else None,
        begun_s=begun,
        group=group if isinstance(group, str) else None,
        tags=tuple(map(str, tags)) if isinstance(tags, list | tuple) else (),
        config=config,
        metrics=metrics,
    )


def _kind(run: Mapping[str, Any], config: Mapping[str, Any]) -> str | None:
    """As a tracker is told it; else as the settings have it."""
    told = run.get("job_type")
    if isinstance(told, str) or not config:
        return told if isinstance(told, str) else None
    if "task" not in config:
        return PRETRAIN
    if "features" in config:
        return "baseline"
    return "linear_eval" if config.get("linear_eval") is True else "finetune"


def _state(directory: Path, has_metrics: bool, last: Mapping[str, Any]) -> tuple[State, str]:
    if has_metrics and not (directory / STATE).exists():  # which goes last of all
        return "complete", ""
    if is_in_use(directory):
        return "running", ""
    end = last.get("finish")
    if not isinstance(end, Mapping):
        return "interrupted", "it ended without a word, as a killed process does"
    if end.get("status") == "failed":
        return "failed", " ".join(str(end.get("error") or "it does not say why").split())
    if end.get("status") == "completed" and not has_metrics:
        return "complete", ""  # of another program, which has metrics in its journal alone
    return "interrupted", ""


def _ends_of_journal(path: Path) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
    """The first event, and the last one that is whole; empty where there is none."""
    try:
        with path.open("rb") as file:
            first = file.readline()
            size = file.seek(0, os.SEEK_END)
            begin = size
            tail = b""
            while begin > 0 and tail.rstrip(b"\n").count(b"\n") < 2:
                step = min(begin, max(_END, len(tail)))
                begin -= step
                file.seek(begin)
                tail = file.read(step) + tail
    except FileNotFoundError:
        return {}, {}
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror}") from error
    for line in reversed(tail.splitlines()):  # a kill may have cut the very last one
        if event := _event(line):
            return _event(first), event
    return _event(first), {}


def _event(line: bytes) -> Mapping[str, Any]:
    try:
        content = json.loads(line)
    except (ValueError, RecursionError):
        return {}
    return content if isinstance(content, dict) else {}


def _json_object(path: Path) -> Mapping[str, Any]:
    try:
        content = json.loads(path.read_bytes())
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror}") from error
    except ValueError as error:
        raise DataError(f"{path}: is no JSON: {error}") from error
    except RecursionError as error:
        raise DataError(f"{path}: is no JSON of a run: it is nested too deep") from error
    if not isinstance(content, dict) or not content:
        raise DataError(f"{path}: is no JSON object with metrics")
    return cast(Mapping[str, Any], content)


def _toml_table(path: Path) -> Mapping[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise DataError(f"{path}: is no TOML: {error}") from error
    except RecursionError as error:
        raise DataError(f"{path}: is no TOML of a run: it is nested too deep") from error


def _modified(path: Path) -> float | None:
    try:
        return path.stat().st_mtime
    except OSError:
        return None
