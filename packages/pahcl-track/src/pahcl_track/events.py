"""What happens in a run after its start, each with its number in the journal."""

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from pahcl_track.encoding import Plain
from pahcl_track.protocol import Outcome


class Row(NamedTuple):
    """Values at a step."""

    number: int
    time_s: float
    """Since the epoch of the system clock."""

    step: int
    values: Mapping[str, Plain]


class Saved(NamedTuple):
    """A file kept with the run."""

    number: int
    time_s: float
    path: Path
    kind: str


class Resumed(NamedTuple):
    """From here on the run goes on from an earlier step; what was logged after it is void."""

    number: int
    time_s: float
    step: int


class Ended(NamedTuple):
    """The run is over."""

    number: int
    time_s: float
    outcome: Outcome


Event = Row | Saved | Resumed | Ended
