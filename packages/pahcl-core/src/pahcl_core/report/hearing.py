"""The recordings behind a run's predictions: found where they were, prepared as the run did."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
from jaxtyping import Float64

from pahcl_core.config import from_dict
from pahcl_core.data.collection import Collection, Recording
from pahcl_core.data.csv_table import read_table
from pahcl_core.data.preparation import PreparedRecording, SignalConfig, prepare_recording
from pahcl_core.data.readers import reader_of_task
from pahcl_core.data.tasks import Task
from pahcl_core.errors import DataError
from pahcl_core.report.material import Material
from pahcl_core.training.run_directory import INSTANCES

_SAME_S = 0.002  # cycles are written to a tenth of a millisecond, and cut to whole samples


class Share(NamedTuple):
    """A cycle, and what it has to do with what is said."""

    begin_s: float
    end_s: float
    weight: float
    probabilities: Mapping[str, float]
    """What would be said if it were the only one: by class, or by label where there are several."""


Shares = Sequence[Share]


@dataclass(frozen=True, kw_only=True, slots=True)
class Heard:
    """A recording, and what it has to do with a prediction."""

    recording: Recording
    name: str
    """Its path in the collection."""

    prepared: PreparedRecording
    sample_rate: int
    """Of the prepared samples, in hertz."""

    num_recordings: int
    """That the prediction rests on."""

    shares: Shares
    """Of its cycles; empty where a run does not tell them, as a baseline does not."""

    @property
    def bounds_s(self) -> Float64[np.ndarray, "cycles 5"]:
        """Its cycles and their phases; none where it was heard in windows, or is another now."""
        if self.prepared.source == "windows" or self.has_changed:
            return np.zeros((0, 5))
        return self.prepared.bounds_s

    @property
    def has_changed(self) -> bool:
        """Whether the cycles that a prediction rests on are no longer in it."""
        if self.prepared.source == "windows" or not self.shares:
            return False
        starts = self.prepared.bounds_s[:, 0]
        return any(np.abs(starts - begin).min() > _SAME_S for begin, *_ in self.shares)


class Hearing:
    """Finds recordings of a run's test units.

    Raises:
        DataError: If the recordings are not where they were, or nothing of them can be read.
    """

    def __init__(self, material: Material, task: Task, data_dir: Path | None = None) -> None:
        config = material.run.config
        root = data_dir or Path(str(config.get("data_dir", "")))
        if not config.get("data_dir") and data_dir is None:
            raise DataError("the run does not tell where its recordings are")
        if not root.is_dir():
            raise DataError(f"the recordings are not in {root} any more; name their folder")
        reader = reader_of_task(task)
        self._collection = reader.read(root, max_damaged=1.0, strict=False)
        source = f"{material.run.directory}: signal"
        signal = config.get("signal")
        self._signal = from_dict(SignalConfig, signal or {}, source=source)
        self._shares = _shares(material.run.directory / INSTANCES)

    @property
    def has_shares(self) -> bool:
        """Whether it is known what predictions rest on."""
        return bool(self._shares)

    def of(self, unit: str) -> Heard | None:
        """The recording that counted for most in what is said of a unit; None if it has none."""
        known = self._shares.get(unit, {})
        own = [one for one in self._collection.recordings if one.subject_id == unit]
        weights = {
            one.path: sum(share.weight for share in known.get(_name(one, self._collection), ()))
            for one in own
        }
        if not own:
            return None
        chosen = max(own, key=lambda one: weights[one.path])
        name = _name(chosen, self._collection)
        return Heard(
            recording=chosen,
            name=name,
            prepared=prepare_recording(chosen, self._signal),
            sample_rate=self._signal.sample_rate,
            num_recordings=len(known) or len(own),
            shares=known.get(name, ()),
        )


def _name(recording: Recording, collection: Collection) -> str:
    return recording.path.relative_to(collection.root).as_posix()


def _shares(path: Path) -> Mapping[str, Mapping[str, Shares]]:
    """By unit and recording; empty where there is no such file.

    Raises:
        DataError: If there is one, and it cannot be read.
    """
    if not path.is_file():
        return {}
    columns = ("subject_id", "recording", "start_s", "stop_s", "weight")
    table = read_table(path, file=path.name, required=columns)
    said = [name for name in table.columns if name.startswith("p_")]
    found: dict[str, dict[str, list[Share]]] = {}
    for number, row in table.rows:
        try:
            begin, end, weight = (float(row[name]) for name in columns[2:])
            probabilities = {name.removeprefix("p_"): float(row[name]) for name in said}
        except ValueError as error:
            raise DataError(f"{path}, row {number}: is no cycle") from error
        of_unit = found.setdefault(row["subject_id"], {})
        share = Share(begin, end, weight, probabilities)
        of_unit.setdefault(row["recording"], []).append(share)
    return found
